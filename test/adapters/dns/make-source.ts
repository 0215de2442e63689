import type { z } from 'zod';
import { dnsSchema } from '../../../adapters/dns/config.js';
import { DnsSource } from '../../../adapters/dns/source.js';
import { type Clock, systemClock } from '../../../core/plugin/index.js';

/** A source with short waits: names are asked for again after 100 ms, whatever their TTL. */
export function makeSource(config: Partial<z.input<typeof dnsSchema>>, clock: Clock = systemClock): DnsSource {
  const quick = { minIntervalMs: 100, maxIntervalMs: 100, negativeGraceMs: 600, timeoutMs: 300, names: [] };
  return new DnsSource(dnsSchema.parse({ ...quick, ...config }), { clock });
}
