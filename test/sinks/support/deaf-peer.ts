import { connect } from 'node:http2';
import { adsService } from '../../../sinks/grpc/ads-service.js';

/** An ADS client that asks and never reads an answer: flow control then stops the server's writing. */
export class DeafPeer {
  readonly #session;
  /** Settles when the connection is gone. */
  readonly disconnected: Promise<void>;

  constructor(address: string, request: Buffer) {
    this.#session = connect(`http://${address}`);
    this.#session.on('error', () => undefined); // a reset connection is what some tests are after
    this.disconnected = new Promise((resolve) => this.#session.once('close', resolve));
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': adsService.streamAggregatedResources.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(request.length, 1);
    stream.write(Buffer.concat([prefix, request]));
  }

  close(): void {
    this.#session.destroy();
  }
}
