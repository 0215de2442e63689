import { z } from 'zod';
import { httpUrl, milliseconds, secret, tlsClient } from '../../core/plugin/index.js';

const path = () => z.string().min(1).max(4096);

/** Keys that everything has that speaks to a Kubernetes API: where it is and who asks. */
export const accessFields = {
  kubeconfig: path()
    .optional()
    .describe('Path of a kubeconfig file. Default: the service account of the pod, unless server is given.'),
  context: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('Context of the kubeconfig file. Default: its current-context.'),
  server: httpUrl()
    .optional()
    .describe('URL of the API, as https://10.0.0.1:6443; in place of a kubeconfig file and of the pod.'),
  token: secret().optional().describe('Bearer token, with server; normally ${env:NAME} or ${file:PATH}.'),
  tokenFile: path()
    .optional()
    .describe('File of the bearer token, with server; read again when it is renewed, with no restart.'),
  tls: tlsClient()
    .optional()
    .describe('TLS, with server: paths of PEM files, read at each connection, and the server name to expect.'),
  requestTimeoutMs: milliseconds(100, 600_000)
    .default(15_000)
    .describe('How long an answer may take, in ms; a watch is open longer. Default 15000.'),
} as const;

const accessShape = z.object(accessFields);

export type AccessConfig = Omit<z.output<typeof accessShape>, 'requestTimeoutMs'>;

/** Complains of keys that do not go together; for `superRefine` of a schema with {@link accessFields}. */
export function checkAccess(config: Readonly<Partial<AccessConfig>>, context: z.RefinementCtx): void {
  const complain = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const { kubeconfig, server, token, tokenFile } = config;
  if (kubeconfig !== undefined && server !== undefined) complain('server', 'either server or kubeconfig, not both');
  if (config.context !== undefined && kubeconfig === undefined) complain('context', 'needs kubeconfig');
  if (token !== undefined && tokenFile !== undefined) complain('tokenFile', 'either token or tokenFile, not both');
  if (server !== undefined) {
    if (token !== undefined && server.startsWith('http:')) complain('server', 'a token is sent over https alone');
    if (tokenFile !== undefined && server.startsWith('http:')) complain('server', 'a token is sent over https alone');
    return;
  }
  for (const key of ['token', 'tokenFile', 'tls'] as const) {
    if (config[key] !== undefined) complain(key, 'needs server; with kubeconfig or in a pod it comes from there');
  }
}
