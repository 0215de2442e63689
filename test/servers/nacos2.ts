import { http } from '../support/http.js';
import { type NacosEndpoint, type NacosOptions, type NacosServer, startNacos } from './nacos.js';

const users = {
  login: '/v1/auth/users/login',
  admin: '/v1/auth/users/admin',
  users: '/v1/auth/users',
  roles: '/v1/auth/roles',
  permissions: '/v1/auth/permissions',
  probe: '/v1/ns/instance/list?serviceName=probe',
};

/** Starts a standalone Nacos 2.3.2. */
export function startNacos2(options: NacosOptions = {}): Promise<NacosServer> {
  return startNacos(
    {
      name: 'nacos2',
      mainClass: 'isthmus.test.nacos2.Nacos2Server',
      properties: (port) => ({
        'server.port': port,
        'server.servlet.contextPath': '/nacos',
        'server.error.include-message': 'ALWAYS',
        'nacos.security.ignore.urls': '/,/error,/**',
        'nacos.naming.empty-service.auto-clean': true,
        'management.metrics.export.elastic.enabled': false,
        'management.metrics.export.influx.enabled': false,
      }),
      ready,
      users,
    },
    options,
  );
}

async function ready({ url }: NacosEndpoint, signal: AbortSignal): Promise<boolean> {
  return (await http(`${url}/actuator/health`, { signal })).status === 200;
}
