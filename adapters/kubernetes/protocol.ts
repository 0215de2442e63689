import { isProtocol, type Protocol } from '../../core/plugin/index.js';
import type { ServicePortRecord } from './records.js';

/** Names of Kubernetes (KEP-3726) and of IANA for what the catalog calls otherwise. */
const synonyms: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
  h2c: 'http2',
  h2: 'https',
  ws: 'http',
  wss: 'https',
  'http/1.1': 'http',
  triple: 'tri',
  mongodb: 'mongo',
};

/**
 * What a port speaks: by its `appProtocol`, else by its name as Istio's convention has it (`grpc-api`), else `fallback`.
 * @returns undefined for SCTP, which the catalog does not know
 */
export function protocolOf(port: ServicePortRecord, fallback: Protocol): Protocol | undefined {
  if (port.transport === 'SCTP') return undefined;
  if (port.transport === 'UDP') return 'udp';
  return known(port.appProtocol) ?? knownPrefix(port.name) ?? (fallback === 'udp' ? 'tcp' : fallback);
}

function known(text: string): Protocol | undefined {
  const name = text.toLowerCase();
  const synonym = Object.hasOwn(synonyms, name) ? synonyms[name] : undefined;
  if (synonym) return synonym;
  // UDP is a matter of the port's transport.
  return isProtocol(name) && name !== 'udp' ? name : undefined;
}

function knownPrefix(name: string): Protocol | undefined {
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'grpc-web';
  return known(name.split('-', 1)[0] ?? '');
}
