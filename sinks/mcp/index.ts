import type { Plugin } from '../../core/plugin/index.js';
import { mcpSchema } from './config.js';
import { McpSink } from './mcp-sink.js';

export { McpSink, type McpStatus } from './mcp-sink.js';

/** Serves the catalog to istiod as a config source, `xds://HOST:PORT`. See README.md. */
export const mcpSink: Plugin<typeof mcpSchema, McpSink> = {
  kind: 'mcp',
  stability: 'beta',
  schema: mcpSchema,
  create: (config, deps) => new McpSink(config, deps),
};
