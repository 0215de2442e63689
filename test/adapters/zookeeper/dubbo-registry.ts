import type { ZookeeperSource } from '../../../adapters/zookeeper/source.js';
import { startZookeeper, type ZookeeperOptions, type ZookeeperServer } from '../../servers/zookeeper.js';
import { ZookeeperWriter } from '../../support/zookeeper-writer.js';
import { makeSource, type RawConfig } from './support.js';

/** A real ZooKeeper for all tests of a suite, with folders of its own for each test. */
export interface DubboRegistry {
  readonly server: ZookeeperServer;
  readonly writer: ZookeeperWriter;
  /** Of interfaces, metadata reports and the config centre. */
  readonly root: string;
  /** Of applications. */
  readonly services: string;
  /** A source on the folders of this test. @param address default: the server's own */
  source(raw?: RawConfig, address?: string): ZookeeperSource;
}

/** To be called in a `describe`: its hooks start and stop what there is. */
export function useDubboRegistry(options: ZookeeperOptions = {}): DubboRegistry {
  let server: ZookeeperServer | undefined;
  let writer: ZookeeperWriter | undefined;
  let count = 0;
  before(async () => {
    server = await startZookeeper({ tickTimeMs: 500, ...options });
    writer = await ZookeeperWriter.connect(server.address);
  });
  after(async () => {
    await writer?.close();
    await server?.stop();
  });
  beforeEach(() => {
    count++;
  });
  return {
    get server() {
      return running(server);
    },
    get writer() {
      return running(writer);
    },
    get root() {
      return `/dubbo${count}`;
    },
    get services() {
      return `/services${count}`;
    },
    source(raw = {}, address = running(server).address) {
      const folders = { root: this.root, servicesRoot: this.services, configRoot: `${this.root}/config` };
      return makeSource([address], { ...raw, dubbo: { ...folders, ...raw.dubbo } });
    },
  };
}

function running<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('the registry does not run');
  return thing;
}
