import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkAddress, checkPort } from '../../../core/model/address.js';

const address = (text: string) => {
  const check = checkAddress(text);
  assert.ok(check.ok, `${text}: ${check.ok ? '' : check.reason}`);
  return check.address;
};
const refused = (text: string, reason: RegExp) => {
  const check = checkAddress(text);
  assert.ok(!check.ok, `${JSON.stringify(text)} was taken`);
  assert.match(check.reason, reason);
};

describe('checkAddress', () => {
  it('takes IPv4, loopback included, as it is', () => {
    for (const text of ['10.0.0.1', '127.0.0.1', '1.2.3.4', '223.255.255.255', '240.0.0.1', '169.253.0.1']) {
      assert.equal(address(text), text);
    }
  });

  it('writes IPv6 in one form', () => {
    assert.equal(address('[2001:DB8:0:0:0:0:0:1]'), '2001:db8::1');
    assert.equal(address('2001:db8::1'), '2001:db8::1');
    assert.equal(address('::1'), '::1');
    assert.equal(address('fd00::0a'), 'fd00::a');
    assert.equal(address('::ffff:10.0.0.1'), '10.0.0.1');
    assert.equal(address('::FFFF:0a00:0001'), '10.0.0.1');
  });

  it('takes DNS names, in lower case and without the final dot', () => {
    assert.equal(address('Pod-1.Prod.Example.com.'), 'pod-1.prod.example.com');
    assert.equal(address('localhost'), 'localhost');
    assert.equal(address('8x.example'), '8x.example');
    assert.equal(address(`${'a'.repeat(63)}.b`), `${'a'.repeat(63)}.b`);
  });

  it('refuses addresses that mean nobody or somebody else', () => {
    refused('0.0.0.0', /unspecified/);
    refused('0.1.2.3', /unspecified/);
    refused('::', /unspecified/);
    refused('0:0:0:0:0:0:0:0', /unspecified/);
    refused('224.0.0.1', /multicast/);
    refused('239.255.255.255', /multicast/);
    refused('ff02::1', /multicast/);
    refused('255.255.255.255', /broadcast/);
    refused('169.254.169.254', /link-local/);
    refused('fe80::1', /link-local/);
    refused('FEBF::1', /link-local/);
    refused('::ffff:169.254.169.254', /link-local/);
    refused('::ffff:0.0.0.0', /unspecified/);
  });

  it('refuses what is no address', () => {
    refused('', /empty/);
    refused('fe80::1%eth0', /zone/);
    refused('2001:db8::1%25', /zone/);
    refused('[10.0.0.1]', /IPv6/);
    refused('10.0.0.1:80', /IPv6/);
    refused('2001:db8::1::2', /IPv6/);
    refused('a'.repeat(64), /DNS name/);
    refused(`${'a.'.repeat(127)}a`, /too long/);
    refused('x'.repeat(100_000), /too long/);
    for (const text of [' 10.0.0.1', 'a b', 'a..b', '.', '-a', 'a-', 'a_b', 'ä.de', '*', 'a/b', 'a\r\nb', 'a\0']) {
      refused(text, /DNS name/);
    }
    for (const text of ['127.1', '2130706433', '0x7f000001', '010.0.0.1', '256.1.1.1', '1.2.3.4.5', 'a.0x']) {
      refused(text, /IPv4/);
    }
  });

  it('never throws, and what it takes it takes again unchanged', () => {
    const text = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.domain(), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(text, (value) => {
        const check = checkAddress(value);
        if (check.ok) assert.deepEqual(checkAddress(check.address), check);
      }),
    );
  });
});

describe('checkPort', () => {
  it('takes whole numbers from 1 to 65535', () => {
    for (const value of [1, 80, 65_535, '1', '80', '20880', '65535']) {
      assert.deepEqual(checkPort(value), { ok: true, port: Number(value) });
    }
  });

  it('refuses all else', () => {
    const bad = [0, -1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY];
    const badText = [
      '',
      '0',
      '080',
      ' 80',
      '80 ',
      '+80',
      '-1',
      '8e3',
      '0x50',
      '80.0',
      '65536',
      '99999',
      '100000',
      '٨٠',
    ];
    for (const value of [...bad, ...badText]) assert.equal(checkPort(value).ok, false, `${value} was taken`);
  });
});
