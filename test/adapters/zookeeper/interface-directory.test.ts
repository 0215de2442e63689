import assert from 'node:assert/strict';
import { ProviderReader } from '../../../adapters/dubbo/provider.js';
import { RuleBook } from '../../../adapters/dubbo/rules/rule-book.js';
import { defaultNaming, defaultServicePorts, serviceName } from '../../../adapters/dubbo/service.js';
import { type Changes, noChanges } from '../../../adapters/zookeeper/changes.js';
import { childHash } from '../../../adapters/zookeeper/child-hash.js';
import { InterfaceDirectory } from '../../../adapters/zookeeper/interface-directory.js';
import type { Service } from '../../../core/model/index.js';

const greet = 'lab.api.Greet';

class CountingReader extends ProviderReader {
  reads = 0;
  /** For how long the next reading keeps everything else waiting. */
  nextTakesMs = 0;
  override read(...input: Parameters<ProviderReader['read']>) {
    this.reads++;
    const endMs = performance.now() + this.nextTakesMs;
    while (performance.now() < endMs);
    this.nextTakesMs = 0;
    return super.read(...input);
  }
}

function make() {
  const reader = new CountingReader();
  const tools = { hash: childHash([1, 2]), reader, ports: defaultServicePorts };
  const directory = new InterfaceDirectory(greet, { ...tools, naming: defaultNaming, rules: new RuleBook() });
  return { directory, reader };
}

async function update(directory: InterfaceDirectory, names: readonly string[]): Promise<Changes> {
  return (await directory.take(names, new AbortController().signal)) ? directory.compute([]) : noChanges;
}

const child = (authority: string, query = '', protocol = 'dubbo') =>
  encodeURIComponent(`${protocol}://${authority}/${greet}?application=shop&interface=${greet}${query}`);

const service = (directory: InterfaceDirectory, name: string): Service => {
  const found = [...directory.services].find((candidate) => candidate.name === name);
  assert.ok(found, `no ${name} among ${directory.serviceNames}`);
  return found;
};

