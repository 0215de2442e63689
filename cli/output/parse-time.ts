import { InvalidArgumentError } from 'commander';
import { parseDuration } from './parse-duration.js';

export const timeHint = '14:05, -15m or 2026-03-01T14:05:00Z';

const clockPattern = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const datePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?$/;

/**
 * A time of the past, in milliseconds since the epoch: `14:05` or `14:05:30`, the last time it was that on the clock here;
 * `-15m`, before now; or a date and time (RFC 3339; without an offset, of here).
 * @throws InvalidArgumentError
 */
export function parseTime(text: string): number {
  const nowMs = Date.now();
  const [, hours, minutes, seconds = '0'] = clockPattern.exec(text) ?? [];
  if (hours !== undefined && minutes !== undefined) {
    const time = new Date(nowMs);
    time.setHours(Number(hours), Number(minutes), Number(seconds), 0);
    if (time.getTime() > nowMs) time.setDate(time.getDate() - 1);
    return time.getTime();
  }
  if (text.startsWith('-')) return nowMs - parseDuration(text.slice(1));
  const ms = datePattern.test(text) ? Date.parse(text) : Number.NaN;
  if (!(ms >= 0)) throw new InvalidArgumentError(`expected a time, as ${timeHint}`);
  return ms;
}
