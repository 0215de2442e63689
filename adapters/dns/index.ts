import { defineAdapter } from '../../core/plugin/index.js';
import { dnsSchema } from './config.js';
import { DnsSource } from './source.js';

/** Services from a list of DNS names: A, AAAA and SRV records. */
export const dnsAdapter = defineAdapter({
  kind: 'dns',
  stability: 'beta',
  schema: dnsSchema,
  defaultHost: '{name}.dns',
  create: (config, deps) => new DnsSource(config, deps),
});