describe('InterfaceDirectory', () => {
  it('makes a service of each version and group', async () => {
    const { directory } = make();
    const { changed } = await update(directory, [
      child('10.0.0.2:1', '&version=1.0.0&group=g1'),
      child('10.0.0.1:1', '&version=1.0.0&group=g1'),
      child('10.0.0.3:1', '&version=2.0.0'),
      child('10.0.0.4:1'),
    ]);
    assert.deepEqual(
      changed.map(({ name }) => name).sort(),
      [`${greet}:1.0.0:g1`, `${greet}:2.0.0:`, `${greet}::`].sort(),
    );
    const first = service(directory, `${greet}:1.0.0:g1`);
    assert.deepEqual(
      { ...first.attributes },
      { name: greet, interface: greet, group: 'g1', version: '1.0.0', application: 'shop' },
    );
    assert.deepEqual(
      first.instances.map(({ id }) => id),
      ['dubbo://10.0.0.1:1', 'dubbo://10.0.0.2:1'],
    );
  });

  it('keeps names apart that a colon in the interface would mix up', async () => {
    const id = { version: '', group: '' };
    assert.notEqual(serviceName('a:b', { ...id, version: '1' }), serviceName('a', { ...id, version: 'b' }));
    assert.notEqual(serviceName('a%3A', id), serviceName('a:', id));
  });

  it('has one instance for each protocol of a host, and a stable port for each protocol', async () => {
    const { directory } = make();
    await update(directory, [child('10.0.0.1:20881'), child('10.0.0.1:50052', '', 'tri'), child('10.0.0.2:20882')]);
    const both = service(directory, `${greet}::`);
    assert.deepEqual(both.ports, [
      { name: 'dubbo', number: 20880, protocol: 'dubbo' },
      { name: 'tri', number: 50051, protocol: 'tri' },
    ]);
    assert.deepEqual(
      both.instances.map(({ ports }) => ports),
      [{ dubbo: 20881 }, { dubbo: 20882 }, { tri: 50052 }],
    );
    await update(directory, [child('10.0.0.2:20882')]);
    const fewer = service(directory, `${greet}::`);
    assert.equal(fewer.ports, both.ports, 'the port of tri went with its last instance');
    assert.equal(fewer.instances.length, 1);
  });

  it('reads again only what is new, and keeps the very objects of the rest', async () => {
    const { directory, reader } = make();
    const names = Array.from({ length: 100 }, (_, index) => child(`10.0.0.${index}:1`, `&version=${index % 2}`));
    await update(directory, names);
    assert.equal(reader.reads, 100);
    const [zero, one] = [service(directory, `${greet}:0:`), service(directory, `${greet}:1:`)];
    const { changed } = await update(directory, [...names.slice(0, -1).reverse(), child('10.0.1.0:1', '&version=1')]);
    assert.equal(reader.reads, 101);
    assert.deepEqual(
      changed.map(({ name }) => name),
      [`${greet}:1:`],
    );
    assert.equal(service(directory, `${greet}:0:`), zero);
    const kept = new Set(one.instances);
    assert.equal(service(directory, `${greet}:1:`).instances.filter((instance) => kept.has(instance)).length, 49);
  });

  it('tells of nothing when nothing changed', async () => {
    const { directory } = make();
    const names = [child('10.0.0.1:1'), child('10.0.0.2:1'), 'garbage'];
    await update(directory, names);
    assert.deepEqual(await update(directory, [...names].reverse()), { changed: [], removed: [] });
  });

  it('keeps a service that has nobody left, empty, with its ports', async () => {
    const { directory } = make();
    await update(directory, [child('10.0.0.1:1', '&version=1')]);
    const before = service(directory, `${greet}:1:`);
    const { changed } = await update(directory, []);
    assert.deepEqual(changed, [{ ...before, instances: [] }]);
    assert.deepEqual(await update(directory, []), { changed: [], removed: [] });
    await update(directory, [child('10.0.0.1:1', '&version=1')]);
    assert.deepEqual(service(directory, `${greet}:1:`), before);
  });

  it('publishes nothing for a directory that never had a provider', async () => {
    const { directory } = make();
    assert.deepEqual(await update(directory, []), { changed: [], removed: [] });
    assert.deepEqual(directory.serviceNames, []);
  });

  it('bounds the empty services it remembers, and lets go those emptied first', async () => {
    const { directory } = make();
    await update(directory, [child('10.0.0.1:1', '&version=stays')]);
    const removed: string[] = [];
    for (let release = 0; release < 100; release++) {
      removed.push(...(await update(directory, [child('10.0.0.1:1', `&version=r${release}`)])).removed);
    }
    assert.equal(directory.serviceNames.length, 65);
    assert.equal(removed[0], `${greet}:stays:`);
    assert.equal(service(directory, `${greet}:r99:`).instances.length, 1);
  });

  it('takes the later of two registrations of one address, in whatever order they are listed', async () => {
    const older = child('10.0.0.1:1', '&weight=1&timestamp=100');
    const newer = child('10.0.0.1:1', '&weight=2&timestamp=200');
    for (const names of [
      [older, newer],
      [newer, older],
    ]) {
      const { directory } = make();
      await update(directory, names);
      assert.deepEqual(
        service(directory, `${greet}::`).instances.map(({ weight }) => weight),
        [2],
      );
      await update(directory, [older]);
      assert.deepEqual(
        service(directory, `${greet}::`).instances.map(({ weight }) => weight),
        [1],
      );
    }
    const same = [child('10.0.0.1:1', '&weight=1'), child('10.0.0.1:1', '&weight=2')];
    const weights = await Promise.all(
      [same, [...same].reverse()].map(async (names) => {
        const { directory } = make();
        await update(directory, names);
        return service(directory, `${greet}::`).instances.map(({ weight }) => weight);
      }),
    );
    assert.deepEqual(weights[0], weights[1]);
  });

  it('keeps what is found out of nodes while it takes a list', async () => {
    const { directory, reader } = make();
    const [stays, lasts] = [child('10.0.0.1:1'), child('10.0.0.2:1')];
    await update(directory, [stays, lasts]);
    assert.deepEqual(directory.unchecked([stays, lasts]), [stays, lasts]);
    // So long that others get their turn before the list is taken to its end.
    reader.nextTakesMs = 50;
    const others = Array.from({ length: 300 }, (_, index) => child(`10.0.1.1:${index + 1}`));
    const updating = update(directory, [stays, lasts, ...others]);
    assert.ok(!directory.checked(stays, true));
    assert.ok(directory.checked(lasts, false));
    await updating;
    const health = (id: string) =>
      service(directory, `${greet}::`).instances.find((instance) => instance.id === id)?.health;
    assert.equal(health('dubbo://10.0.0.1:1'), 'healthy');
    assert.equal(health('dubbo://10.0.0.2:1'), 'unknown');
    assert.deepEqual(
      directory.lasting.map(({ id }) => id),
      ['dubbo://10.0.0.2:1'],
    );
    assert.deepEqual(directory.unchecked([stays, lasts, ...others]), others);
    await update(directory, [stays]);
    assert.deepEqual(directory.lasting, []);
    await update(directory, [stays, lasts]);
    assert.equal(health('dubbo://10.0.0.2:1'), 'healthy', 'a node made anew counts as the one of before');
    assert.deepEqual(directory.unchecked([stays, lasts]), [lasts]);
  });

  it('takes nothing of a list when the interface has gone before it is taken to its end', async () => {
    const { directory, reader } = make();
    await update(directory, [child('10.0.0.1:1')]);
    reader.nextTakesMs = 50;
    const others = Array.from({ length: 300 }, (_, index) => child(`10.0.1.1:${index + 1}`));
    const updating = update(directory, [child('10.0.0.1:1'), ...others]);
    directory.clear();
    directory.compute([]);
    assert.deepEqual(await updating, { changed: [], removed: [] });
    directory.compute([]);
    assert.deepEqual(service(directory, `${greet}::`).instances, []);
    assert.ok(!directory.hasUnchecked);
  });

  it('leaves bad records out of their service alone, and shows them', async () => {
    const { directory } = make();
    await update(directory, [child('10.0.0.1:1', '&version=1'), child('10.0.0.2:0', '&version=1'), 'garbage']);
    const good = service(directory, `${greet}:1:`);
    assert.equal(good.instances.length, 1);
    assert.deepEqual(
      good.rejected?.map(({ reason }) => /port/.test(reason)),
      [true],
    );
    assert.deepEqual(service(directory, `${greet}::`).rejected?.length, 1);
    await update(directory, [child('10.0.0.1:1', '&version=1')]);
    assert.equal(service(directory, `${greet}:1:`).rejected, undefined);
    assert.equal(service(directory, `${greet}::`).rejected, undefined);
  });

  it('bounds what it shows of the bad records', async () => {
    const { directory } = make();
    await update(
      directory,
      Array.from({ length: 5000 }, (_, index) => `garbage${index}`),
    );
    assert.equal(service(directory, `${greet}::`).rejected?.length, 1000);
  });

  it('names the application when all providers agree, and the last known when there is none', async () => {
    const { directory } = make();
    const other = encodeURIComponent(`dubbo://10.0.0.9:1/${greet}?application=other`);
    const application = () => service(directory, `${greet}::`).attributes['application'];
    await update(directory, [child('10.0.0.1:1'), other]);
    assert.equal(application(), '');
    await update(directory, [other]);
    assert.equal(application(), 'other');
    await update(directory, []);
    assert.equal(application(), 'other');
  });
});
