import type { Health, Locality, Port } from '../../core/plugin/index.js';
import type { EurekaInfo } from './eureka/info.js';

/** An instance as it was registered, and as it is stored; replaced as a whole with each change. */
export interface RegisteredInstance {
  readonly id: string;
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly weight: number;
  readonly health: Health;
  readonly locality?: Locality;
  readonly network?: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent: it lives until it is deleted. */
  readonly ttlSeconds?: number;
  /** Its lease has run out: it serves no more, and is removed soon. */
  readonly expired?: true;
  /** What a Eureka client registered; the fields above are made of it. */
  readonly eureka?: EurekaInfo;
}

/** A service as it is stored; replaced as a whole with each change, so that what was made of it can be kept. */
export interface RegisteredService {
  readonly name: string;
  /** Whether its ports were declared; else they are those of its instances. */
  readonly declared: boolean;
  readonly ports: readonly Port[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly instances: ReadonlyMap<string, RegisteredInstance>;
}

/** What a change did: the service is as it was, new or different, or gone. */
export type RegistryChange = { readonly kind: 'put' | 'removed'; readonly name: string };

/** What PUT of an instance found: `same` is a heartbeat alone. */
export type PutOutcome = 'new' | 'changed' | 'same';

/** What a heartbeat found: `revived` is an instance whose lease had run out, and that serves again. */
export type HeartbeatOutcome = 'unknown' | 'renewed' | 'revived';
