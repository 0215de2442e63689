import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Assembly } from '../../../sinks/istio/assembly.js';

const nothing = Buffer.alloc(0);

function aResource(content: string) {
  const version = createHash('sha256').update(content).digest().subarray(0, 16).toString('base64url');
  return { name: 'not-looked-at', version, chunk: Buffer.from(content) };
}

/** What the assembly should hold, made the plain way. */
function plainly(contents: ReadonlyMap<string, string>): string {
  return [...contents.keys()]
    .sort()
    .map((host) => contents.get(host))
    .join('');
}

describe('Assembly', () => {
  it('puts chunks in the order of hosts, between head and tail', () => {
    const assembly = new Assembly();
    assembly.set('b', aResource('[b]'));
    assembly.set('a', aResource('[a]'));
    assert.equal(assembly.concat(Buffer.from('head'), Buffer.from('tail')).toString(), 'head[a][b]tail');
    assert.equal(assembly.byteLength, 6);
  });

  it('does not touch what it gave out before', () => {
    const assembly = new Assembly();
    assembly.set('a', aResource('one'));
    const first = assembly.concat(nothing, nothing);
    assembly.set('a', aResource('two'));
    assert.equal(assembly.concat(nothing, nothing).toString(), 'two');
    assert.equal(first.toString(), 'one');
  });

  it('equals what a plain concatenation gives, whatever happened and whenever somebody looked', () => {
    const host = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('set' as const), host, content: fc.string({ maxLength: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), host }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const), head: fc.string({ maxLength: 5 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const assembly = new Assembly();
        const contents = new Map<string, string>();
        for (const action of steps) {
          if (action.kind === 'set') {
            assembly.set(action.host, aResource(action.content));
            contents.set(action.host, action.content);
          } else if (action.kind === 'delete') {
            assert.equal(assembly.delete(action.host), contents.delete(action.host));
          } else {
            const head = Buffer.from(action.head);
            const bytes = assembly.concat(head, nothing);
            assert.equal(bytes.subarray(head.length).toString(), plainly(contents));
            assert.equal(assembly.byteLength, bytes.length - head.length);
          }
        }
        const fresh = new Assembly();
        for (const [name, content] of contents) fresh.set(name, aResource(content));
        assert.equal(assembly.version(), fresh.version());
        assert.equal(assembly.concat(nothing, nothing).toString(), plainly(contents));
      }),
      { numRuns: 500 },
    );
  });
});
