import { http } from '../support/http.js';
import { type NacosEndpoint, type NacosOptions, type NacosServer, startNacos } from './nacos.js';

const users = {
  login: '/v1/auth/login',
  users: '/v1/auth/users',
  roles: '/v1/auth/roles',
  permissions: '/v1/auth/permissions',
  probe: '/v1/ns/instance/list?serviceName=probe',
  /** The administrator comes with the database. */
  adminPassword: 'nacos',
};

/** Starts a standalone Nacos 1.4.1, which has HTTP alone. Its health checks dial persistent instances. */
export function startNacos1(options: NacosOptions = {}): Promise<NacosServer> {
  return startNacos(
    {
      name: 'nacos1',
      mainClass: 'com.alibaba.nacos.Nacos',
      // Of java.lang, for its class generator is older than modules.
      openPackages: ['java.base/java.lang'],
      properties: (port) => ({
        'server.port': port,
        'server.servlet.contextPath': '/nacos',
        'server.tomcat.accesslog.enabled': false,
        'nacos.naming.empty-service.auto-clean': true,
      }),
      ready,
      users,
    },
    options,
  );
}

async function ready({ url }: NacosEndpoint, signal: AbortSignal): Promise<boolean> {
  const { status, body } = await http(`${url}/v1/ns/operator/metrics`, { signal });
  // Refused by one that asks for a login.
  return status === 403 || (status === 200 && body.includes('"UP"'));
}
