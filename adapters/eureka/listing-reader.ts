import type { Logger } from 'pino';
import { isRecord } from '../../core/model/is-record.js';
import { ListingError, type ListingHeader } from './application-splitter.js';
import { convertApplication } from './applications.js';
import { isServiceName } from './build-service.js';
import type { EurekaConfig } from './config.js';
import type { OtherDelta } from './delta-confirmation.js';
import { listOf } from './fields.js';
import type { LeaseCensus } from './lease-census.js';
import type { ApplicationRecords } from './registry-view.js';
import { type EurekaServer, type Resource, StatusError } from './server.js';
import { Sharing } from './sharing.js';
import type { UnusableNames } from './unusable-names.js';

const noDeltaStatuses: ReadonlySet<number> = new Set([403, 404, 405, 501]);

/** More than any registry has; an answer within its bytes can list many more, of nothing. */
const maxInstances = 1_000_000;

/** How an answer is read. */
export interface Reading {
  readonly sharing: Sharing;
  readonly signal: AbortSignal;
  readonly census?: LeaseCensus;
  readonly unusable?: UnusableNames;
}

/** Reads the answers of servers into records. */
export class ListingReader {
  readonly #config: EurekaConfig;
  readonly #logger: Logger;

  constructor(config: EurekaConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /** @param onApplication called for each application as it comes. @throws as {@link EurekaServer.read} */
  read(
    server: EurekaServer,
    resource: Resource,
    onApplication: (application: ApplicationRecords) => void,
    { sharing, signal, census, unusable }: Reading,
  ): Promise<ListingHeader> {
    let instances = 0;
    const take = (value: unknown) => {
      // Before anything is made of them.
      instances += isRecord(value) ? listOf(value['instance']).length : 0;
      if (instances > maxInstances) throw new ListingError(`the answer has more than ${maxInstances} instances`);
      census?.add(value);
      const application = convertApplication(value, this.#config, sharing);
      if (!(application && isServiceName(application.name))) unusable?.add(application?.name ?? '');
      if (application) onApplication(application);
    };
    return server.read(resource, take, signal);
  }

  /**
   * Reads the delta that goes on top of a listing.
   * @returns undefined when the server has none
   * @throws as {@link read}
   */
  async readRecent(
    server: EurekaServer,
    recent: ApplicationRecords[],
    reading: Reading,
  ): Promise<ListingHeader | undefined> {
    try {
      return await this.read(server, 'apps/delta', (one) => recent.push(one), reading);
    } catch (error) {
      if (error instanceof StatusError && noDeltaStatuses.has(error.status)) return undefined;
      throw error;
    }
  }

  /** @returns undefined when it cannot be had. @throws the signal's reason, and nothing else */
  async readOther(server: EurekaServer, signal: AbortSignal): Promise<OtherDelta | undefined> {
    // What remote regions change reaches the server's answers after minutes, so that two of them differ for long.
    if (this.#config.regions.length > 0) return undefined;
    const recent: ApplicationRecords[] = [];
    const reading = { sharing: new Sharing(), signal };
    try {
      const { hash } = await this.read(server, 'compact delta', (one) => recent.push(one), reading);
      return { hash, recent };
    } catch (error) {
      signal.throwIfAborted();
      this.#logger.debug({ err: error, server: server.url }, 'the delta cannot be confirmed');
      return undefined;
    }
  }
}
