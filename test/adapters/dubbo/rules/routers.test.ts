import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addressPattern } from '../../../../adapters/dubbo/rules/address-pattern.js';
import { RuleBook } from '../../../../adapters/dubbo/rules/rule-book.js';
import { defaultServicePorts, serviceFrom } from '../../../../adapters/dubbo/service.js';
import { serviceProblems } from '../../../../testkit/index.js';
import { greet, provider, records } from '../make.js';

const gray = provider('10.0.0.1:20880');
const plain = provider('10.0.0.2:20880', '&zone=hz');
const own = provider('10.0.0.3:20880', '&dubbo.tag=blue');

function withConfig(dataId: string, text: string) {
  const book = new RuleBook();
  book.setConfig(dataId, text);
  const { providers, rules = [] } = book.apply(records(gray, plain, own));
  return {
    tags: providers.map(({ instance }) => instance.metadata['dubbo.tag']),
    all: providers.map(({ instance }) => instance.metadata['dubbo.tags']),
    rules: rules.map(({ kind, scope, enabled, effect, reason }) => ({
      kind,
      scope,
      enabled,
      effect,
      ...(reason && { reason }),
    })),
  };
}

const tags = (list: string, head = '') => `configVersion: v3.0\nkey: shop\n${head}tags:\n${list}`;

describe('tag rules', () => {
  it('give the providers at their addresses a tag, over their own', () => {
    const { tags: given, rules } = withConfig(
      'shop.tag-router',
      tags('- name: gray\n  addresses: ["10.0.0.1:20880", "10.0.0.3"]\n'),
    );
    assert.deepEqual(given, ['gray', undefined, 'gray']);
    assert.deepEqual(rules, [{ kind: 'tag', scope: 'shop', enabled: true, effect: 'carried' }]);
  });

  it('leave the own tag of a provider, but for one that the rule has and does not list it in', () => {
    assert.deepEqual(withConfig('shop.tag-router', tags('- name: gray\n  addresses: ["10.0.0.1"]\n')).tags, [
      'gray',
      undefined,
      'blue',
    ]);
    assert.deepEqual(withConfig('shop.tag-router', tags('- name: blue\n  addresses: ["10.0.0.1"]\n')).tags, [
      'blue',
      undefined,
      'static.blue',
    ]);
  });

  it('match by parameters from v3.0 on, and by addresses with wildcards', () => {
    const byZone = '- name: hz\n  match:\n  - key: zone\n    value: { exact: hz }\n';
    assert.deepEqual(withConfig('shop.tag-router', tags(byZone)).tags, [undefined, 'hz', 'blue']);
    assert.deepEqual(withConfig('shop.tag-router', tags(byZone).replace('v3.0', 'v2.7')).tags, [
      undefined,
      undefined,
      'blue',
    ]);
    assert.deepEqual(withConfig('shop.tag-router', tags('- name: t\n  addresses: ["10.0.0.1-2:20880"]\n')).tags, [
      't',
      't',
      'blue',
    ]);
    assert.deepEqual(withConfig('shop.tag-router', tags('- name: t\n  addresses: ["0.0.0.0:20880"]\n')).tags, [
      't',
      't',
      't',
    ]);
  });

  it('name all tags of a provider that has several', () => {
    const { tags: given, all } = withConfig(
      'shop.tag-router',
      tags('- name: a\n  addresses: ["10.0.0.1"]\n- name: b\n  addresses: ["10.0.0.1"]\n'),
    );
    assert.deepEqual([given[0], all[0]], ['a', 'a,b']);
  });

  it('that are off, of another application, or not understood give none', () => {
    const list = '- name: gray\n  addresses: ["10.0.0.1"]\n';
    assert.deepEqual(withConfig('shop.tag-router', tags(list, 'enabled: false\n')).tags, [
      undefined,
      undefined,
      'blue',
    ]);
    assert.deepEqual(withConfig('other.tag-router', tags(list)).rules, []);
    for (const text of ['tags: 7', 'tags: []', 'tags: [{}]', tags('- name: x\n  match: 7\n'), 'x']) {
      const { tags: given, rules } = withConfig('shop.tag-router', text);
      assert.deepEqual(
        [given, rules.map(({ effect }) => effect)],
        [[undefined, undefined, 'blue'], ['rejected']],
        text,
      );
    }
  });
});

