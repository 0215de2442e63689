import assert from 'node:assert/strict';
import type { Provider } from '../../../../adapters/dubbo/provider.js';
import { RuleBook } from '../../../../adapters/dubbo/rules/rule-book.js';
import type { RegistryRule } from '../../../../core/model/index.js';
import { greet, provider, records } from '../make.js';

const a = () => provider('10.0.0.1:20880', '&group=g1&version=1.0.0&timeout=1000');
const b = () => provider('10.0.0.2:20881', '&group=g1&version=1.0.0&timeout=1000');

const url = (authority: string, query: string, protocol = 'override') =>
  encodeURIComponent(`${protocol}://${authority}/${greet}?category=configurators&dynamic=false&${query}`);

function withUrls(urls: readonly string[], ...providers: Provider[]) {
  const book = new RuleBook();
  book.setUrls(greet, 'configurators', urls);
  return applied(book, providers);
}

function withDocument(dataId: string, text: string, ...providers: Provider[]) {
  const book = new RuleBook();
  assert.ok(book.setConfig(dataId, text));
  return applied(book, providers);
}

function applied(book: RuleBook, providers: readonly Provider[]) {
  const after = book.apply(records(...providers));
  return {
    weights: after.providers.map(({ instance }) => instance.weight),
    health: after.providers.map(({ instance }) => instance.health),
    metadata: (key: string) => after.providers.map(({ instance }) => instance.metadata[key]),
    rules: after.rules ?? [],
  };
}

const effects = (rules: readonly RegistryRule[]) => rules.map(({ effect, reason }) => [effect, reason]);

const service = (configs: string, version = 'v3.0') =>
  `configVersion: ${version}\nscope: service\nkey: g1/${greet}:1.0.0\nenabled: true\nconfigs:\n${configs}`;
const dataId = `${greet}:1.0.0:g1.configurators`;

