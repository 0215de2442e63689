import { shardPort } from '../../sinks/mcp/shards.js';

/** Distances of the ports of shards, of each of these numbers of shards, from the port that a sink listens on; for `pickPort`. */
export function shardPorts(...counts: readonly number[]): readonly number[] {
  const ofCount = (count: number) => Array.from({ length: count }, (_, index) => shardPort(0, { index, count }));
  return [0, ...counts.flatMap(ofCount)];
}
