import assert from 'node:assert/strict';
import { type IstiodServer, startIstiod } from '../../servers/istiod.js';
import { pickPort } from '../../servers/ports.js';
import { ConfigSource } from '../../support/config-source.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import { entry, refusedEntries } from './support/refused-entries.js';

/** What istiod takes all the same, and we do not send: it would mean something else than it says, or nothing. */
const stricter = new Set([
  // Kubernetes and Envoy know names in lower case alone.
  'a host in capitals',
  'a port name in capitals',
  // One resource a host: with two, one that goes takes the endpoints of the other.
  'two hosts',
  // As the largest number of 32 bits that is left of it.
  'a weight over 32 bits',
  'a fraction of a weight',
]);

describe('what we refuse, and a real istiod', function () {
  this.timeout(240_000);
  const source = new ConfigSource();
  let istiod: IstiodServer;

  before(async () => {
    const port = await pickPort();
    await source.listen(port);
    source.publish({ 'legacy/first': entry({ hosts: ['first.x'] }) });
    istiod = await startIstiod({ configSources: [`xds://127.0.0.1:${port}`] });
  });

  after(async () => {
    await istiod?.stop();
    source.close();
  });

  it('is what istiod drops without a word', async () => {
    const representable = refusedEntries.filter(([, { endpoints = [] }]) =>
      endpoints.every(({ weight }) => Number.isInteger(weight) && weight < 2 ** 32),
    );
    const named = representable.map(([what, overrides], index) => [`case-${index}`, what, overrides] as const);
    source.publish({
      ...Object.fromEntries(
        named.map(([name, , overrides]) => [`legacy/${name}`, entry({ hosts: [`${name}.x`], ...overrides })]),
      ),
      'legacy/last': entry({ hosts: ['last.x'] }),
    });
    const held = await poll(async () => {
      const { body } = await http(`${istiod.url}/debug/configz`);
      const names = (JSON.parse(body) as { kind: string; metadata: { name: string } }[])
        .filter(({ kind }) => kind === 'ServiceEntry')
        .map(({ metadata }) => metadata.name);
      return names.includes('last') && new Set(names);
    });
    for (const [name, what] of named) assert.equal(held.has(name), stricter.has(what), what);
  });
});
