import type { ConfigSourcesOf } from '../../core/config/kinds.js';
import type { Plugin } from '../../core/plugin/index.js';
import { type McpConfig, mcpSchema } from './config.js';
import { McpSink } from './mcp-sink.js';
import { configSources } from './mesh-config.js';

export { McpSink, type McpStatus } from './mcp-sink.js';

/** Serves the catalog to istiod as a config source, `xds://HOST:PORT`. See README.md. */
export const mcpSink: Plugin<typeof mcpSchema, McpSink> & { readonly configSources: ConfigSourcesOf } = {
  kind: 'mcp',
  stability: 'beta',
  schema: mcpSchema,
  create: (config, deps) => new McpSink(config, deps),
  configSources: (config, dialled) => configSources(config as unknown as McpConfig, dialled),
};
