import assert from 'node:assert/strict';
import { describeSource, type SourceRun } from '../../../testkit/index.js';
import { type Api, makeApi, makeDataDir, root, startApi } from './make-api.js';

describe('adapters/api', () => {
  let api: Api;
  let keeper: SourceRun;
  let remove: () => Promise<void>;

  before(async () => {
    const data = await makeDataDir();
    remove = data.remove;
    api = makeApi(data.dir);
    // The registry is the source itself: it takes registrations while it runs.
    keeper = await startApi(api);
  });

  after(async () => {
    await keeper?.stop();
    await remove?.();
  });

  describeSource('api', {
    createSource: () => api.source,
    registry: {
      put: async (service, { id, address, port, weight, metadata, healthy }) => {
        const health = healthy ? 'healthy' : 'unhealthy';
        const path = `${root}/${service}/instances/${id}`;
        const { status, body } = await api.client.put(path, { address, port, weight, metadata, health });
        assert.ok(status === 200 || status === 201, JSON.stringify(body));
      },
      remove: async (service, id) => {
        await api.client.delete(`${root}/${service}/instances/${id}`);
      },
    },
  });
});
