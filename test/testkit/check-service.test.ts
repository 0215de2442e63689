import assert from 'node:assert/strict';
import type { Instance, Service } from '../../core/model/index.js';
import { assertService, serviceProblems } from '../../testkit/index.js';

const instance: Instance = {
  id: 'i1',
  address: '10.0.0.1',
  ports: { http: 8080 },
  health: 'healthy',
  weight: 100,
  locality: { region: 'hz', zone: 'a', subzone: '' },
  metadata: { version: 'v1' },
};

const sound: Service = {
  name: 'public@@DEFAULT_GROUP@@orders',
  attributes: { name: 'orders', group: '' },
  ports: [
    { name: 'http', number: 80, protocol: 'http' },
    { name: 'dubbo', number: 20880, protocol: 'dubbo' },
  ],
  instances: [
    instance,
    { ...instance, id: 'i2', address: '2001:db8::1' },
    { ...instance, id: 'i3', address: 'a.example' },
  ],
  metadata: {},
  rejected: [{ record: '0.0.0.0:80', reason: 'the address is unspecified' }],
};

const withInstance = (change: object): Service => ({ ...sound, instances: [{ ...instance, ...change } as Instance] });

const unsound: readonly (readonly [string, Service, RegExp])[] = [
  ['an empty name', { ...sound, name: '' }, /the name is empty/],
  ['a name without end', { ...sound, name: 'x'.repeat(2000) }, /longer than 1024/],
  [
    'a port name that is no label',
    { ...sound, ports: [{ name: 'HTTP_1', number: 80, protocol: 'http' }] },
    /no DNS label/,
  ],
  [
    'an unknown protocol',
    { ...sound, ports: [{ name: 'x', number: 80, protocol: 'smoke' as 'http' }] },
    /unknown protocol/,
  ],
  ['a port number of 0', { ...sound, ports: [{ name: 'http', number: 0, protocol: 'http' }] }, /number 0/],
  [
    'two ports of one number',
    { ...sound, ports: sound.ports.map((port) => ({ ...port, number: 80 })) },
    /80 is not unique/,
  ],
  [
    'two ports of one name',
    { ...sound, ports: sound.ports.map((port) => ({ ...port, name: 'http' })) },
    /name is not unique/,
  ],
  ['two instances of one id', { ...sound, instances: [instance, instance] }, /id is not unique/],
  ['an empty id', withInstance({ id: '' }), /id is empty/],
  ['a bad address', withInstance({ address: 'fe80::1%eth0' }), /zone id/],
  ['an address in another form', withInstance({ address: '2001:DB8:0::1' }), /not in its one form, "2001:db8::1"/],
  ['no port', withInstance({ ports: {} }), /listens on no port/],
  ['a port that the service lacks', withInstance({ ports: { admin: 1 } }), /no port "admin"/],
  ['a port out of range', withInstance({ ports: { http: 65_536 } }), /65536/],
  ['a weight in pieces', withInstance({ weight: 0.5 }), /weight 0.5/],
  ['a weight below 0', withInstance({ weight: -1 }), /weight -1/],
  ['a weight that is no number', withInstance({ weight: Number.NaN }), /weight NaN/],
  ['an unknown health', withInstance({ health: 'fine' }), /unknown health/],
  ['metadata that are no strings', withInstance({ metadata: { a: 1 } }), /value of "a" is no string/],
  ['a value without end', withInstance({ metadata: { a: 'x'.repeat(5000) } }), /longer than 4096/],
  [
    'too much metadata',
    { ...sound, metadata: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, ''])) },
    /more than 256/,
  ],
  ['a slash in a zone', withInstance({ locality: { region: 'a/b', zone: '', subzone: '' } }), /slash/],
  ['an empty network', withInstance({ network: '' }), /network is empty/],
  ['a rejection with no reason', { ...sound, rejected: [{ record: 'x', reason: '' }] }, /no reason/],
  ['a rejection with a line break', { ...sound, rejected: [{ record: 'a\nb', reason: 'bad' }] }, /control characters/],
];

describe('serviceProblems', () => {
  it('finds nothing in a sound service', () => {
    assert.deepEqual(serviceProblems(sound), []);
    assert.deepEqual(serviceProblems({ ...sound, instances: [] }), []);
    assertService(sound);
  });

  for (const [what, service, says] of unsound) {
    it(`finds ${what}`, () => {
      assert.match(serviceProblems(service).join('\n'), says);
      assert.throws(() => assertService(service), says);
    });
  }
});
