import assert from 'node:assert/strict';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ConfigError } from '../../../core/config/config-error.js';
import { parse } from './kinds.js';

/** Parses; anything thrown but a ConfigError with at least one problem on one line each fails. */
function survives(text: string, env: Record<string, string> = {}): string {
  try {
    parse(text, env);
    return '';
  } catch (error) {
    assert.ok(error instanceof ConfigError, `threw ${String(error)}`);
    assert.ok(error.problems.length > 0);
    assert.equal(error.message.split(/\r|\n/).length, error.problems.length);
    return error.message;
  }
}

/** Pieces that the grammar of YAML and that of placeholders turn on. */
const pieces = fc.constantFrom(
  ...[
    'site',
    'sources',
    'api',
    ': ',
    ':\n  ',
    '\n',
    '\n- ',
    '{',
    '}',
    '[',
    ']',
    ', ',
    '"',
    "'",
    '&a ',
    '*a',
    '!!map ',
    '? ',
  ],
  ...[
    '|\n  ',
    '>-\n ',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '#',
    '\t',
    '<<: *a',
    '${env:A}',
    '${',
    '$${',
    '${file:x}',
    '~',
    '\0',
  ],
  ...['.inf', '0x1F', '1e999', '__proto__', 'constructor', 'kind: nacos', 'name: a', '\uFEFF', '\r\n', '\u2028'],
);

describe('the configuration under random input', () => {
  it('answers any text with a ConfigError', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => void survives(text)),
      { numRuns: 1500 },
    );
  });

  it('answers anything that looks like YAML with a ConfigError', () => {
    const text = fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (value) => void survives(value, { A: 'x' })),
      { numRuns: 3000 },
    );
  });

  it('answers any value under any key with a ConfigError', () => {
    const key = fc.constantFrom(
      'site',
      'api',
      'data',
      'log',
      'sources',
      'naming',
      'merge',
      'sinks',
      'listen',
      'rules',
      'kind',
      'name',
    );
    const leaf = fc.oneof(
      fc.constantFrom(null, true, 1.5, -1, 'a', '${env:A}', '127.0.0.1:1'),
      fc.string({ maxLength: 8 }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const root = fc.dictionary(key, tree, { maxKeys: 6 });
    fc.assert(
      fc.property(root, (value) => void survives(stringify(value))),
      { numRuns: 1500 },
    );
  });

  it('never shows what a placeholder put in', () => {
    const where = fc.constantFrom(
      'site',
      'data',
      'api: {listen',
      'log: {level',
      'sources: [{kind',
      'naming: [{host',
      'merge: {default',
    );
    // Long and strange enough to stand in no message by chance.
    const value = fc.string({ minLength: 1, maxLength: 30 }).map((text) => `zq${text}qz`);
    fc.assert(
      fc.property(where, value, (place, secret) => {
        const end = place.includes('[') ? '}]' : place.includes('{') ? '}' : '';
        assert.ok(!survives(`${place}: "\${env:A}"${end}\n`, { A: secret }).includes(secret));
      }),
      { numRuns: 1000 },
    );
  });
});
