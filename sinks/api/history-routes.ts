import type { DiffList, HistoryList } from '../../core/api/resources.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import { type History, HistoryBusyError } from '../../core/history/history.js';
import { type EntryPosition, HistoryRangeError, type HostFilter } from '../../core/history/history-reader.js';
import { HttpProblem, type HttpRequest, type HttpRoute } from '../../core/plugin/index.js';
import { serviceFilter } from './listing.js';
import { allowOnly, type Query, wholeNumber } from './query.js';
import { timeIn } from './time-query.js';

const hourMs = 3_600_000;
const defaultLimit = 100;
const maxLimit = 1000;
const parameters = ['from', 'to', 'host', 'limit', 'continue'];

/** `GET /api/v1/history` and `GET /api/v1/diff`. */
export function historyRoutes(history: History | undefined): readonly HttpRoute[] {
  return [
    { method: 'GET', path: '/api/v1/history', handle: (request) => answer(history, request, entries) },
    { method: 'GET', path: '/api/v1/diff', handle: (request) => answer(history, request, difference) },
  ];
}

/** @throws HttpProblem 404 */
export function historyOf(history: History | undefined): History {
  if (history) return history;
  throw new HttpProblem(404, 'Not Found', 'no history is kept; see the key history of the configuration');
}

/** What the caller is told when the history has no answer. */
export function historyProblem(error: unknown): unknown {
  if (error instanceof HistoryRangeError) return new HttpProblem(404, 'Not Found', error.message);
  if (error instanceof HistoryBusyError) return new HttpProblem(503, 'Service Unavailable', error.message);
  return error;
}

async function answer(
  history: History | undefined,
  { query, signal }: HttpRequest,
  read: (history: History, query: Query, signal: AbortSignal) => Promise<object>,
) {
  allowOnly(query, parameters);
  try {
    return { status: 200, body: await read(historyOf(history), query, signal) };
  } catch (error) {
    throw historyProblem(error);
  }
}

async function entries(history: History, query: Query, signal: AbortSignal): Promise<HistoryList> {
  const toMs = timeIn(query, 'to', Date.now());
  const fromMs = timeIn(query, 'from', Math.max(0, toMs - hourMs));
  assertOrder(fromMs, toMs);
  const after = positionIn(query);
  const wants = hostsIn(query);
  const limit = wholeNumber(query, 'limit', defaultLimit, 1, maxLimit);
  const page = await history.page({ fromMs, toMs, wants, ...(after ? { after } : {}) }, limit, signal);
  return { items: page.items, ...(page.next ? { continue: encodePosition(page.next) } : {}) };
}

async function difference(history: History, query: Query, signal: AbortSignal): Promise<DiffList> {
  const nowMs = Date.now();
  const fromMs = timeIn(query, 'from');
  const toMs = Math.min(timeIn(query, 'to', nowMs), nowMs);
  assertOrder(fromMs, toMs);
  const limit = wholeNumber(query, 'limit', defaultLimit, 1, maxLimit);
  const after = hostAfter(query);
  const { hosts, marks, hasMore } = await history.difference(
    { fromMs, toMs, limit, wants: hostsIn(query), ...(after === undefined ? {} : { after }) },
    signal,
  );
  const last = hosts.at(-1)?.host;
  return {
    items: hosts,
    marks,
    ...(hasMore && last !== undefined ? { continue: Buffer.from(last).toString('base64url') } : {}),
  };
}

function assertOrder(fromMs: number, toMs: number): void {
  if (fromMs > toMs) throw new HttpProblem(400, 'Bad Request', 'from is to be before to, and not in the future');
}

function hostsIn(query: Query): HostFilter {
  const { host } = serviceFilter(query);
  return host === undefined ? () => true : (name) => matchesGlob(host, name);
}

function hostAfter(query: Query): string | undefined {
  const token = query['continue'];
  if (token === undefined) return undefined;
  const host = Buffer.from(token, 'base64url').toString();
  if (host.length > 253 || Buffer.from(host).toString('base64url') !== token) throw badToken();
  return host;
}

function encodePosition({ segment, record, line }: EntryPosition): string {
  return `${segment}.${record}.${line}`;
}

function positionIn(query: Query): EntryPosition | undefined {
  const token = query['continue'];
  if (token === undefined) return undefined;
  const [, segment, record, line] = /^(\d{1,10})\.(\d{1,10})\.(\d{1,10})$/.exec(token) ?? [];
  if (segment === undefined) throw badToken();
  return { segment: Number(segment), record: Number(record), line: Number(line) };
}

function badToken(): HttpProblem {
  return new HttpProblem(400, 'Bad Request', 'continue is to be what the last page gave');
}
