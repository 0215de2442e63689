import assert from 'node:assert/strict';
import { ConfigError } from '../../../core/config/config-error.js';
import { parse } from './kinds.js';

/** All problems of a text, one a line, without the file's name. */
function errors(text: string, env: Record<string, string> = {}, files: Record<string, string> = {}): string[] {
  try {
    parse(text, env, files);
  } catch (error) {
    assert.ok(error instanceof ConfigError, `threw ${String(error)}`);
    return error.message.split('\n').map((line) => line.replace('/etc/isthmus/isthmus.yaml:', ''));
  }
  return [];
}

const source = '{ name: n, kind: nacos, servers: [http://n:1] }';
const withSource = (text: string) => `site: a\nsources: [${source}]\n${text}`;

describe('configuration errors', () => {
  it('are all told at once, in the order of the file, each with its place', () => {
    const text = `site: Hz_1
apy: {}
api:
  listen: nowhere
  lissten: 127.0.0.1:8080
sources:
  - name: a
    kind: nacos
    servers: [nacos:8848]
    passwort: x
    intervalMs: 5
  - name: a
    kind: zookeper
  - { kind: zookeeper, servers: [] }
naming:
  - { source: b, host: "[interface" }
merge:
  rules:
    - { host: x.*, prefer: [a, c], mode: union }
sinks:
  - { kind: mcp, listen: 127.0.0.1:99999, shards: 1.5 }
`;
    assert.deepEqual(errors(text), [
      '1:7: site: expected a DNS label: lower-case letters, digits and dashes, at most 63, as "nacos-hz"',
      '2:1: apy: unknown key; did you mean "api"? (allowed: site, api, data, log, sources, naming, merge, shape, quarantine, guards, warmStart, history, sinks)',
      '4:11: api.listen: expected HOST:PORT, as 127.0.0.1:8080 or [::1]:8080',
      '5:3: api.lissten: unknown key; did you mean "listen"? (allowed: listen, token, allowedHosts)',
      '9:15: sources[0].servers[0]: expected a URL that begins with http:// or https://',
      '10:5: sources[0].passwort: unknown key; did you mean "password"? (allowed: name, kind, required, graceMs, ' +
        'staleAfterMs, addresses, guards, servers, namespaces, mode, intervalMs, username, password, quoting)',
      '11:17: sources[0].intervalMs: expected at least 100',
      '12:11: sources[1].name: sources[0] has this name too; give each its own',
      '13:11: sources[1].kind: unknown kind; did you mean "zookeeper"? (known: zookeeper, nacos)',
      '14:5: sources[2].name: missing; expected a string',
      '14:33: sources[2].servers: expected at least 1 entry',
      '16:15: naming[0].source: no source has this name; did you mean "a"? (sources: a)',
      '16:24: naming[0].host: not a naming template: [ without ]',
      '19:7: merge.rules[0]: expected either prefer or mode',
      '19:32: merge.rules[0].prefer[1]: no source has this name; did you mean "a"? (sources: a)',
      '21:26: sinks[0].listen: expected HOST:PORT, as 127.0.0.1:8080 or [::1]:8080',
      '21:51: sinks[0].shards: expected a whole number',
    ]);
  });

  it('name the type that is expected, and how to get it', () => {
    assert.deepEqual(errors(withSource('data: 5')), ['3:7: data: expected a string; put it in quotes']);
    assert.deepEqual(errors(withSource('data:')), ['3:1: data: empty; expected a string']);
    assert.deepEqual(errors(withSource('naming: {}')), ['3:9: naming: expected a list']);
    assert.deepEqual(errors(withSource('api: []')), ['3:6: api: expected a mapping']);
    assert.deepEqual(errors('- a'), ['1:1: (top level): expected a mapping']);
    assert.deepEqual(errors(''), ['1:1: (top level): the file is empty']);
    assert.deepEqual(errors('# only a comment\n'), ['1:1: (top level): the file is empty']);
    assert.deepEqual(errors('site: a\nsources: []'), ['2:10: sources: expected at least 1 entry']);
    assert.deepEqual(errors('site: a\n'), ['1:1: sources: missing; expected a list']);
    assert.deepEqual(errors('site: a\nsources: [5]'), ['2:11: sources[0]: expected a mapping']);
    assert.deepEqual(errors('site: a\nsources: [{ name: a }]'), [
      '2:11: sources[0].kind: missing; expected one of "zookeeper", "nacos"',
    ]);
    assert.deepEqual(errors(`site: a\nsources: [{ name: a, kind: nacos, servers: [http://n:1], mode: pusch }]`), [
      '2:64: sources[0].mode: expected one of "push", "poll"; did you mean "push"?',
    ]);
    assert.deepEqual(errors(`site: a\nsources: [{ name: a, kind: nacos, servers: [http://n:1], required: "yes" }]`), [
      '2:68: sources[0].required: expected true or false, without quotes; a placeholder always gives a string',
    ]);
  });

  it('follow a union into the form that was meant', () => {
    const zookeeper = (auth: string) =>
      `site: a\nsources: [{ name: a, kind: zookeeper, servers: [z:1], auth: ${auth} }]`;
    assert.deepEqual(errors(zookeeper('{ user: u, pasword: p }')), [
      '2:61: sources[0].auth.password: missing; expected a string',
      '2:72: sources[0].auth.pasword: unknown key; did you mean "password"? (allowed: user, password)',
    ]);
    assert.deepEqual(errors(zookeeper('5')), [
      '2:61: sources[0].auth: expected a string; put it in quotes, or a mapping',
    ]);
  });

  it('refuse numbers that are not what they seem', () => {
    const nacos = (value: string) =>
      `site: a\nsources:\n- {name: a, kind: nacos, servers: [http://n:1], intervalMs: ${value}}`;
    assert.deepEqual(errors(nacos('1e999')), ['3:61: sources[0].intervalMs: expected a whole number']);
    assert.deepEqual(errors(nacos('.nan')), ['3:61: sources[0].intervalMs: expected a whole number']);
    assert.match(errors(nacos('9007199254740993')).join(), /3:61: sources\[0\]\.intervalMs: expected at most 86400000/);
    assert.deepEqual(errors(nacos('-1')), ['3:61: sources[0].intervalMs: expected at least 100']);
  });

  it('give the places of errors of syntax', () => {
    assert.deepEqual(errors('site: [a\nsources: "x\n'), [
      '2:1: (top level): Flow sequence in block collection must be sufficiently indented and end with a ]',
      '3:1: (top level): Missing closing "quote',
    ]);
    assert.deepEqual(errors('a: { b: ${env:X} }'), [
      '1:10: (top level): Unexpected flow-map-start at node end; a placeholder within { } or [ ] needs quotes',
      '1:11: (top level): Unexpected scalar at node end; a placeholder within { } or [ ] needs quotes',
      '1:18: (top level): Unexpected flow-map-end token in YAML stream: "}"; a placeholder within { } or [ ] needs quotes',
    ]);
    assert.deepEqual(errors('site: a\n\tsources: []\n'), ['2:1: (top level): Tabs are not allowed as indentation']);
    assert.match(errors('site: a\n---\nsite: b\n')[0] ?? '', /^2:1: \(top level\): .*multiple documents/);
    assert.deepEqual(errors(withSource('data: *none')), ['3:7: data: no anchor &none stands before this alias']);
    assert.match(errors('site: !!python/object x\n')[0] ?? '', /^1:7: .*[Uu]nresolved tag/);
  });

  it('refuse a key that is there twice, and say where the first is', () => {
    assert.deepEqual(errors(`site: a\nsources: [${source}]\nsite: b\n`), [
      '3:1: site: the key is already set on line 1',
    ]);
  });

  it('refuse keys that are no names', () => {
    assert.deepEqual(errors(withSource('__proto__: { site: b }')), ['3:1: __proto__: unknown key']);
    assert.match(errors(withSource('constructor: x'))[0] ?? '', /^3:1: constructor: unknown key/);
    assert.deepEqual(errors(withSource('? [a, b]\n: c')), ['3:3: (top level): a key must be plain text']);
    assert.match(errors(withSource('"a\\n\\e[31mb": x'))[0] ?? '', /^3:1: \["a\\n\\u001b\[31mb"\]: unknown key/);
    assert.match(errors(withSource('"a\u202eb": x'))[0] ?? '', /^3:1: \["a\\u202eb"\]: unknown key/);
    assert.match(errors(withSource(`${'k'.repeat(500)}: x`))[0] ?? '', /^3:1: \["k{64}…"\]: unknown key/);
  });

  it('bound depth, aliases and the number of problems', () => {
    const deep = errors(`site: ${'['.repeat(40)}${']'.repeat(40)}`);
    const inner = `1:39: site${'[0]'.repeat(32)}: nested more than 32 deep, aliases included`;
    assert.ok(deep.includes(inner), deep.join('\n'));
    assert.match(errors(`site: ${'['.repeat(20_000)}`)[0] ?? '', /^1:\d+: \(top level\): nested too deeply/);
    const bomb = ['a: &a0 [x]', ...Array.from({ length: 9 }, (_, i) => `b${i}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)];
    assert.ok(errors(bomb.join('\n')).some((line) => line.includes('more than 100000 values, aliases included')));
    assert.ok(errors('site: &a [*a]\n').some((line) => line.includes('nested more than 32 deep')));
    const many = errors(Array.from({ length: 300 }, (_, i) => `k${i}: 1`).join('\n'));
    assert.equal(many.length, 101);
    assert.equal(many.at(-1), ' (top level): and 202 more problems');
  });
});

describe('placeholders in the configuration', () => {
  it('are put in wherever they stand in a string', () => {
    const config = parse(
      `site: "\${env:SITE}"\nsources: [{ name: a, kind: nacos, servers: ["http://\${env:HOST}:\${file:/run/port}"] }]\ndata: a$\${env:X}b\n`,
      { SITE: 'hz', HOST: 'nacos' },
      { '/run/port': '8848\n' },
    );
    assert.equal(config.site, 'hz');
    assert.deepEqual(config.sources[0]?.config['servers'], ['http://nacos:8848']);
    assert.equal(config.data, 'a${env:X}b');
  });

  it('are not looked for in what they put in', () => {
    assert.equal(parse(withSource('data: "${env:A}"'), { A: '${env:B}', B: 'x' }).data, '${env:B}');
  });

  it('that cannot be resolved are reported where they stand, and once', () => {
    assert.deepEqual(
      errors(
        withSource(
          'data: "x/${env:NONE}/${file:none}"\nlog: { level: "${env:toString}" }\napi: { listen: "${nv:A}" }\n',
        ),
        {},
      ),
      [
        '3:10: data: environment variable NONE is not set',
        '3:22: data: cannot read /etc/isthmus/none: no such file',
        '4:16: log.level: environment variable toString is not set',
        '5:17: api.listen: expected ${env:NAME} or ${file:PATH}; a plain ${ is written $${',
      ],
    );
    assert.deepEqual(errors(withSource('data: "${env:A"'), { A: 'x' }), [
      '3:8: data: expected ${env:NAME} or ${file:PATH}; a plain ${ is written $${',
    ]);
  });

  it('never show in an error what they put in', () => {
    const env = { VALUE: 'hunter2', SHORT: 'q1' };
    const text = `site: "\${env:VALUE}_"
api: { listen: "\${env:VALUE}" }
log: { level: "\${env:VALUE}" }
sources:
  - { name: "\${env:VALUE}", kind: "\${env:VALUE}" }
  - { name: "\${env:VALUE}", kind: nacos, servers: ["\${env:VALUE}"], quoting: "\${env:VALUE}" }
naming: [{ source: "\${env:VALUE}x", host: "{\${env:VALUE}" }]
`;
    const all = errors(text, env).join('\n');
    assert.doesNotMatch(all, /hunter2/);
    assert.match(all, /6:\d+: sources\[1\]\.quoting: "\[secret\]" has no q/);
    const short = `site: a\nsources: [{ name: a, kind: nacos, servers: [http://n:1], quoting: "x\${env:SHORT}" }]`;
    assert.deepEqual(errors(short, env), ['2:67: sources[0].quoting: "x[secret]" has no q']);
  });
});
