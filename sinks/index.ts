import type { z } from 'zod';
import type { Plugin } from '../core/plugin/index.js';
import type { Sink } from '../core/sink/sink.js';
import { mcpSink } from './mcp/index.js';

/** The outputs of the catalog that a configuration can name. */
export const sinks: readonly Plugin<z.ZodObject, Sink>[] = [mcpSink as unknown as Plugin<z.ZodObject, Sink>];
