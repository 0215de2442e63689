import type { z } from 'zod';
import type { Plugin, SinkDeps } from '../core/plugin/index.js';
import type { Sink } from '../core/sink/sink.js';
import { kubernetesSink } from './kubernetes/index.js';
import { mcpSink } from './mcp/index.js';
import { xdsSink } from './xds/index.js';

/** The outputs of the catalog that a configuration can name. */
export const sinks: readonly Plugin<z.ZodObject, Sink, SinkDeps>[] = [mcpSink, xdsSink, kubernetesSink].map(
  (sink) => sink as unknown as Plugin<z.ZodObject, Sink, SinkDeps>,
);
