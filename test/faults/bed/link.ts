import type { ToxicProxy, Toxiproxy } from '../../servers/toxiproxy.js';

export type Direction = 'both' | 'up' | 'down';

/** The daemon's way to one server: one proxied port, or several that belong together. */
export class Link {
  readonly #proxies: readonly ToxicProxy[];

  constructor(proxies: readonly ToxicProxy[]) {
    this.#proxies = proxies;
  }

  /** @param ports pairs of the port to listen on and the `host:port` behind it */
  static async create(toxiproxy: Toxiproxy, name: string, ports: readonly (readonly [number, string])[]) {
    const proxies: ToxicProxy[] = [];
    for (const [index, [port, target]] of ports.entries()) {
      proxies.push(await toxiproxy.createProxy(`${name}-${index}`, port, target));
    }
    return new Link(proxies);
  }

  /** Connections stay open, bytes vanish. */
  async blackHole(direction: Direction, share = 1): Promise<void> {
    for (const stream of streams(direction)) {
      await this.#all((proxy) => proxy.add({ type: 'timeout', stream, toxicity: share, attributes: { timeout: 0 } }));
    }
  }

  /**
   * Late and jittered both ways, in small pieces: what TCP makes of a link that loses half of its packets. It is TCP
   * that is proxied, so no packet can be taken out.
   */
  async delay(latencyMs: number): Promise<void> {
    for (const stream of streams('both')) {
      const attributes = { latency: latencyMs, jitter: latencyMs };
      await this.#all((proxy) => proxy.add({ type: 'latency', stream, attributes }));
    }
    const slices = { average_size: 512, size_variation: 256, delay: 2000 };
    await this.#all((proxy) => proxy.add({ type: 'slicer', stream: 'downstream', attributes: slices }));
  }

  /** Each connection is closed after so many bytes from the server, in the middle of whatever it sends. */
  async cutAfter(bytes: number): Promise<void> {
    await this.#all((proxy) => proxy.add({ type: 'limit_data', stream: 'downstream', attributes: { bytes } }));
  }

  /** Each connection is reset (RST) after so long. */
  async resetAfter(timeoutMs: number): Promise<void> {
    await this.#all((proxy) =>
      proxy.add({ type: 'reset_peer', stream: 'downstream', attributes: { timeout: timeoutMs } }),
    );
  }

  async refuse(): Promise<void> {
    await this.#all((proxy) => proxy.enable(false));
  }

  async heal(): Promise<void> {
    await this.#all((proxy) => proxy.heal());
  }

  async #all(act: (proxy: ToxicProxy) => Promise<void>): Promise<void> {
    await Promise.all(this.#proxies.map(act));
  }
}

function streams(direction: Direction): readonly ('upstream' | 'downstream')[] {
  if (direction === 'both') return ['upstream', 'downstream'];
  return [direction === 'up' ? 'upstream' : 'downstream'];
}
