import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { request } from 'undici';
import type { WatchEvent } from '../../../core/api/resources.js';
import { http } from '../../support/http.js';
import { poll } from '../../support/poll.js';
import { aCatalogService, startApi, type TestApi } from './api.js';

/** Opens a watch and reads it line by line until it is closed. */
async function openWatch(url: string) {
  const abort = new AbortController();
  const response = await request(url, { signal: abort.signal, reset: true });
  assert.equal(response.statusCode, 200);
  const events: WatchEvent[] = [];
  let ended = false;
  const lines = createInterface({ input: response.body });
  const reading = (async () => {
    for await (const line of lines) events.push(JSON.parse(line) as WatchEvent);
  })()
    .catch(() => undefined)
    .finally(() => {
      ended = true;
    });
  return {
    events,
    contentType: response.headers['content-type'],
    isEnded: () => ended,
    close: async () => {
      abort.abort();
      await reading;
    },
  };
}

function brief(event: WatchEvent): string {
  if (event.type === 'upsert') return `+${event.service.host}`;
  return event.type === 'remove' ? `-${event.host}` : event.type;
}

describe('watching services', () => {
  let test: TestApi;
  afterEach(() => test.api.stop());

  it('gives everything first, then each change', async () => {
    test = await startApi();
    test.catalog.set(aCatalogService('a.nacos'));
    const watch = await openWatch(`${test.url}/api/v1/services?watch=true`);
    assert.equal(watch.contentType, 'application/x-ndjson');
    await poll(() => watch.events.length >= 3);
    test.catalog.set(aCatalogService('b.nacos'));
    await poll(() => watch.events.length >= 5);
    test.catalog.delete('a.nacos');
    await poll(() => watch.events.length >= 7);
    assert.deepEqual(watch.events.map(brief), ['reset', '+a.nacos', 'sync', '+b.nacos', 'sync', '-a.nacos', 'sync']);
    assert.deepEqual(watch.events.at(-1), { type: 'sync', revision: 3 });
    const [, first] = watch.events;
    assert.ok(first?.type === 'upsert');
    assert.deepEqual(first.service, aCatalogService('a.nacos'));
    await watch.close();
    await poll(() => test.catalog.feeds.size === 0, { what: 'the watch to be released' });
  });

  it('keeps to the filter, and tells when a service leaves it', async () => {
    test = await startApi();
    test.catalog.set(aCatalogService('a.nacos', ['x']), aCatalogService('b.nacos', ['y']));
    const watch = await openWatch(`${test.url}/api/v1/services?watch=true&source=x`);
    await poll(() => watch.events.length >= 3);
    test.catalog.set(aCatalogService('a.nacos', ['y']));
    await poll(() => watch.events.length >= 5);
    test.catalog.delete('b.nacos');
    await poll(() => watch.events.length >= 6);
    assert.deepEqual(watch.events.map(brief), ['reset', '+a.nacos', 'sync', '-a.nacos', 'sync', 'sync']);
    await watch.close();
  });

  it('sends heartbeats when nothing happens', async () => {
    test = await startApi({ heartbeatMs: 20 });
    const watch = await openWatch(`${test.url}/api/v1/services?watch=true`);
    await poll(() => watch.events.filter(({ type }) => type === 'heartbeat').length >= 3);
    test.catalog.set(aCatalogService('a.nacos'));
    await poll(() => watch.events.some((event) => brief(event) === '+a.nacos'), { what: 'a change after heartbeats' });
    await watch.close();
  });

  it('serves a bounded number, and frees the place of one that is gone', async () => {
    test = await startApi({ maxWatchers: 2 });
    const url = `${test.url}/api/v1/services?watch=true`;
    const [one, two] = [await openWatch(url), await openWatch(url)];
    const refused = await http(url);
    assert.equal(refused.status, 503);
    assert.match(refused.body, /there are 2 watches already/);
    assert.match((await http(`${test.url}/metrics`)).body, /isthmus_api_watchers 2/);
    await one.close();
    const three = await poll(() => openWatch(url).catch(() => undefined));
    await Promise.all([two.close(), three.close()]);
  });

  it('ends when the server stops', async () => {
    test = await startApi();
    const watch = await openWatch(`${test.url}/api/v1/services?watch=true`);
    await poll(() => watch.events.length >= 2);
    await test.api.stop();
    await poll(watch.isEnded, { what: 'the end of the watch' });
    assert.equal(test.catalog.feeds.size, 0);
  });

  it('lets a reader that takes nothing skip revisions, holds little for it, and gives it up', async () => {
    test = await startApi({ stallMs: 1500 });
    const large = (host: string) => ({ ...aCatalogService(host), metadata: { filling: 'x'.repeat(100_000) } });
    const services = Array.from({ length: 50 }, (_, index) => large(`s${index}.nacos`));
    test.catalog.set(...services);
    const socket = connect(test.port, '127.0.0.1');
    socket.on('error', () => undefined);
    try {
      socket.pause();
      socket.write('GET /api/v1/services?watch=true HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await poll(() => test.catalog.feeds.size === 1);
      // A gigabyte in all: what is queued for the reader would show.
      const before = process.memoryUsage().rss;
      for (let round = 0; round < 200 && test.catalog.feeds.size > 0; round++) {
        test.catalog.set(...services);
        await nextTurn();
      }
      assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
      assert.equal((await http(`${test.url}/healthz`)).status, 200);
      await poll(() => test.catalog.feeds.size === 0, { what: 'the reader to be given up' });
    } finally {
      socket.destroy();
    }
  });
});
