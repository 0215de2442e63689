import { isDeepStrictEqual } from 'node:util';
import { type Instance, isServing } from '../../../core/plugin/index.js';
import { type Recorder, SourceRun } from '../../../testkit/index.js';
import {
  type DubboConsumer,
  type DubboConsumerOptions,
  type DubboCounts,
  type DubboProvider,
  type DubboVersion,
  GREETING_SERVICE,
  startDubboConsumer,
  startDubboProvider,
} from '../../servers/dubbo.js';
import { startZookeeper, type ZookeeperServer } from '../../servers/zookeeper.js';
import { poll } from '../../support/poll.js';
import { ZookeeperWriter } from '../../support/zookeeper-writer.js';
import { makeSource } from './support.js';

const greeting = `${GREETING_SERVICE}:1.0.0:g1`;
const key = `g1/${GREETING_SERVICE}:1.0.0`;
const below = `/dubbo/${GREETING_SERVICE}`;
const rules = '/dubbo/config/dubbo';
const calls = 400;
const deadlineMs = 60_000;

interface Setting {
  readonly registerMode: 'interface' | 'instance';
  /** By their names in answers. */
  readonly providers: Readonly<Record<string, DubboVersion>>;
  readonly consumers: Readonly<Record<string, Pick<DubboConsumerOptions, 'version' | 'migration'>>>;
}

const settings: Readonly<Record<string, Setting>> = {
  'by interface': {
    registerMode: 'interface',
    providers: { old: '2.7', new: '3.3' },
    consumers: { 'buyer-27': { version: '2.7' }, 'buyer-33': { version: '3.3', migration: 'FORCE_INTERFACE' } },
  },
  'by application': {
    registerMode: 'instance',
    providers: { old: '3.3', new: '3.3' },
    consumers: { 'buyer-33': { version: '3.3', migration: 'FORCE_APPLICATION' } },
  },
};

/** What part of the calls each is to get, by its name; who is not named gets none. */
type Shares = Readonly<Record<string, number>>;

