import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeParameter, decodeText, parseDubboUrl, splitQuery } from '../../../adapters/dubbo/dubbo-url.js';

function parse(name: string) {
  const url = parseDubboUrl(name);
  assert.ok(url, `not taken for a URL: ${name}`);
  const { protocol, host, port, path } = url;
  const parameters = Object.fromEntries(
    splitQuery(url.query, url.encoding).flatMap((text) => {
      const pair = decodeParameter(text, url.encoding);
      return pair ? [pair] : [];
    }),
  );
  return { protocol, host, port, path, parameters };
}

const greet = 'dubbo://192.0.2.2:20880/lab.api.Greet?application=shop&version=1.0.0&note=a b&sum=1+1%3D2';
const greetParts = {
  protocol: 'dubbo',
  host: '192.0.2.2',
  port: '20880',
  path: 'lab.api.Greet',
  parameters: { application: 'shop', version: '1.0.0', note: 'a b', sum: '1+1%3D2' },
};

describe('parseDubboUrl', () => {
  it('reads a URL as Java encodes it, and as others do', () => {
    const java = encodeURIComponent(greet).replaceAll('%20', '+');
    assert.deepEqual(parse(java), greetParts);
    assert.deepEqual(parse(encodeURIComponent(greet)), greetParts);
  });

  it('reads lower-case escapes, and separators that are not encoded', () => {
    const lower = encodeURIComponent(greet).replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
    assert.deepEqual(parse(lower), greetParts);
    const half = encodeURIComponent('dubbo://192.0.2.2:20880/lab.api.Greet').concat('?a=b&c=d');
    assert.deepEqual(parse(half).parameters, { a: 'b', c: 'd' });
  });

  it('undoes the encoding once: what was encoded within a value stays', () => {
    assert.equal(parse(encodeURIComponent('tri://h:1/i?rule=a%26b%3Dc')).parameters['rule'], 'a%26b%3Dc');
    assert.equal(parseDubboUrl(encodeURIComponent(encodeURIComponent(greet))), undefined);
  });

  it('splits host and port at the last colon, IPv6 with and without brackets', () => {
    const authority = (text: string) => {
      const { host, port } = parse(encodeURIComponent(`dubbo://${text}/i?a=b`));
      return [host, port];
    };
    assert.deepEqual(authority('[2001:db8::1]:20880'), ['[2001:db8::1]', '20880']);
    assert.deepEqual(authority('2001:db8:0:0:0:0:0:1:20880'), ['2001:db8:0:0:0:0:0:1', '20880']);
    assert.deepEqual(authority('[2001:db8::1]'), ['[2001:db8::1]', '']);
    assert.deepEqual(authority('pod-1.example'), ['pod-1.example', '']);
    assert.deepEqual(authority('user:pass%40word@10.0.0.1:20880'), ['10.0.0.1', '20880']);
  });

  it('reads URLs without path, without parameters, and parameters without value', () => {
    assert.deepEqual(parse('empty%3A%2F%2F10.0.0.1%3A80'), {
      protocol: 'empty',
      host: '10.0.0.1',
      port: '80',
      path: '',
      parameters: {},
    });
    assert.deepEqual(parse(encodeURIComponent('rest://h:1/i?a&b=&=c&d=e=f')).parameters, { a: '', b: '', d: 'e=f' });
    assert.equal(parse(encodeURIComponent('rest://h:1/ctx/i')).path, 'ctx/i');
  });

  it('refuses what is no URL', () => {
    for (const name of ['', 'x', '%', '%zz', 'dubbo%3A%2F', '%3A%2F%2Fh%3A1', `dubbo%3A%2F%2F${'a'.repeat(70_000)}`]) {
      assert.equal(parseDubboUrl(name), undefined, name.slice(0, 40));
    }
    assert.equal(decodeText('%E0%A4%A'), undefined);
  });

  it('gives back what was encoded, whatever the values', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9.]{0,20}$/);
    // Dubbo does not encode the values by themselves, so that & within one cannot be told from a separator.
    const value = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[&\ud800-\udfff]/g, '_'));
    const entries = fc.uniqueArray(fc.tuple(word, value), { selector: ([key]) => key });
    fc.assert(
      fc.property(word, entries, fc.boolean(), (host, parameters, asJava) => {
        const query = parameters.map(([key, text]) => `${key}=${text}`).join('&');
        const encoded = encodeURIComponent(`tri://${host}:1/i?${query}`);
        const { parameters: read } = parse(asJava ? encoded.replaceAll('%20', '+') : encoded);
        assert.deepEqual(read, Object.fromEntries(parameters));
      }),
    );
  });

  it('never throws', () => {
    const piece = fc.constantFrom(
      '%3A%2F%2F',
      '%2F',
      '%3F',
      '%26',
      '%3D',
      '%40',
      '%5D',
      '%',
      '%2',
      ':',
      '/',
      '?',
      '&',
      '+',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(piece, fc.string())).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (name) => {
        const url = parseDubboUrl(name);
        if (url) for (const parameter of splitQuery(url.query, url.encoding)) decodeParameter(parameter, url.encoding);
      }),
    );
  });
});
