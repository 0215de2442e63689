import type { Plugin } from '../../core/plugin/index.js';
import { xdsSchema } from './config.js';
import { XdsSink } from './xds-sink.js';

export { XdsSink, type XdsStatus } from './xds-sink.js';

/** Serves the catalog over ADS to Envoys at the edge and to gRPC clients that read xDS themselves. See README.md. */
export const xdsSink: Plugin<typeof xdsSchema, XdsSink> = {
  kind: 'xds',
  stability: 'alpha',
  schema: xdsSchema,
  create: (config, deps) => new XdsSink(config, deps),
};
