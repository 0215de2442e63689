import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { adapters } from '../../../adapters/index.js';
import { ConfigError } from '../../../core/config/config-error.js';
import { parseConfigText } from '../../../core/config/load-config.js';
import { sinks } from '../../../sinks/index.js';

const plugins = { sources: adapters, sinks };

/** The first block of YAML in a README. */
function pasted(path: string): string {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  return /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? assert.fail(`no YAML in ${path}`);
}

describe('the configuration of the kinds kubernetes', () => {
  it('is taken as the READMEs have it', () => {
    const text = `site: hz-1\n${pasted('adapters/kubernetes/README.md')}${pasted('sinks/kubernetes/README.md')}`;
    const { sources, sinks: parsed } = parseConfigText(text, 'x', plugins, { env: {} });
    assert.deepEqual(sources[0]?.config['namespaces'], ['shop', 'payment']);
    assert.equal(parsed[0]?.config['policy'], 'sync');
  });

  const wrong: [keys: string, problem: RegExp][] = [
    ['policy: everything', /policy/],
    ['endpoints: outline', /endpoints/],
    ['namespace: Legacy', /namespace/],
    ['scope: namespace, namespace: "{source}"', /namespace: with scope: namespace all objects have one namespace/],
    ['scope: namespace, rules: [{ match: {}, namespace: x }]', /rules\[0\]\.namespace|rules\.0\.namespace/],
    ['tokenFile: /x', /tokenFile: needs server/],
    ['kubeconfig: x, server: "https://x"', /server: either server or kubeconfig/],
    ['server: "http://x", token: y', /a token is sent over https alone/],
    ['writesPerSecond: 0', /writesPerSecond/],
    ['writes: 5', /writes/],
  ];
  for (const [keys, problem] of wrong) {
    it(`says what is wrong with { ${keys} }`, () => {
      const text = `site: a\nsources: [{ name: a, kind: api }]\nsinks: [{ kind: kubernetes, ${keys} }]\n`;
      assert.throws(
        () => parseConfigText(text, 'x', plugins, { env: {} }),
        (error) => error instanceof ConfigError && problem.test(error.message),
      );
    });
  }
});