describe('condition, script and mesh rules', () => {
  const condition = (rest: string) => `configVersion: v3.0\nscope: service\nkey: ${greet}\n${rest}`;
  it('are shown as data', () => {
    const { rules } = withConfig(
      `${greet}::.condition-router`,
      condition('conditions:\n- method=add => host=10.0.0.1\n- =>\n'),
    );
    assert.deepEqual(rules, [{ kind: 'condition', scope: greet, enabled: true, effect: 'shown' }]);
    const v31 =
      'configVersion: v3.1\nscope: application\nkey: shop\nconditions:\n- from: { match: env=gray }\n  to: [{ match: env=gray, weight: 100 }]\n';
    assert.deepEqual(withConfig('shop.condition-router', v31).rules[0]?.effect, 'shown');
    const script = withConfig('shop.script-router', 'type: javascript\nenabled: true\nscript: "while (true) {}"\n')
      .rules[0];
    assert.deepEqual([script?.kind, script?.effect, script?.reason], ['script', 'shown', 'a script is never run']);
    assert.equal(withConfig('shop.MESHAPPRULE', 'kind: VirtualService').rules[0]?.kind, 'mesh');
  });

  it('are rejected when they cannot be read', () => {
    for (const rest of [
      'conditions: 7',
      'conditions: []',
      'conditions: ["=> =x"]',
      'conditions: ["a=b,,c=> "]',
      'conditions: [[1]]',
    ]) {
      assert.equal(withConfig(`${greet}::.condition-router`, condition(rest)).rules[0]?.effect, 'rejected', rest);
    }
  });

  it('stand below the interface as URLs, too', () => {
    const book = new RuleBook();
    const rule = encodeURIComponent('host = 10.9.9.9 => host = 192.0.2.2');
    const named = (url: string) => encodeURIComponent(url);
    book.setUrls(greet, 'routers', [
      named(`condition://0.0.0.0/${greet}?category=routers&rule=${rule}`),
      named(`condition://0.0.0.0/${greet}?category=routers&rule=${encodeURIComponent('=> ,x')}`),
      named(`route://0.0.0.0/${greet}?category=routers&router=script&rule=x`),
      named(`empty://0.0.0.0/${greet}?category=routers`),
      'garbage',
    ]);
    const { rules = [] } = book.apply(records(gray));
    assert.deepEqual(rules.map(({ kind, effect }) => `${kind} ${effect}`).sort(), [
      'condition rejected',
      'condition rejected',
      'condition shown',
      'script shown',
    ]);
    assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
  });
});

