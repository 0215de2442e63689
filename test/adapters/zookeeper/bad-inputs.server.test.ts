import assert from 'node:assert/strict';
import type { SourceOutput } from '../../../core/plugin/index.js';
import type { Recorder } from '../../../testkit/index.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { DubboRegistryWriter } from '../../support/dubbo-registry-writer.js';
import { poll } from '../../support/poll.js';
import { ZookeeperWriter } from '../../support/zookeeper-writer.js';
import { instanceJson, makeSource, metadataJson, providerName, withRun } from './support.js';

const greet = 'lab.api.Greet';
const good = 'lab.api.Good';

describe('the zookeeper source and bad znodes', function () {
  this.timeout(120_000);
  let server: ZookeeperServer;
  let writer: DubboRegistryWriter;
  let data: ZookeeperWriter;
  let count = 0;
  let root = '';

  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500 });
    writer = await DubboRegistryWriter.connect(server.address);
    data = await ZookeeperWriter.connect(server.address);
  });
  after(async () => {
    await writer?.close();
    await data?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    root = `/bad${++count}`;
    await writer.make(`${root}/${good}/providers/${providerName(good, '10.0.0.1:1')}`);
  });

  const source = () =>
    makeSource([server.address], {
      dubbo: { root, servicesRoot: `${root}-services`, configRoot: `${root}/config` },
    });
  const url = (text: string) => `${root}/${greet}/providers/${encodeURIComponent(text)}`;
  const providers = (recorder: Recorder, name: string) => recorder.services.get(name)?.instances.map(({ id }) => id);
  const untouched = (recorder: Recorder) => {
    assert.deepEqual(providers(recorder, `${good}::`), ['dubbo://10.0.0.1:1']);
    assert.deepEqual(recorder.problems, []);
  };

  it('leaves out bad providers one by one, each with its reason, and nothing else', async () => {
    const bad: [node: string, reason: RegExp][] = [
      [url('no-url-at-all'), /not a Dubbo URL/],
      [`${root}/${greet}/providers/${encodeURIComponent(providerName(greet, '10.0.1.1:1'))}`, /not a Dubbo URL/],
      [url(`dubbo://10.0.1.2:-1/${greet}`), /port/],
      [url(`dubbo://10.0.1.3:65536/${greet}`), /port/],
      [url(`dubbo://10.0.1.4:080/${greet}`), /port/],
      [url(`dubbo://10.0.1.5:0/${greet}`), /port/],
      [url(`dubbo://10.0.1.6/${greet}`), /port/],
      [url(`dubbo://[fe80::1%25eth0]:1/${greet}`), /zone|address/],
      [url(`dubbo://0.0.0.0:1/${greet}`), /unspecified/],
      [url(`dubbo://169.254.169.254:1/${greet}`), /link-local/],
      [url(`dubbo://010.1.1.1:1/${greet}`), /address/],
      [url(`dubbo://10.0.1.7:1/${greet}?weight=NaN`), /weight/],
      [url(`dubbo://10.0.1.8:1/${greet}?weight=1e999`), /weight/],
      [url(`dubbo://10.0.1.9:1/${greet}?version=a:b`), /version/],
      [url(`dubbo://10.0.1.10:1/${greet}?group=a%0d%0ab`), /group/],
      [url(`dubbo://10.0.1.11:1/other.Interface`), /interface/],
      [url(`gopher://10.0.1.12:1/${greet}`), /protocol/],
    ];
    for (const [node] of bad) await writer.make(node);
    await writer.make(url(`dubbo://10.0.0.2:1/${greet}?interface=${greet}&weight=-5&__proto__=x&constructor=y`));
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      const services = [...recorder.services.values()].filter(({ name }) => name.startsWith(greet));
      const rejected = services.flatMap((service) => service.rejected ?? []);
      assert.equal(rejected.length, bad.length, JSON.stringify(rejected, undefined, 1));
      for (const [, reason] of bad)
        assert.ok(
          rejected.some((one) => reason.test(one.reason)),
          `${reason}`,
        );
      for (const { record } of rejected) assert.match(record, /^[\x20-\x7e…]{1,200}$/);
      assert.deepEqual(providers(recorder, `${greet}::`), ['dubbo://10.0.0.2:1']);
      const [instance] = recorder.services.get(`${greet}::`)?.instances ?? [];
      assert.equal(instance?.weight, 0);
      assert.deepEqual(Object.fromEntries(Object.entries(instance?.metadata ?? {}))['constructor'], 'y');
      assert.ok(Object.hasOwn(instance?.metadata ?? {}, '__proto__'));
      assert.equal(instance?.metadata['toString'], undefined, 'it inherits nothing');
      untouched(recorder);
    });
  });

  it('takes no name for an interface that is none, and mixes up none', async () => {
    const names = [
      '..%2f..',
      '%00',
      '%0d%0aevil',
      '%1b[31m',
      '\u202etxt',
      '__proto__',
      'constructor',
      '*',
      'a'.repeat(300),
      '%zz',
      'LAB.api.good',
    ];
    for (const name of names) {
      await writer.make(`${root}/${name}/providers/${providerName(decodeName(name), '10.6.6.6:1')}`);
    }
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      untouched(recorder);
      const shown = [...recorder.services.keys()].sort();
      assert.deepEqual(shown, ['*::', 'LAB.api.good::', '__proto__::', 'constructor::', `${good}::`].sort());
      for (const name of ['__proto__', 'constructor']) {
        assert.deepEqual(providers(recorder, `${name}::`), ['dubbo://10.6.6.6:1']);
      }
    });
  });

  it('survives data of a mebibyte, deep JSON and YAML bombs, in instances, reports and rules', async () => {
    const services = `${root}-services`;
    await data.create(`${services}/shop/10.0.0.3:1`, instanceJson('shop', '10.0.0.3:1', 'r1'));
    await data.create(`${root}/metadata/shop/r1`, metadataJson('shop', 'r1', [good]));
    const deep = '['.repeat(100_000);
    await data.create(`${services}/shop/huge`, JSON.stringify({ payload: 'x'.repeat(1_000_000) }));
    await data.create(`${services}/shop/deep`, deep);
    await data.create(`${root}/config/dubbo/shop.configurators`, deep);
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((key, at) => `${key}: &${key} [${`*${'abcdefg'[at]},`.repeat(8)}]`),
    ];
    await data.create(`${root}/config/dubbo/shop.tag-router`, bomb.join('\n'));
    await data.create(`${root}/config/dubbo/${good}.condition-router`, 'x'.repeat(1_000_000));
    await withRun(source(), async ({ recorder }) => {
      await recorder.waitFor(() => recorder.synced);
      assert.deepEqual(providers(recorder, `${good}::`), ['dubbo://10.0.0.1:1', 'dubbo://10.0.0.3:1']);
      assert.match(recorder.notices.get('rejected-instances') ?? '', /^1 instances/);
      const effects = recorder.services.get(`${good}::`)?.rules?.map(({ effect }) => effect) ?? [];
      assert.ok(effects.length > 0 && effects.every((effect) => effect === 'rejected'), `${effects}`);
    });
  });

  it('reads 100,000 children of one node without a stall', async () => {
    const path = `${root}/${greet}/providers`;
    await writer.make(path);
    const children = 100_000;
    for (let from = 0; from < children; from += 2000) {
      const batch = Array.from({ length: 2000 }, (_, index) => {
        const at = from + index;
        return providerName(greet, `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}:1`, `&version=${at % 1000}`);
      });
      await Promise.all(batch.map((name) => writer.make(`${path}/${name}`)));
    }
    // Of this process alone, so that others on the machine count for nothing.
    const turns = new TurnMeter();
    let instances = 0;
    const out: SourceOutput = {
      published: () => new Map(),
      replaceAll: (services) => {
        for (const service of services) instances += service.instances.length;
      },
      ...{ upsert: () => undefined, remove: () => undefined, degraded: () => undefined, recovered: () => undefined },
      ...{ notice: () => undefined, consumers: () => undefined, audited: () => undefined },
    };
    const stop = new AbortController();
    const run = source().run(out, stop.signal);
    try {
      await poll(() => instances > 0, { timeoutMs: 90_000, what: 'the listing' });
      assert.equal(instances, children + 1);
      assert.ok(turns.longestMs < 400, `one turn of the event loop took ${turns.longestMs} ms of CPU time`);
    } finally {
      turns.stop();
      stop.abort();
      await run;
    }
  });
});

/** Measures the longest CPU time, of all threads, that passes between two looks of a timer that is due all the time. */
class TurnMeter {
  longestMs = 0;
  #last = process.cpuUsage();
  readonly #timer = setInterval(() => {
    const { user, system } = process.cpuUsage(this.#last);
    this.longestMs = Math.max(this.longestMs, Math.round((user + system) / 1000));
    this.#last = process.cpuUsage();
  }, 10);

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** As it stands in a URL's interface: undecodable names are given as they are. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
