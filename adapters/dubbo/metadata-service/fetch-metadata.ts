import type { ApplicationInstance } from '../application-instance.js';
import { MetadataError, type MetadataInfo, metadataInfoFrom } from '../metadata-info.js';
import type { Ask } from './ask.js';
import { askByDubbo } from './ask-by-dubbo.js';
import { askByWrapper, askV2 } from './ask-by-grpc.js';
import { HessianError } from './hessian-strings.js';
import { routeOf } from './route.js';

export interface FetchOptions {
  /** Longest answer, bytes. */
  readonly maxAnswerBytes: number;
  /** Aborts at the caller's deadline, too. */
  readonly signal: AbortSignal;
}

/**
 * Asks an instance for the metadata of the revision that it announces, by the route that it announces.
 * @throws MetadataError, whose message can be shown; the signal's reason
 */
export async function fetchMetadata(instance: ApplicationInstance, options: FetchOptions): Promise<MetadataInfo> {
  const { application, revision, metadataService } = instance;
  const { maxAnswerBytes: maxBytes, signal } = options;
  const route = routeOf(instance);
  const ask: Ask = { application, revision, basicAuth: metadataService?.basicAuth, maxBytes, signal };
  try {
    return metadataInfoFrom(await routes[route.kind](route, ask), application, revision);
  } catch (error) {
    if (error instanceof HessianError) throw new MetadataError(`the metadata cannot be read: ${error.message}`);
    throw error;
  }
}

const routes = { v2: askV2, triple: askByWrapper, dubbo: askByDubbo };
