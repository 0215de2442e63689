import { Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { readTextFile, whyUnreadable } from '../../core/config/read-file.js';
import { readConfig } from '../config-file.js';
import { type CliContext, printable } from '../context.js';
import { CliError, exitCode } from '../exit-code.js';

export function istioCommand(context: CliContext): Command {
  return new Command('istio').summary("what to tell the mesh's control plane").addCommand(meshConfigCommand(context));
}

interface MeshConfigOptions {
  readonly config: string;
  readonly address?: string;
  readonly port?: number;
  readonly sink?: string;
  readonly services?: true;
  readonly ca?: string;
}

function meshConfigCommand(context: CliContext): Command {
  return new Command('mesh-config')
    .summary('print the configSources of istiod')
    .description(
      "Prints what to put into istiod's mesh configuration, so that it reads all of the sink of kind mcp of a configuration\n" +
        "file, in as many shards as the file says, and its own cluster's resources as before. Contacts nobody.",
    )
    .requiredOption('-c, --config <file>', 'configuration file of the daemon (YAML)')
    .option(
      '--address <host>',
      'the name by which istiod reaches the daemon, as isthmus.istio-system.svc (else that of listen)',
    )
    .option('--port <number>', 'the port by which it does, where that is not the one that is listened on', parsePort)
    .option('--services', 'shards as Services beside that of --address: isthmus-shard-0-of-16.istio-system.svc')
    .option('--ca <file>', "PEM file of the authorities that signed the daemon's certificate, where it has one")
    .option('--sink <name>', 'name of the sink, where there are several')
    .addHelpText(
      'after',
      `
By authority each shard has a name of its own. With TLS it stands in the sni alone; the certificate has to have it, as by a
wildcard. Without TLS it has to lead to the daemon: by a wildcard in DNS or, with --services, by a Service for each.
By port the ports have to be open. istiod reads this at its start alone; an istiod that was not restarted goes on with the
shards that it knows, and is served them.

Examples:
  isthmus istio mesh-config --config isthmus.yaml --address isthmus.istio-system.svc`,
    )
    .action(async ({ config: file, address, port, sink: name, services, ca }: MeshConfigOptions) => {
      const plugins = await context.loadPlugins();
      const config = await readConfig(context, file);
      const readable = config.sinks.flatMap((sink) => {
        const configSources = plugins.sinks.find(({ kind }) => kind === sink.kind)?.configSources;
        return configSources && (name === undefined || name === sink.name) ? [{ ...sink, configSources }] : [];
      });
      const [sink, ...others] = readable;
      if (!sink) {
        const which = name === undefined ? '' : ` named ${printable(name)}`;
        throw new CliError(exitCode.notFound, `${file} has no sink${which} that istiod reads; add one of kind mcp`);
      }
      if (others.length > 0) {
        const names = readable.map((each) => each.name).join(', ');
        throw new CliError(exitCode.usage, `${file} has several sinks that istiod reads; say --sink, one of ${names}`);
      }
      const host = address ?? listenHost(sink.config);
      const sources = sink.configSources(sink.config, {
        host,
        names: services ? 'beside' : 'below',
        ...(port === undefined ? {} : { port }),
        ...(ca === undefined ? {} : { ca: readCa(ca) }),
      });
      const isUnverified = sources.some(({ tlsSettings }) => tlsSettings && tlsSettings.caCertificates === undefined);
      if (isUnverified) {
        const text = 'istiod verifies the certificate by the authorities of its system; give others with --ca';
        context.stderr.write(`${text}\n`);
      }
      if (address === undefined) {
        context.stderr.write(
          `istiod is told to dial ${printable(host)}; give its name for the daemon with --address\n`,
        );
      }
      context.stdout.write(stringify({ configSources: sources }, { lineWidth: 0 }));
    });
}

function readCa(file: string): string {
  let text: string;
  try {
    text = readTextFile(file, 1024 * 1024);
  } catch (error) {
    throw new CliError(exitCode.usage, `cannot read ${printable(file)}: ${whyUnreadable(error)}`);
  }
  // What else stands in such a file, as a key, is nothing for the mesh's configuration.
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (!certificates) throw new CliError(exitCode.usage, `${printable(file)} has no certificate in PEM`);
  return `${certificates.join('\n')}\n`;
}

function listenHost({ listen }: Readonly<Record<string, unknown>>): string {
  const host = typeof listen === 'object' && listen !== null && 'host' in listen ? String(listen.host) : '';
  return ['', '0.0.0.0', '::'].includes(host) ? 'isthmus.istio-system.svc' : host;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('expected a port from 1 to 65535.');
  return port;
}
