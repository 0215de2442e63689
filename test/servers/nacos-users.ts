import { http } from '../support/http.js';
import type { NacosEndpoint } from './nacos.js';

/** Where a Nacos version has its user administration; the forms are the same. */
export interface UserApi {
  readonly login: string;
  /** Makes the administrator; absent where there is one from the start. */
  readonly admin?: string;
  /** Of the administrator that is there from the start. */
  readonly adminPassword?: string;
  readonly users: string;
  readonly roles: string;
  readonly permissions: string;
  /** Something to read that needs a login and the permission for it. */
  readonly probe: string;
}

/** Name of the administrator: Nacos lets nobody choose it. */
const ADMIN = 'nacos';

/**
 * Takes the next step towards a user that can log in and do everything. Nacos reads its users and roles only every
 * 15 s, so this is called again until it is true.
 */
export async function ensureLogin(api: UserApi, server: NacosEndpoint, signal: AbortSignal): Promise<boolean> {
  const { url, auth } = server;
  if (!auth) return true;
  const post = (path: string, form: Record<string, string>, token?: string) =>
    http(`${url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(token !== undefined && bearing(token)),
      },
      body: new URLSearchParams(form).toString(),
      signal,
    });
  // Older versions answer a wrong password in a way that is no HTTP.
  const login = await post(api.login, { username: auth.user, password: auth.password }).catch(() => ({
    status: 0,
    body: '',
  }));
  if (login.status === 200) return mayRead(`${url}${api.probe}`, accessToken(login.body), signal);
  // Refused from the second time on, when there is an administrator.
  if (api.admin !== undefined) await post(api.admin, { password: auth.password });
  if (auth.user === ADMIN) return false;
  const admin = await post(api.login, { username: ADMIN, password: api.adminPassword ?? auth.password });
  if (admin.status !== 200) return false;
  const token = accessToken(admin.body);
  const role = `${auth.user}-role`;
  await post(api.users, { username: auth.user, password: auth.password }, token);
  await post(api.roles, { role, username: auth.user }, token);
  await post(api.permissions, { role, resource: '*:*:*', action: 'rw' }, token);
  return false;
}

async function mayRead(url: string, token: string, signal: AbortSignal): Promise<boolean> {
  return (await http(url, { headers: bearing(token), signal })).status === 200;
}

/** Servers of 1.x look for the second. */
function bearing(token: string) {
  return { accessToken: token, authorization: `Bearer ${token}` };
}

function accessToken(body: string): string {
  return (JSON.parse(body) as { accessToken: string }).accessToken;
}
