import assert from 'node:assert/strict';
import { HostTemplate } from '../../core/catalog/host-template.js';
import { LiveCatalog } from '../../core/catalog/live-catalog.js';
import { Naming } from '../../core/catalog/naming.js';
import { Readiness } from '../../core/catalog/readiness.js';
import { createLogger } from '../../core/telemetry/logger.js';
import { DiscoveryResponse } from '../../proto/gen/discovery.js';
import { Resource } from '../../proto/gen/mcp.js';
import { ResourceSet } from '../../sinks/istio/resource-set.js';
import { assembled, istioOptions } from '../sinks/support/istio.js';
import { anInstance, aService } from '../support/model.js';
import { costOf } from './measure.js';
import { badNames } from './names.js';

const dnsName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

describe('bad names of services', () => {
  const lines: string[] = [];
  const logger = createLogger({
    ...{ level: 'info', format: 'json', site: 'test' },
    destination: { write: (line: string) => void lines.push(line) },
  });

  /** A catalog of one source with these services, and what went wrong. */
  function catalogOf(names: readonly string[]) {
    const catalog = new LiveCatalog({
      sources: ['s'],
      naming: new Naming([], new Map([['s', new HostTemplate('{name}.mesh')]])),
      policyOf: () => ({ mode: 'union' }),
      readiness: new Readiness([]),
      onProblem: (problem) => logger.warn(problem, 'the catalog can not do this as asked'),
    });
    // Each has an address of its own, so that it shows which service a host leads to.
    const services = names.map((name, index) => aService(name, [anInstance(name, { address: `10.0.1.${index + 1}` })]));
    catalog.apply(
      's',
      services.map((service) => [service.name, service] as const),
    );
    return catalog;
  }
  const resourcesOf = (catalog: LiveCatalog) => {
    const set = new ResourceSet(istioOptions({ labels: ['version'] }), {
      onInvalid: (host, reasons) => logger.warn({ host, reasons }, 'invalid'),
      onDefects: () => undefined,
    });
    const upserts = [...catalog.snapshot().services.values()];
    set.apply({ revision: 1, reset: true, upserts, removes: [] });
    const nothing = Buffer.alloc(0);
    return DiscoveryResponse.decode(assembled(set).concat(nothing, nothing)).resources.map(({ value }) =>
      Resource.decode(value),
    );
  };

  const all = badNames.map(([, name]) => name);

  it('become hosts that DNS can have, no two of them one, or none with a reason', () => {
    const catalog = catalogOf(all);
    const { services } = catalog.snapshot();
    const shown = new Map<string, string>();
    for (const [host, { origins }] of services) {
      assert.match(host, dnsName);
      assert.equal(origins.length, 1, `${host} is of one service`);
      const service = origins[0]?.service ?? '';
      assert.equal(shown.has(service), false, `${JSON.stringify(service)} has one host`);
      shown.set(service, host);
      assert.equal(origins[0]?.instances[0]?.id, service, 'and its own instance');
    }
    const reasons = catalog.problems();
    for (const [what, name] of badNames) {
      const said = shown.has(name) || reasons.some((problem) => JSON.stringify(problem).length > 0);
      assert.ok(said, what);
    }
    assert.ok(shown.has('__proto__'));
    assert.ok(shown.has('constructor'));
    for (const plain of ['orders', 'kinetic'])
      assert.equal(shown.get(plain), `${plain}.mesh`, 'the one that is plain has it');
    assert.equal(services.size + new Set(all.filter((name) => !shown.has(name))).size, new Set(all).size);
  });

  it('do not change what others are, to the byte', () => {
    const good = ['shop', 'users', 'pay.eu'];
    const before = new Map(resourcesOf(catalogOf(good)).map((resource) => [resource.metadata?.name, resource.body]));
    // The very same addresses: the good ones come first.
    const after = new Map(
      resourcesOf(catalogOf([...good, ...all])).map((resource) => [resource.metadata?.name, resource.body]),
    );
    for (const [name, body] of before) assert.deepEqual(after.get(name), body, name);
    for (const name of after.keys()) assert.match(name ?? '', /^legacy\/[a-z0-9.-]{1,253}$/);
  });

  it('forge no line of the log, and are told once', () => {
    lines.length = 0;
    const catalog = catalogOf(all);
    for (const name of all) logger.info({ service: name }, 'a service');
    for (const line of lines) {
      assert.equal(line.indexOf('\n'), line.length - 1, 'one line');
      assert.ok(line.length < 5000, 'a short one');
      const parsed = JSON.parse(line) as { level: string; msg: string };
      assert.notEqual(parsed.msg, 'forged');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
    }
    const { length } = lines;
    catalog.apply(
      's',
      all.map((name) => [name, aService(name)] as const),
    );
    assert.ok(lines.length - length <= 1, 'nothing new to be said');
  });

  it('cost little', async () => {
    const { cpuMs, heldMiB } = await costOf(() => resourcesOf(catalogOf(all)));
    assert.ok(cpuMs < 200, `${cpuMs} ms`);
    assert.ok(heldMiB < 64, `${heldMiB} MiB`);
  });
});
