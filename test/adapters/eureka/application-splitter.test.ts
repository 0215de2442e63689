import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { ApplicationSplitter, ListingError } from '../../../adapters/eureka/application-splitter.js';
import { instanceJson, listing } from './listing.js';

const megabyte = 1024 * 1024;
const limits = { maxBytes: 16 * megabyte, maxApplicationBytes: megabyte };

function split(text: string | Buffer, sizes: readonly number[] = [65_536], bounds = limits) {
  const applications: unknown[] = [];
  const splitter = new ApplicationSplitter(bounds, (application) => applications.push(application));
  const bytes = Buffer.from(text as string);
  for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    splitter.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return { applications, header: splitter.end() };
}

describe('adapters/eureka ApplicationSplitter', () => {
  const body = listing({
    A: [instanceJson('A', 'a1', { metadata: { text: '"}],{[\\ ü 漢 \u2028 😀' } })],
    B: [instanceJson('B', 'b1'), instanceJson('B', 'b2', { status: 'DOWN' })],
  });

  it('gives each application and the hash', () => {
    const { applications, header } = split(JSON.stringify(body));
    assert.deepEqual(applications, body.applications.application);
    assert.equal(header.hash, 'DOWN_1_UP_2_');
  });

  it('gives the same however the bytes are cut, compact or indented', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        fc.constantFrom(0, 2),
        (sizes, indent) => {
          const { applications, header } = split(JSON.stringify(body, undefined, indent), sizes);
          assert.deepEqual(applications, body.applications.application);
          assert.equal(header.hash, 'DOWN_1_UP_2_');
        },
      ),
    );
  });

  it('takes a single application for a list of one, and no list for an empty one', () => {
    const one = { name: 'A', instance: instanceJson('A', 'a1') };
    assert.deepEqual(
      split(JSON.stringify({ applications: { apps__hashcode: 'UP_1_', application: one } })).applications,
      [one],
    );
    for (const application of [[], null, undefined]) {
      assert.deepEqual(split(JSON.stringify({ applications: { apps__hashcode: '', application } })).applications, []);
    }
  });

  it('takes nothing but the list for the list', () => {
    const text = JSON.stringify({
      other: { application: [{ name: 'X' }] },
      applications: { more: [{ name: 'Y' }], apps__hashcode: '' },
    });
    assert.deepEqual(split(text).applications, []);
  });

  it('refuses every proper prefix of a listing', () => {
    const text = JSON.stringify(body);
    for (let length = 0; length < text.length; length++) {
      assert.throws(() => split(text.slice(0, length)), ListingError, `${length} characters were taken`);
    }
  });

  for (const [what, text] of [
    ['no listing', '{"timestamp":1,"status":404}'],
    ['a listing without a hash', '{"applications":{"application":[]}}'],
    ['a list of something else', '{"applications":{"apps__hashcode":"","application":[1]}}'],
    ['HTML', '<!DOCTYPE html><html></html>'],
    ['two listings', JSON.stringify(body).repeat(2)],
    ['invalid JSON in an application', '{"applications":{"apps__hashcode":"","application":[{"name":nope}]}}'],
    ['invalid JSON around them', '{"applications":{"apps__hashcode":"",,"application":[]}}'],
    ['too many closing braces', '}}}'],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => split(text), ListingError);
    });
  }

  it('quotes nothing of what it refuses', () => {
    assert.throws(
      () => split('{"applications":{"apps__hashcode":"","application":[{"name":tops3cret}]}}'),
      (error: Error) => {
        assert.ok(!error.message.includes('s3cret'));
        return true;
      },
    );
  });

  it('stops at the bounds', () => {
    const text = JSON.stringify(body);
    assert.throws(() => split(text, [64], { ...limits, maxBytes: 500 }), /larger than 500 bytes/);
    assert.throws(
      () => split(text, [64], { ...limits, maxApplicationBytes: 500 }),
      /application is larger than 500 bytes/,
    );
    assert.throws(() => split(`{"applications":{${' '.repeat(5 * megabyte)}`), ListingError);
  });

  it('takes any depth', () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    const text = `{"applications":{"apps__hashcode":"","application":[{"name":"A","x":${deep}},{"name":"B"}]}}`;
    assert.equal(split(text).applications.length, 2);
  });

  it('throws nothing but ListingError, whatever it is given', () => {
    const part = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ',',
      ':',
      '"application":',
      '"applications":',
      'null',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(part).map((parts) => parts.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          try {
            split(text, [3]);
          } catch (error) {
            assert.ok(error instanceof ListingError, String(error));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