describe('override URLs', () => {
  it('set weight, disabled and whatever else for all, and for one provider over all', () => {
    const { weights, health, metadata, rules } = withUrls(
      [
        url('10.0.0.2:20881', 'disabled=true&weight=7&group=g1&version=1.0.0&enabled=true'),
        url('0.0.0.0', 'weight=50&timeout=2222&group=g1&version=1.0.0'),
      ],
      a(),
      b(),
    );
    assert.deepEqual(weights, [50, 7]);
    assert.deepEqual(health, ['healthy', 'unhealthy']);
    assert.deepEqual(metadata('timeout'), ['2222', '2222']);
    assert.deepEqual(effects(rules), [
      ['applied', undefined],
      ['applied', undefined],
    ]);
    assert.match(rules[0]?.text ?? '', /^override:\/\/0\.0\.0\.0\/lab\.api\.Greet\?category=configurators/);
    assert.equal(rules[0]?.scope, `g1/${greet}:1.0.0`);
  });

  it('are for providers by interface: by application nobody reads them', () => {
    const urls = [url('0.0.0.0', 'weight=50&group=g1&version=1.0.0')];
    const byApplication: Provider = { ...b(), mode: 'application' };
    const both = withUrls(urls, a(), byApplication);
    assert.deepEqual(both.weights, [50, 100]);
    assert.deepEqual(effects(both.rules), [['applied', undefined]]);
    const alone = withUrls(urls, byApplication);
    assert.deepEqual(alone.weights, [100]);
    assert.deepEqual(effects(alone.rules), [['shown', 'its providers are registered by application alone']]);
    assert.deepEqual(effects(withUrls(urls).rules), []);
    const configs = service('- side: provider\n  parameters: { weight: 60 }\n');
    assert.deepEqual(withDocument(dataId, configs, a(), byApplication).weights, [60, 60]);
  });

  it('are for the service they name, and for none of another version or group', () => {
    const { weights, rules } = withUrls([url('0.0.0.0', 'weight=50'), url('0.0.0.0', 'weight=60&version=2.0.0')], a());
    assert.deepEqual(weights, [100]);
    assert.deepEqual(rules, []);
  });

  it('leave alone a provider on another port or of another application', () => {
    const named = 'group=g1&version=1.0.0';
    assert.deepEqual(withUrls([url('10.0.0.1:1', `weight=5&${named}`)], a()).weights, [100]);
    assert.deepEqual(withUrls([url('0.0.0.0:20880', `weight=5&${named}`)], a(), b()).weights, [5, 100]);
    assert.deepEqual(withUrls([url('0.0.0.0', `weight=5&application=other&${named}`)], a()).weights, [100]);
    assert.deepEqual(withUrls([url('0.0.0.0', `weight=5&application=shop&${named}`)], a()).weights, [5]);
    assert.deepEqual(withUrls([url('0.0.0.0', `weight=5&~timeout=1000&${named}`)], a()).weights, [5]);
    assert.deepEqual(withUrls([url('0.0.0.0', `weight=5&~timeout=9&${named}`)], a()).weights, [100]);
  });

  it('with an address and no port are for one consumer, and only shown', () => {
    const { weights, rules } = withUrls([url('10.9.9.9', 'weight=5&group=g1&version=1.0.0')], a());
    assert.deepEqual(weights, [100]);
    assert.deepEqual(effects(rules), [['shown', 'it is for one consumer']]);
  });

  it('absent:// sets what the provider does not say, and empty:// takes all away', () => {
    const named = 'group=g1&version=1.0.0';
    const { metadata } = withUrls([url('0.0.0.0', `retries=1&timeout=9&${named}`, 'absent')], a());
    assert.deepEqual([metadata('retries'), metadata('timeout')], [['1'], ['1000']]);
    const cleared = withUrls([url('0.0.0.0', `weight=5&${named}`), url('0.0.0.0', named, 'empty')], a());
    assert.deepEqual(cleared.weights, [100]);
    assert.deepEqual(effects(cleared.rules), [['shown', 'an empty:// beside it takes it away']]);
  });

  it('that are switched off or set nothing are only shown', () => {
    const named = 'group=g1&version=1.0.0';
    const { weights, rules } = withUrls(
      [url('0.0.0.0', `weight=5&enabled=false&${named}`), url('0.0.0.0', named)],
      a(),
    );
    assert.deepEqual(weights, [100]);
    assert.deepEqual(effects(rules).sort(), [
      ['shown', 'it is switched off'],
      ['shown', 'it sets nothing'],
    ]);
  });

  it('give way to the higher priority for the same host', () => {
    const named = 'group=g1&version=1.0.0';
    const urls = [url('0.0.0.0', `weight=5&priority=10&${named}`), url('0.0.0.0', `weight=6&priority=9&${named}`)];
    assert.deepEqual(withUrls(urls, a()).weights, [5]);
    assert.deepEqual(withUrls(urls.reverse(), a()).weights, [5]);
  });

  it('cannot switch a provider over that its registry calls unhealthy, nor set what is secret', () => {
    const down = a();
    const unhealthy = { ...down, instance: { ...down.instance, health: 'unhealthy' as const } };
    const named = 'group=g1&version=1.0.0';
    assert.deepEqual(withUrls([url('0.0.0.0', `disabled=false&${named}`)], unhealthy).health, ['unhealthy']);
    const off = provider('10.0.0.1:20880', '&group=g1&version=1.0.0&disabled=true');
    assert.deepEqual(withUrls([url('0.0.0.0', `disabled=false&${named}`)], off).health, ['healthy']);
    const secret = withUrls([url('0.0.0.0', `password=S3CRET&rule=S&weight=1&${named}`)], a());
    assert.deepEqual([secret.metadata('password'), secret.metadata('rule')], [[undefined], [undefined]]);
    assert.doesNotMatch(JSON.stringify(secret.rules), /S3CRET/);
  });

  it('that are not understood are rejected with the reason, and the others hold', () => {
    const named = 'group=g1&version=1.0.0';
    const { weights, rules } = withUrls(
      ['garbage', url('0.0.0.0', `weight=5&${named}`), url('h', `a=b&${named}`, 'x')],
      a(),
    );
    assert.deepEqual(weights, [5]);
    assert.deepEqual(effects(rules).sort(), [
      ['applied', undefined],
      ['rejected', 'it is neither override nor absent'],
      ['rejected', 'it is no URL'],
    ]);
    const bad = withUrls([url('0.0.0.0', `weight=abc&${named}`)], a());
    assert.deepEqual([bad.weights, effects(bad.rules)], [[100], [['rejected', 'its weight is no whole number']]]);
  });
});

