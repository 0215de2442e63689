import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe } from 'mocha';
import { describeSource, type SampleInstance } from '../../../testkit/index.js';
import { makeFolder, makeSource, writeAtomically } from './make-source.js';

const path = join(makeFolder(), 'services.json');
const away = `${path}.away`;
const services = new Map<string, Map<string, SampleInstance>>();
let isAway = false;

function write(): void {
  const document = {
    services: [...services].map(([name, instances]) => ({
      name,
      instances: [...instances.values()].map(({ healthy, ...instance }) => ({
        ...instance,
        health: healthy ? 'healthy' : 'unhealthy',
      })),
    })),
  };
  writeAtomically(isAway ? away : path, JSON.stringify(document));
}

describe('adapters/file', () => {
  before(write);

  describeSource('file', {
    createSource: () => makeSource({ path, recheckMs: 200 }),
    registry: {
      put: async (service, instance) => {
        services.set(service, (services.get(service) ?? new Map<string, SampleInstance>()).set(instance.id, instance));
        write();
      },
      remove: async (service, id) => {
        services.get(service)?.delete(id);
        write();
      },
      stop: async () => {
        if (!isAway) renameSync(path, away);
        isAway = true;
      },
      start: async () => {
        if (isAway) renameSync(away, path);
        isAway = false;
      },
    },
    outageMs: 500,
  });
});
