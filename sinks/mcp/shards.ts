import { createHash } from 'node:crypto';

/** One of `count` parts of the catalog, `index` from 0; the whole is shard 0 of 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Config sources that istiod reads side by side; more cost it more than they save. */
export const maxShards = 64;
export const whole: Shard = { index: 0, count: 1 };

/**
 * Jump consistent hash: which of `buckets` a key is in. From N to N + 1 buckets one key in N + 1 moves, and none but into
 * the new one.
 * Source: J. Lamping, E. Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014, https://arxiv.org/abs/1406.2294
 */
export function jumpHash(key: bigint, buckets: number): number {
  let state = BigInt.asUintN(64, key);
  let bucket = -1;
  let next = 0;
  while (next < buckets) {
    bucket = next;
    state = BigInt.asUintN(64, state * 2_862_933_555_777_941_757n + 1n);
    next = Math.floor((bucket + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
  }
  return bucket;
}

/** The shard, of `count`, that a host is in; of nothing but its name, so the same on every replica and for ever. */
export function shardIndexOf(host: string, count: number): number {
  if (count === 1) return 0;
  return jumpHash(createHash('sha256').update(host).digest().readBigUInt64BE(0), count);
}

/** How a shard is called where a client dials it: `shard-3-of-16`. */
export function shardLabel({ index, count }: Shard): string {
  return `shard-${index}-of-${count}`;
}

/**
 * The shard that a client has dialled: the first label of its name is `shard-3-of-16`, or ends so, as in
 * `isthmus-shard-3-of-16.istio-system.svc:15010`. Any other name is the whole. The count is part of the name, so that a
 * client with an older list of shards still gets a consistent whole.
 * @returns a text that says what is wrong
 */
export function shardOfAuthority(authority: string): Shard | string {
  const label = /^[^.:]*/.exec(authority)?.[0] ?? '';
  const match = /(?:^|-)shard-([0-9]+)-of-([0-9]+)$/i.exec(label);
  if (!match) return whole;
  const shard = { index: Number(match[1]), count: Number(match[2]) };
  if (shard.count < 1 || shard.count > maxShards)
    return `there may be 1 to ${maxShards} shards, not ${match[2]?.slice(0, 10)}`;
  if (shard.index >= shard.count) {
    return `${label.slice(0, 80)} is no shard: of ${shard.count} they are 0 to ${shard.count - 1}`;
  }
  return shard;
}

/** Ports between the first of N shards and the first of N + 1. */
const portsPerCount = 100;

/**
 * The port of a shard that has one of its own: `listen` + 100 · count + index. The count is part of it, so that no port
 * is ever that of another shard when the count changes.
 */
export function shardPort(listen: number, { index, count }: Shard): number {
  return listen + portsPerCount * count + index;
}