describe('rules that are long', () => {
  it('have ids of their own', () => {
    const long = (end: string) => url('0.0.0.0', `group=g1&version=1.0.0&note=${'x'.repeat(500)}${end}`);
    const { rules } = withUrls([long('a'), long('b')], a());
    assert.equal(new Set(rules.map(({ id }) => id)).size, 2);
  });
});

describe('configurator documents', () => {
  it('of a service set a parameter for the providers at an address', () => {
    const text = service('- side: provider\n  addresses: ["10.0.0.2:20881"]\n  parameters:\n    weight: 300\n');
    assert.deepEqual(withDocument(dataId, text, a(), b()).weights, [100, 300]);
    const wildcard = service('- side: provider\n  addresses: ["0.0.0.0:20880"]\n  parameters: { weight: 300 }\n');
    assert.deepEqual(withDocument(dataId, wildcard, a(), b()).weights, [300, 100]);
  });

  it('for all consumers hold for the mesh, for some consumers they do not', () => {
    const all = '- side: consumer\n  providerAddresses: ["10.0.0.1:20880"]\n  parameters: { disabled: true }\n';
    const { health, rules } = withDocument(dataId, service(all), a(), b());
    assert.deepEqual(health, ['unhealthy', 'healthy']);
    assert.deepEqual(effects(rules), [['applied', undefined]]);
    for (const some of [
      'addresses: ["10.9.9.9"]',
      'applications: [buyer]',
      'match: { app: { oneof: [{ exact: buyer }] } }',
    ]) {
      const result = withDocument(
        dataId,
        service(`- side: consumer\n  ${some}\n  parameters: { disabled: true }\n`),
        a(),
      );
      assert.deepEqual(result.health, ['healthy'], some);
      assert.deepEqual(effects(result.rules), [['shown', 'it is for some consumers only']]);
    }
  });

  it('of an application hold for its providers, and those of the service go over them', () => {
    const application = (weight: number, services = '') =>
      `configVersion: v3.0\nscope: application\nkey: shop\nconfigs:\n- side: provider\n  addresses: ["0.0.0.0"]\n${services}  parameters: { weight: ${weight}, timeout: 6000 }\n`;
    const book = new RuleBook();
    assert.deepEqual(book.setConfig('shop.configurators', application(30)), {
      kind: 'application',
      application: 'shop',
    });
    assert.deepEqual(applied(book, [a()]).weights, [30]);
    const text = service('- side: provider\n  parameters: { weight: 300 }\n');
    assert.deepEqual(book.setConfig(dataId, text), { kind: 'interface', interfaceName: greet });
    const both = applied(book, [a()]);
    assert.deepEqual([both.weights, both.metadata('timeout')], [[300], ['6000']]);
    assert.equal(both.rules.length, 2);
    const named = (name: string) =>
      withDocument('shop.configurators', application(9, `  services: ["${name}"]\n`), a());
    assert.deepEqual(named(`g1/${greet}:1.0.0`).weights, [9]);
    assert.deepEqual(named(greet).weights, [100]);
    assert.deepEqual(withDocument('other.configurators', application(9), a()).rules, []);
  });

  it('of v3.0 match by parameters, addresses and application', () => {
    const match = (condition: string) =>
      withDocument(dataId, service(`- side: provider\n  match: ${condition}\n  parameters: { weight: 5 }\n`), a(), b())
        .weights;
    assert.deepEqual(match('{ param: [{ key: timeout, value: { exact: "1000" } }] }'), [5, 5]);
    assert.deepEqual(match('{ param: [{ key: timeout, value: { exact: 1001 } }] }'), [100, 100]);
    assert.deepEqual(match('{ address: { cird: 10.0.0.1/32 } }'), [5, 100]);
    assert.deepEqual(match('{ providerAddress: { wildcard: "10.0.0.*:20881" } }'), [100, 5]);
    assert.deepEqual(match('{ app: { oneof: [{ prefix: sh }] } }'), [5, 5]);
    assert.deepEqual(match(`{ service: { oneof: [{ exact: "g1/${greet}:1.0.0" }] } }`), [5, 5]);
  });

  it('run no regular expression', () => {
    const text = service(
      '- side: provider\n  match: { app: { oneof: [{ regex: "(a+)+$" }] } }\n  parameters: { weight: 5 }\n',
    );
    const { weights, rules } = withDocument(dataId, text, a());
    assert.deepEqual(
      [weights, effects(rules)],
      [[100], [['rejected', 'it has a regular expression, which is not run']]],
    );
  });

  it('follow the switch of the document, or of an item that has a type', () => {
    const off = service('- side: provider\n  parameters: { weight: 5 }\n').replace('enabled: true', 'enabled: false');
    assert.deepEqual(effects(withDocument(dataId, off, a()).rules), [['shown', 'it is switched off']]);
    const item = service('- side: provider\n  type: weight\n  enabled: true\n  parameters: { weight: 5 }\n');
    assert.deepEqual(withDocument(dataId, item.replace('enabled: true', 'enabled: false'), a()).weights, [5]);
    // As Dubbo: the switch of an item without a type is not looked at.
    const ignored = service('- side: provider\n  enabled: false\n  parameters: { weight: 5 }\n');
    assert.deepEqual(withDocument(dataId, ignored, a()).weights, [5]);
  });

  it('that name no side are not applied, as Dubbo does', () => {
    const { weights, rules } = withDocument(dataId, service('- parameters: { weight: 5 }\n'), a());
    assert.deepEqual(weights, [100]);
    assert.match(rules[0]?.reason ?? '', /whose side/);
  });

  it('of v2.7 and a JSON list of URLs are read', () => {
    const v27 = service('- side: provider\n  parameters: { weight: 5 }\n', 'v2.7');
    assert.deepEqual(withDocument(dataId, v27, a()).weights, [5]);
    const list = JSON.stringify([`override://0.0.0.0/${greet}?group=g1&version=1.0.0&weight=8`]);
    assert.deepEqual(withDocument(dataId, list, a()).weights, [8]);
    assert.deepEqual(withDocument(`g1*${greet}:1.0.0.configurators`, v27, a()).weights, [5]);
  });

  it('that are not understood are rejected, item by item, and change nothing', () => {
    const items = '- side: provider\n  parameters: { weight: 5 }\n- side: provider\n- 7\n';
    const { weights, rules } = withDocument(dataId, service(items), a());
    assert.deepEqual(weights, [5]);
    assert.deepEqual(
      rules.map(({ id, effect }) => [id.slice(-2), effect]),
      [
        ['#1', 'applied'],
        ['#2', 'rejected'],
        ['#3', 'rejected'],
      ],
    );
    for (const text of [
      ': : :',
      '[1, 2',
      '7',
      '['.repeat(20_000),
      '- '.repeat(10_000),
      `a: [${','.repeat(30_000)}]`,
      '- b\n'.repeat(8000),
      'configVersion: v9\nconfigs: []',
      service('- side: provider\n  parameters: { weight: { a: b } }\n'),
      service('- side: provider\n  addresses: x\n  parameters: { weight: 1 }\n'),
      'a: &a [1,2]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n',
      'x'.repeat(40_000),
    ]) {
      const result = withDocument(dataId, text, a());
      assert.deepEqual(result.weights, [100], text.slice(0, 40));
      assert.deepEqual(
        result.rules.map(({ effect }) => effect),
        ['rejected'],
        text.slice(0, 40),
      );
      assert.ok((result.rules[0]?.text.length ?? 0) <= 4096);
    }
  });
});