describe('RuleBook', () => {
  it('tells whether anything changed and what a rule is about, and lets rules go', () => {
    const book = new RuleBook();
    const url = encodeURIComponent(`override://0.0.0.0/${greet}?weight=7`);
    assert.equal(book.setUrls(greet, 'configurators', [url]), true);
    assert.equal(book.setUrls(greet, 'configurators', [url]), false);
    assert.equal(book.apply(records(gray)).providers[0]?.instance.weight, 7);
    assert.equal(book.setUrls(greet, 'configurators', []), true);
    assert.equal(book.apply(records(gray)).providers[0], gray);
    assert.equal(book.setConfig('something.else', 'x'), undefined);
    const text = tags('- name: gray\n  addresses: ["10.0.0.1"]\n');
    assert.deepEqual(book.setConfig('shop.tag-router', text), { kind: 'application', application: 'shop' });
    assert.equal(book.setConfig('shop.tag-router', text), undefined);
    assert.deepEqual([...book.dataIds], ['shop.tag-router']);
    assert.equal(book.apply(records(gray)).providers[0], book.apply(records(gray)).providers[0]);
    assert.deepEqual(book.setConfig('shop.tag-router', undefined), { kind: 'application', application: 'shop' });
    assert.equal(book.setConfig('shop.tag-router', undefined), undefined);
    const untouched = records(gray);
    assert.equal(book.apply(untouched), untouched);
  });

  it('looks at the same provider anew when a rule comes, changes and goes', () => {
    const book = new RuleBook();
    const weight = () => book.apply(records(gray)).providers[0]?.instance.weight;
    const text = (number: number) =>
      `configVersion: v3.0\nscope: application\nkey: shop\nconfigs:\n- side: provider\n  parameters: { weight: ${number} }\n`;
    const url = (number: number) => encodeURIComponent(`override://0.0.0.0/${greet}?weight=${number}`);
    const seen = [weight()];
    for (const number of [5, 6]) {
      book.setUrls(greet, 'configurators', [url(number)]);
      seen.push(weight());
    }
    for (const number of [7, 8]) {
      book.setConfig('shop.configurators', text(number));
      seen.push(weight());
    }
    book.setConfig('shop.configurators', undefined);
    seen.push(weight());
    book.setUrls(greet, 'configurators', []);
    seen.push(weight());
    assert.deepEqual(seen, [100, 5, 6, 7, 8, 6, 100]);
  });

  it('makes sound services of any rules, and never throws', () => {
    const word = fc.constantFrom(
      'a',
      greet,
      'weight',
      '0.0.0.0',
      '10.0.0.1',
      '20880',
      'disabled',
      'true',
      'key',
      '__proto__',
      '-1',
      '%',
    );
    const mark = fc.constantFrom(
      '://',
      ':',
      '/',
      '?',
      '&',
      '=',
      '=>',
      ',',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '~',
    );
    const text = fc
      .array(fc.oneof(word, mark, fc.string({ maxLength: 4 })), { maxLength: 30 })
      .map((parts) => parts.join(''));
    const document = fc.record({
      configVersion: fc.constantFrom('v2.7', 'v3.0', 'v3.1', 3),
      scope: fc.constantFrom('service', 'application', 1),
      key: fc.constantFrom(greet, 'shop', null),
      configs: fc.array(
        fc.oneof(
          fc.anything(),
          fc.record({
            side: fc.constantFrom('provider', 'consumer', 7),
            addresses: fc.oneof(fc.array(text, { maxLength: 3 }), fc.anything()),
            match: fc.anything(),
            parameters: fc.oneof(fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean())), fc.anything()),
          }),
        ),
        { maxLength: 4 },
      ),
      tags: fc.array(
        fc.oneof(
          fc.anything(),
          fc.record({ name: text, addresses: fc.array(text, { maxLength: 3 }), match: fc.anything() }),
        ),
        { maxLength: 4 },
      ),
      conditions: fc.array(fc.oneof(text, fc.anything()), { maxLength: 4 }),
    });
    const dataIds = [
      `${greet}::.configurators`,
      'shop.configurators',
      'shop.tag-router',
      'shop.condition-router',
      'shop.script-router',
    ];
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 4 }),
        fc.oneof(
          text,
          document.map((value) => {
            try {
              return JSON.stringify(value) ?? '';
            } catch {
              return '';
            }
          }),
        ),
        fc.constantFrom(...dataIds),
        (urls, config, dataId) => {
          const book = new RuleBook();
          book.setUrls(
            greet,
            'configurators',
            urls.flatMap((url) => [url, `override://0.0.0.0/${greet}?${url}`]),
          );
          book.setUrls(greet, 'routers', urls);
          book.setConfig(dataId, config);
          const service = serviceFrom(book.apply(records(gray, plain, own)), defaultServicePorts, undefined);
          assert.equal(service.instances.length, 3);
          assert.deepEqual(serviceProblems(service), []);
          for (const rule of service.rules ?? [])
            assert.ok(rule.text.length <= 4096 && rule.effect && !/\n/.test(rule.text));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('addressPattern', () => {
  const matches = (pattern: string, host: string, port = 20880) => addressPattern(pattern)?.(host, port);
  it('reads what Dubbo does', () => {
    assert.equal(matches('*', 'anything'), true);
    assert.equal(matches('10.0.0.1', '10.0.0.1'), true);
    assert.equal(matches('10.0.0.1:20880', '10.0.0.1'), true);
    assert.equal(matches('10.0.0.1:1', '10.0.0.1'), false);
    assert.equal(matches('10.0.0.*', '10.0.0.77'), true);
    assert.equal(matches('10.0.*.1-63:20880', '10.0.9.63'), true);
    assert.equal(matches('10.0.*.1-63', '10.0.9.64'), false);
    assert.equal(matches('10.0.0.0/8', '10.255.0.1'), true);
    assert.equal(matches('10.0.0.0/8', '11.0.0.1'), false);
    assert.equal(matches('2001:db8::/32', '2001:db8::7'), true);
    assert.equal(matches('[2001:DB8::1]:20880', '2001:db8::1'), true);
    assert.equal(matches('2001:db8::1', '2001:db8::1'), true);
    assert.equal(matches('pod-1.example', 'pod-1.example'), true);
    assert.equal(matches('10.0.0.*', 'pod-1.example'), false);
    assert.equal(matches('0.0.0.0', '10.0.0.1'), false);
  });

  it('refuses what is no address', () => {
    for (const text of [
      '',
      ' ',
      '10.0.0',
      '10.0.0.*.1',
      '10.0.0.1:x',
      '10.0.0.0/99',
      'a b',
      '*.example',
      'x'.repeat(300),
    ]) {
      assert.equal(addressPattern(text), undefined, text);
    }
  });
});
