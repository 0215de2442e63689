import { http } from '../support/http.js';
import { type NacosEndpoint, type NacosOptions, type NacosServer, startNacos } from './nacos.js';

const users = {
  login: '/v3/auth/user/login',
  admin: '/v3/auth/user/admin',
  users: '/v3/auth/user',
  roles: '/v3/auth/role',
  permissions: '/v3/auth/permission',
  probe: '/v3/client/ns/instance/list?serviceName=probe',
};

/** Starts a standalone Nacos 3.1.0, without its console. */
export function startNacos3(options: NacosOptions = {}): Promise<NacosServer> {
  return startNacos(
    {
      name: 'nacos3',
      mainClass: 'isthmus.test.nacos3.Nacos3Server',
      properties: (port) => ({
        'nacos.server.main.port': port,
        'nacos.server.contextPath': '/nacos',
        'nacos.deployment.type': 'server',
        'nacos.core.auth.admin.enabled': options.auth !== undefined,
        'nacos.core.auth.console.enabled': false,
        'nacos.naming.empty-service.auto-clean': true,
      }),
      ready,
      users,
    },
    options,
  );
}

async function ready({ url }: NacosEndpoint, signal: AbortSignal): Promise<boolean> {
  return (await http(`${url}/v3/admin/core/state/readiness`, { signal })).status === 200;
}
