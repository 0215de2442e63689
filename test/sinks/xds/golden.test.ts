import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { CatalogService } from '../../../core/catalog/catalog.js';
import type { Instance, Port } from '../../../core/plugin/index.js';
import { xdsSchema } from '../../../sinks/xds/config.js';
import { resourcesOptions } from '../../../sinks/xds/options.js';
import { XdsResources } from '../../../sinks/xds/resources.js';
import { types } from '../../../sinks/xds/types.js';
import { readable } from './support/readable.js';

const dir = fileURLToPath(new URL('golden/', import.meta.url));
const update = process.env['UPDATE_GOLDEN'] === '1';

/** What a folder shows of the resources that its cases become. */
const shownTypes: Readonly<Record<string, readonly string[]>> = {
  endpoints: [types.endpoints],
  clusters: [types.cluster],
  routes: [types.routes],
  listeners: [types.listener],
  dubbo: [types.dubboRoutes],
  thrift: [types.thriftRoutes],
  proxyless: Object.values(types),
  refused: Object.values(types),
};

interface Case {
  readonly about: string;
  /** Keys of the sink. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly services: readonly {
    readonly host: string;
    readonly ports: readonly Port[];
    readonly attributes?: Readonly<Record<string, string>>;
    readonly instances?: readonly Partial<Instance>[];
  }[];
}

function toService({ host, ports, attributes = {}, instances = [] }: Case['services'][number]): CatalogService {
  const whole = instances.map((instance, index): Instance => {
    const rest: Instance = { id: `i${index}`, address: '', ports: {}, health: 'healthy', weight: 100, metadata: {} };
    return { ...rest, ...instance };
  });
  const origin = { source: 'test', service: host, attributes, instances: whole, active: true };
  return { host, ports, metadata: {}, origins: [origin], version: '' };
}

function convert(folder: string, { config = {}, services }: Case): object {
  const refused: Record<string, readonly string[]> = {};
  const leftOut: Record<string, string[]> = {};
  const resources = new XdsResources(resourcesOptions(xdsSchema.parse(config)), {
    onInvalid: (host, reasons) => {
      refused[host] = reasons;
    },
    onDefects: (host, defects) => {
      const lines = defects.map(({ part, of, reason }) => `${part} ${of}: ${reason}`);
      leftOut[host] = [...(leftOut[host] ?? []), ...lines];
    },
  });
  const changes = resources.apply({ revision: 1, reset: true, upserts: services.map(toService), removes: [] });
  const sent: Record<string, object> = {};
  for (const change of changes) {
    assert.equal(change.kind, 'set');
    if (change.kind !== 'set' || !shownTypes[folder]?.includes(change.resource.typeUrl)) continue;
    const { name, typeUrl } = change.resource;
    sent[`${typeUrl.replace(/^.*\./, '')} ${name}`] = readable(change.resource);
  }
  return { resources: sent, ...(nonEmpty(refused) && { refused }), ...(nonEmpty(leftOut) && { leftOut }) };
}

function nonEmpty(record: object): boolean {
  return Object.keys(record).length > 0;
}

/** Each `golden/<type>/<name>.in.yaml` is a case; `<name>.out.yaml` is rewritten with UPDATE_GOLDEN=1. */
describe('catalog services → xDS resources, golden files', () => {
  for (const folder of Object.keys(shownTypes)) {
    const names = readdirSync(`${dir}${folder}`).flatMap((file) => /^(.+)\.in\.yaml$/.exec(file)?.[1] ?? []);
    assert.ok(names.length > 0, `no case of ${folder}`);
    for (const name of names.sort()) {
      const input = parse(readFileSync(`${dir}${folder}/${name}.in.yaml`, 'utf8')) as Case;
      it(`${folder}, ${name}: ${input.about}`, () => {
        const file = `${dir}${folder}/${name}.out.yaml`;
        const output = stringify(convert(folder, input), { lineWidth: 140, aliasDuplicateObjects: false });
        if (update) writeFileSync(file, output);
        assert.ok(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 writes it`);
        assert.equal(output, readFileSync(file, 'utf8'));
      });
    }
  }
});
