import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import type { NacosServer } from './nacos.js';
import { startNacos2 } from './nacos2.js';
import { startNacos3 } from './nacos3.js';
import { shared } from './shared.js';

/** Changes show at once, not after half a second, and empty services go within seconds, not minutes. */
const config = {
  'nacos.naming.push.pushTaskDelay': 20,
  'nacos.naming.clean.empty-service.interval': 500,
  'nacos.naming.clean.empty-service.expired-time': 1500,
};

/** Lists the services of the public namespace. */
const list2 = '/v1/ns/catalog/services?withInstances=false&namespaceId=public';
const list3 = '/v3/admin/ns/service/list?namespaceId=public';

/** The Nacos 2.3.2 of {@link sharedNacos3}. */
export function sharedNacos2(): Promise<NacosServer> {
  return whenEmpty('nacos2', () => startNacos2({ config }), list2);
}

/**
 * The Nacos 3.1.0 that the test files of this process share, for a start takes longer than most of them do. It is for
 * those that neither stop nor pause nor configure it, and that take away what they register. Its public namespace is empty.
 */
export function sharedNacos3(): Promise<NacosServer> {
  return whenEmpty('nacos3', () => startNacos3({ config }), list3);
}

async function whenEmpty(name: string, start: () => Promise<NacosServer>, list: string): Promise<NacosServer> {
  const server = await shared(name, start);
  let left = '';
  const isEmpty = async () => {
    left = (await http(`${server.url}${list}&pageNo=1&pageSize=10`)).body;
    return /"(?:count|totalCount)":0\b/.test(left);
  };
  await poll(isEmpty, { timeoutMs: 60_000, what: 'the services of another test file to go' }).catch((error: Error) => {
    throw new Error(`${error.message}: ${left}`, { cause: error });
  });
  return server;
}