for (const [how, { registerMode, providers, consumers }] of Object.entries(settings)) {
  describe(`rules that real consumers of Dubbo follow, ${how}`, function () {
    this.timeout(240_000);
    let zookeeper: ZookeeperServer;
    let writer: ZookeeperWriter;
    let run: SourceRun;
    let recorder: Recorder;
    const providing = new Map<string, DubboProvider>();
    const consuming = new Map<string, DubboConsumer>();

    before(async () => {
      zookeeper = await startZookeeper();
      writer = await ZookeeperWriter.connect(zookeeper.address);
      const common = { registry: `zookeeper://${zookeeper.address}`, group: 'g1', serviceVersion: '1.0.0' };
      for (const [callName, version] of Object.entries(providers)) {
        // At their full weight from the start.
        const own = { application: 'shop', callName, version, registerMode, parameters: { warmup: '1' } };
        providing.set(callName, await startDubboProvider({ ...common, ...own }));
      }
      for (const [application, own] of Object.entries(consumers)) {
        consuming.set(application, await startDubboConsumer({ ...common, application, ...own }));
      }
      run = new SourceRun(makeSource([zookeeper.address]));
      recorder = run.recorder;
      await recorder.waitFor(() => recorder.services.get(greeting)?.instances.length === 2, { deadlineMs });
      await bothIn({ old: 0.5, new: 0.5 });
    });
    after(async () => {
      await run?.stop();
      await Promise.all([...consuming.values(), ...providing.values()].map((server) => server.stop()));
      await writer?.close();
      await zookeeper?.stop();
    });
    afterEach(async () => {
      for (const path of [`${below}/configurators`, `${below}/routers`, rules]) {
        for (const name of await writer.children(path)) await writer.remove(`${path}/${name}`);
      }
      await bothIn({ old: 0.5, new: 0.5 });
    });

    const authority = (name: string) => `${providing.get(name)?.host}:${providing.get(name)?.ports.dubbo}`;
    const published = () => recorder.services.get(greeting)?.instances ?? [];
    const tagOf = ({ metadata }: Instance) => metadata['dubbo.tag'];

    /** What part of the calls goes to each by the weights that are published. */
    function publishedShares(isMeant: (one: Instance) => boolean): Shares {
      const weights = [...providing.keys()].flatMap((name): [string, number][] => {
        const one = published().find(({ id }) => id === `dubbo://${authority(name)}`);
        return one && isServing(one) && isMeant(one) ? [[name, one.weight]] : [];
      });
      const sum = weights.reduce((total, [, weight]) => total + weight, 0);
      return Object.fromEntries(weights.map(([name, weight]) => [name, weight / sum]));
    }

    /** Waits until these shares are published, of the instances that are meant. */
    const untilPublished = (expected: Shares, isMeant: (one: Instance) => boolean = () => true) =>
      recorder.waitFor(() => isDeepStrictEqual(publishedShares(isMeant), expected), {
        what: `the published shares ${JSON.stringify(expected)}`,
        deadlineMs,
      });

    /** Waits until consumers call in these shares. */
    async function untilCalled(expected: Shares, { tag, but }: { tag?: string; but?: string } = {}): Promise<void> {
      for (const [name, consumer] of consuming) {
        if (name === but) continue;
        let seen: DubboCounts = {};
        const hasAgreed = async () => {
          seen = await consumer.count(calls, tag);
          return agrees(seen, expected);
        };
        if (await poll(hasAgreed, { timeoutMs: 15_000 }).catch(() => false)) continue;
        // Dubbo 3.3 by interface can keep old URLs when a rule and what it made of a provider come at once.
        await consumer.restart();
        await poll(hasAgreed, { timeoutMs: deadlineMs }).catch((cause) => {
          const what = `${JSON.stringify(seen)} in place of the shares ${JSON.stringify(expected)}`;
          throw new Error(`${name} calls ${what}`, { cause });
        });
      }
    }

    async function bothIn(expected: Shares, options: { but?: string } = {}): Promise<void> {
      await untilPublished(expected);
      await untilCalled(expected, options);
    }

    /**
     * Who is not asked where weights are set: Dubbo 3.3.6 by interface takes none from its own side's rules, and keeps those
     * of before when a rule and what it made of a provider come in the wrong order. 2.7, and 3.3 by application, do follow.
     */
    const butForWeights = how === 'by interface' ? { but: 'buyer-33' } : {};

    const override = (host: string, query: string) =>
      `${below}/configurators/${encodeURIComponent(
        `override://${host}/${GREETING_SERVICE}?category=configurators&dynamic=false&group=g1&version=1.0.0&${query}`,
      )}`;
    const configurators = `${rules}/${greeting}.configurators`;
    const document = (scope: string, of: string, item: string, version = 'v2.7') =>
      `configVersion: ${version}\nscope: ${scope}\nkey: ${of}\nenabled: true\nconfigs:\n${item}`;
    const item = (side: 'provider' | 'consumer', of: string, parameters: string) => {
      const whose = side === 'provider' ? 'addresses' : 'providerAddresses';
      return `- side: ${side}\n  ${whose}: ["${authority(of)}"]\n  parameters: { ${parameters} }\n`;
    };
    const tagRule = (addresses: readonly string[]) =>
      `configVersion: v2.7\nforce: false\nenabled: true\nruntime: true\nkey: shop\ntags:\n- name: gray\n  addresses: ${JSON.stringify(addresses)}\n`;

    it('are override:// below the interface, for providers by interface', async () => {
      await writer.create(override(authority('new'), 'weight=300'));
      if (registerMode === 'interface') {
        await bothIn({ old: 0.25, new: 0.75 }, butForWeights);
        await writer.create(override(authority('old'), 'disabled=true'));
        await bothIn({ new: 1 });
        return;
      }
      await recorder.waitFor(() => recorder.services.get(greeting)?.rules?.[0]?.effect === 'shown', { deadlineMs });
      await bothIn({ old: 0.5, new: 0.5 });
    });

    it("are the config centre's of the service, on the provider's side", async () => {
      await writer.create(configurators, document('service', key, item('provider', 'new', 'weight: 300')));
      await bothIn({ old: 0.25, new: 0.75 }, butForWeights);
      await writer.write(configurators, document('service', key, item('provider', 'old', 'disabled: true')));
      await bothIn({ new: 1 });
    });

    it("are the config centre's of the service, on the consumers' side", async () => {
      await writer.create(configurators, document('service', key, item('consumer', 'old', 'weight: 400')));
      await untilPublished({ old: 0.8, new: 0.2 });
      await untilCalled({ old: 0.8, new: 0.2 }, butForWeights);
      await writer.write(configurators, document('service', key, item('consumer', 'old', 'disabled: true')));
      await bothIn({ new: 1 });
    });

    it("are the config centre's of the application", async () => {
      const text = document('application', 'shop', item('provider', 'new', 'weight: 300'));
      await writer.create(`${rules}/shop.configurators`, text);
      await bothIn({ old: 0.25, new: 0.75 }, butForWeights);
    });

    it('are tag routers, over and beside the tags that providers have of their own', async () => {
      const path = `${rules}/shop.tag-router`;
      await writer.create(path, tagRule([authority('new')]));
      await untilPublished({ new: 1 }, (one) => tagOf(one) === 'gray');
      await untilPublished({ old: 1 }, (one) => tagOf(one) === undefined);
      await untilCalled({ new: 1 }, { tag: 'gray' });
      await untilCalled({ old: 1 });
      // Nobody has this one: whoever has none is taken.
      await untilCalled({ old: 1 }, { tag: 'blue' });
      await writer.create(configurators, document('service', key, item('provider', 'old', 'dubbo.tag: blue')));
      await untilPublished({ old: 1 }, (one) => tagOf(one) === 'blue');
      await untilCalled({ old: 1 }, { tag: 'blue' });
      // A rule that has the tag and does not list who has it: that one is taken neither by it nor without a tag.
      await writer.write(path, tagRule([authority('new')]).replace('gray', 'blue'));
      await untilPublished({ new: 1 }, (one) => tagOf(one) === 'blue');
      await untilPublished({ old: 1 }, (one) => tagOf(one) === 'static.blue');
      await untilCalled({ new: 1 }, { tag: 'blue' });
      await untilCalled({ failed: 1 });
    });

    it('are condition routers, which are shown and change nothing for the mesh', async () => {
      const text = `configVersion: v2.7\nscope: service\nforce: true\nenabled: true\nruntime: true\nkey: ${key}\n`;
      const conditions = `conditions:\n- "=> port = ${providing.get('old')?.ports.dubbo}"\n`;
      await writer.create(`${rules}/${greeting}.condition-router`, text + conditions);
      await untilCalled({ old: 1 });
      const shown = () => recorder.services.get(greeting)?.rules?.find(({ kind }) => kind === 'condition');
      await recorder.waitFor(() => shown()?.effect === 'shown' && shown()?.enabled === true, { deadlineMs });
      await untilPublished({ old: 0.5, new: 0.5 });
    });
  });
}

/** Whether each answered about so many of the calls as its share lets expect: within five standard deviations. */
function agrees(counts: DubboCounts, expected: Shares): boolean {
  const names = new Set([...Object.keys(counts), ...Object.keys(expected)]);
  return [...names].every((name) => {
    const share = expected[name] ?? 0;
    return Math.abs((counts[name] ?? 0) - calls * share) <= 5 * Math.sqrt(calls * share * (1 - share));
  });
}
