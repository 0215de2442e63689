import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type Collection, type KubernetesClient, listAndWatch, metaOf } from '../../../clients/kubernetes/index.js';
import { systemClock } from '../../../core/time/index.js';
import { poll } from '../../support/poll.js';
import { FakeApi, listOf, object, send } from './fake-api.js';

const things: Collection<string> = { path: '/things', decode: (thing) => metaOf(thing)?.resourceVersion };

describe('clients/kubernetes: list and watch', () => {
  let api: FakeApi;
  let client: KubernetesClient;
  let stop: AbortController;
  let told: string[];
  beforeEach(async () => {
    api = await FakeApi.start();
    client = api.client();
    stop = new AbortController();
    told = [];
  });
  afterEach(async () => {
    stop.abort(new Error('stopped'));
    await client.close();
    await api.close();
  });

  const follow = () =>
    listAndWatch(
      things,
      {
        listed: (items) => told.push(`listed ${[...items].map(([key, version]) => `${key}@${version}`)}`),
        changed: (key, item) => told.push(`${key}@${item ?? 'gone'}`),
        settled: () => told.push('.'),
      },
      { client, clock: systemClock, pageSize: 2, watchMs: 60_000 },
      stop.signal,
    );
  const event = (response: ServerResponse, type: string, what: unknown) =>
    response.write(`${JSON.stringify({ type, object: what })}\n`);
  const until = (line: string) => poll(() => told.includes(line), { what: `${line} in ${told}`, timeoutMs: 5000 });

  it('reads all pages of one moment and follows from there', async () => {
    api.handler = (_, response, url) => {
      const { searchParams } = url;
      if (searchParams.get('watch') === 'true') {
        assert.equal(searchParams.get('resourceVersion'), '7');
        assert.equal(searchParams.get('allowWatchBookmarks'), 'true');
        response.writeHead(200);
        event(response, 'MODIFIED', object('a', '8'));
        event(response, 'DELETED', object('b', '9'));
      } else if (searchParams.get('continue') === 'more') send(response, 200, listOf(['c'], '7'));
      else send(response, 200, listOf(['a', 'b'], '7', 'more'));
    };
    const following = follow();
    await until('ns/b@gone');
    assert.deepEqual(told.filter((line) => line !== '.').slice(0, 3), [
      'listed ns/a@7,ns/b@7,ns/c@7',
      'ns/a@8',
      'ns/b@gone',
    ]);
    stop.abort(new Error('stopped'));
    await assert.rejects(following, /stopped/);
  });

  it('takes a list whose items are null for an empty one: some lists of the API are written so', async () => {
    api.handler = (_, response, url) => {
      if (url.searchParams.get('watch') === 'true') response.writeHead(200).flushHeaders();
      else send(response, 200, { kind: 'ThingList', metadata: { resourceVersion: '7' }, items: null });
    };
    follow().catch(() => undefined);
    await until('listed ');
  });

  it('opens an ended watch anew at the version of the last bookmark, without listing', async () => {
    let watches = 0;
    api.handler = (_, response, url) => {
      if (url.searchParams.get('watch') !== 'true') return send(response, 200, listOf(['a'], '5'));
      response.writeHead(200);
      if (++watches === 1) {
        event(response, 'BOOKMARK', { kind: 'Thing', metadata: { resourceVersion: '40' } });
        response.end();
      } else event(response, 'ADDED', object(`from-${url.searchParams.get('resourceVersion')}`, '41'));
    };
    const following = follow();
    following.catch(() => undefined);
    await until('ns/from-40@41');
    assert.equal(told.filter((line) => line.startsWith('listed')).length, 1);
  });

  for (const how of ['in the stream', 'as its status'] as const) {
    it(`lists anew when the version has expired, told ${how}`, async () => {
      let lists = 0;
      api.handler = (_, response, url) => {
        if (url.searchParams.get('watch') !== 'true') {
          lists++;
          return send(response, 200, listOf([`list-${lists}`], `${lists}0`));
        }
        if (url.searchParams.get('resourceVersion') === '20') return void response.writeHead(200).flushHeaders();
        const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
        if (how === 'as its status') return send(response, 410, status);
        response.writeHead(200);
        event(response, 'ERROR', status);
        response.end();
      };
      follow().catch(() => undefined);
      await until('listed ns/list-2@20');
      assert.ok(told.every((line) => !line.includes('gone')));
    });
  }

  it('waits longer and longer when each watch is ended at once', async () => {
    api.handler = (_, response, url) => {
      if (url.searchParams.get('watch') === 'true') response.writeHead(200).end();
      else send(response, 200, listOf(['a'], '5'));
    };
    follow().catch(() => undefined);
    await poll(() => api.requests.length >= 4, { timeoutMs: 10_000 });
    // 125 to 250 ms, 250 to 500, 500 to 1000: without a pause there would be thousands.
    assert.ok(api.requests.length < 8, `${api.requests.length} requests`);
  });

  const broken: [string, (response: ServerResponse) => void, RegExp][] = [
    ['a page fails', (response) => send(response, 500, { message: 'no' }), /status 500: no/],
    [
      'a page is cut off',
      (response) => void response.writeHead(200, { 'content-length': 99 }).write('{'),
      /other side|terminated|no answer/,
    ],
    ['it is no list', (response) => send(response, 200, { kind: 'Status', items: [] }), /no list/],
    ['a list has no version', (response) => send(response, 200, { kind: 'XList', items: [] }), /no list/],
    [
      'an object has no name',
      (response) => send(response, 200, { kind: 'XList', metadata: { resourceVersion: '1' }, items: [{}] }),
      /no name/,
    ],
  ];
  for (const [what, answer, reason] of broken) {
    it(`tells nothing and fails when ${what}`, async () => {
      api.handler = (_, response, url) => {
        if (!url.searchParams.has('continue')) return send(response, 200, listOf(['a', 'b'], '7', 'more'));
        answer(response);
        if (what.includes('cut')) response.destroy();
      };
      await assert.rejects(follow(), reason);
      assert.deepEqual(told, []);
    });
  }

  for (const line of [
    'no json',
    '{"type":"ADDED","object":{}}',
    '{"type":7}',
    '{"type":"NEW","object":{"metadata":{"name":"x","resourceVersion":"9"}}}',
  ]) {
    it(`fails on a watch that says ${line}: an event that was not understood may have been any`, async () => {
      api.handler = (_, response, url) => {
        if (url.searchParams.get('watch') !== 'true') return send(response, 200, listOf(['a'], '7'));
        response.writeHead(200).write(`${line}\n`);
      };
      await assert.rejects(follow(), /no JSON|nameless|no type|unknown event/);
      assert.equal(told.filter((each) => each !== '.').length, 1);
    });
  }
});
