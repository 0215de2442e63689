import { join } from 'node:path';
import { http } from '../support/http.js';
import { artefactDir } from './build/cache-dir.js';
import { pickPorts } from './ports.js';
import { type ServerHandle, type StartOptions, startServer } from './process.js';

export type DnsFault = 'servfail' | 'refused' | 'silent';

export interface DnsServer extends ServerHandle {
  /** `127.0.0.1:port`, UDP and TCP. */
  readonly address: string;
  /** Puts a zone in the format of RFC 1035 in the place of what there is; the server begins with nothing. */
  setZone(text: string): Promise<void>;
  /** For one name, without its final dot; undefined ends the fault. */
  setFault(name: string, fault: DnsFault | undefined): Promise<void>;
  /** Queries since the start, by `PROTOCOL NAME TYPE`, as `udp orders.test. A`. */
  queries(): Promise<Readonly<Record<string, number>>>;
}

/** Starts a DNS server that answers from a zone given to it; a restart forgets the zone. */
export async function startDnsServer(options: StartOptions = {}): Promise<DnsServer> {
  const [port, controlPort] = (await pickPorts(2)) as [number, number];
  const address = `127.0.0.1:${port}`;
  const control = `http://127.0.0.1:${controlPort}`;
  const server = await startServer(
    {
      name: 'dns',
      command: () => ({
        command: join(artefactDir('dns'), 'dns'),
        args: ['-dns', address, '-control', `127.0.0.1:${controlPort}`],
      }),
      ready: async (signal) => (await http(`${control}/queries`, { signal })).status === 200,
    },
    options,
  );
  const send = async (method: 'PUT' | 'DELETE', path: string, body = '') => {
    const answer = await http(`${control}${path}`, { method, body });
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  };
  return Object.assign(server, {
    address,
    setZone: (text: string) => send('PUT', '/zone', text),
    setFault: (name: string, fault: DnsFault | undefined) =>
      fault === undefined ? send('DELETE', `/faults/${name}.`) : send('PUT', `/faults/${name}.`, fault),
    async queries() {
      return JSON.parse((await http(`${control}/queries`)).body) as Record<string, number>;
    },
  });
}
