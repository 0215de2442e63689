import type { Config } from '../core/config/config.js';
import type { Started } from './context.js';

/** What to tell whoever has just started the daemon. */
export function nextSteps(started: Started, config: Config, file: string | undefined): string {
  const url = `http://${started.api}`;
  const sinks = started.sinks.map(({ name, listening }) => `  ${name.padEnd(9)}${listening}\n`).join('');
  const intro = `isthmus is up at site ${config.site}${file === undefined ? ', with its built-in configuration' : ''}\n`;
  const addresses = `  api      ${url}\n${sinks}`;
  const registry = config.sources.find(({ kind }) => kind === 'api');
  if (file !== undefined || !registry) return `${intro}${addresses}`;
  const server = url === 'http://127.0.0.1:8080' ? '' : ` --server ${url}`;
  return `${intro}${addresses}
Register an instance:
  curl -X PUT ${url}/api/v1/registry/${registry.name}/services/hello/instances/one \\
    -H 'content-type: application/json' -d '{"address":"127.0.0.1","port":9000}'
See it:
  npx isthmus get services${server}
Let istiod read it (meshConfig):
  configSources: [{ address: xds://${started.sinks[0]?.listening ?? '127.0.0.1:15010'} }, { address: k8s:// }]
Read your own registries:
  npx isthmus run --config examples/isthmus.yaml
`;
}
