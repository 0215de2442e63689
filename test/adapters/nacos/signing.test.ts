import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { RequestSigner, type SignedResource } from '../../../adapters/nacos/signing.js';
import { Secret } from '../../../core/plugin/index.js';
import { ManualClock } from '../../../testkit/index.js';

/** What `NamingResourceInjector` and `ConfigResourceInjector` of nacos-client 2.5.1 made at that time. */
const made: readonly {
  readonly region?: string;
  readonly atMs: number;
  readonly resource: SignedResource;
  readonly signature: string;
}[] = [
  {
    atMs: 1_795_618_762_095,
    resource: { kind: 'naming', group: 'DEFAULT_GROUP', service: 'orders' },
    signature: '3U8w9CpgPyOifFShOkpJtrlpTVk=',
  },
  {
    atMs: 1_795_618_762_272,
    resource: { kind: 'naming', group: 'G1', service: '' },
    signature: 'Ptv3zLGKKUsrs690Fn3Mq5xGrBY=',
  },
  {
    atMs: 1_795_618_762_273,
    resource: { kind: 'naming', group: 'g', service: 'DEFAULT_GROUP@@orders' },
    signature: 'xfPtEBtKq5fg5Dv9rb62gF2YjwU=',
  },
  {
    atMs: 1_795_618_762_278,
    resource: { kind: 'naming', group: '', service: 'orders' },
    signature: 'lNXPONrEINA1xhg0g4S8o0PXJk4=',
  },
  {
    atMs: 1_795_618_762_282,
    resource: { kind: 'config', namespace: 'ns-1', group: 'dubbo' },
    signature: 'oCAX33CAJBrgtmY8bXvvw0xwwfA=',
  },
  {
    atMs: 1_795_618_762_283,
    resource: { kind: 'config', namespace: '', group: 'mapping' },
    signature: 'JckZyGPX1nHMxi1o0yUcVw8DnNI=',
  },
  {
    atMs: 1_795_618_762_284,
    resource: { kind: 'config', namespace: '', group: '' },
    signature: 'vwXDeClbbswU32geGeKIpb//Pe4=',
  },
  {
    region: 'cn-hangzhou',
    atMs: 1_795_618_762_294,
    resource: { kind: 'naming', group: 'DEFAULT_GROUP', service: 'orders' },
    signature: '7jGoDTLR2OhlLt/lWgRhXgRNQdw=',
  },
  {
    region: 'cn-hangzhou',
    atMs: 1_795_618_762_314,
    resource: { kind: 'config', namespace: 'ns-1', group: 'dubbo' },
    signature: 'BCo3BaSbTGoIWHQqdiXpE4IrNt0=',
  },
];

describe('adapters/nacos request signing', () => {
  for (const { region, atMs, resource, signature } of made) {
    it(`signs as the Java client does: ${JSON.stringify(resource)}${region ? ` in ${region}` : ''}`, () => {
      const clock = new ManualClock(atMs);
      const secretKey = new Secret('secret/with+signs=äö');
      const signed = new RequestSigner({ accessKey: 'LTAI-test-key', secretKey, region, clock }).sign(resource);
      const version = region === undefined ? {} : { signatureVersion: 'v4' };
      if (resource.kind === 'config') {
        const wanted = { 'Spas-AccessKey': 'LTAI-test-key', 'Spas-Signature': signature, Timestamp: String(atMs) };
        assert.deepEqual(signed, { ...wanted, ...version });
      } else {
        const { group = '', service = '' } = resource;
        const name = service.includes('@@') || group === '' ? service : `${group}@@${service}`;
        assert.deepEqual(signed, { ak: 'LTAI-test-key', data: `${atMs}@@${name}`, signature, ...version });
      }
    });
  }

  it('signs the time alone where no service is named, and anew each time', async () => {
    const clock = new ManualClock(5000);
    const signer = new RequestSigner({ accessKey: 'a', secretKey: new Secret('b'), region: undefined, clock });
    const first = signer.sign({ kind: 'naming' });
    assert.equal(first['data'], '5000');
    await clock.advance(1);
    assert.notEqual(signer.sign({ kind: 'naming' })['signature'], first['signature']);
  });

  it('derives the key of a region anew each day', async () => {
    const clock = new ManualClock(Date.parse('2026-11-25T23:59:59.999Z'));
    const options = { accessKey: 'a', secretKey: new Secret('b'), region: 'r', clock };
    const old = new RequestSigner(options);
    old.sign({ kind: 'naming' });
    await clock.advance(1);
    assert.deepEqual(old.sign({ kind: 'naming' }), new RequestSigner(options).sign({ kind: 'naming' }));
  });
});
