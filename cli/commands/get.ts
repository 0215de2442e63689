import { Command, Option } from 'commander';
import type { InstanceResource, ServiceResource } from '../../core/api/resources.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import type { SourceStatus } from '../../core/source/status.js';
import { ApiClient, type ListFilter } from '../api-client.js';
import { type CliContext, printable } from '../context.js';
import { CliError, exitCode } from '../exit-code.js';
import { parseTime, timeHint } from '../output/parse-time.js';
import { Printer } from '../output/printer.js';
import { instanceView, serviceView, sourceView, type View } from '../output/view.js';
import { type OutputOptions, outputOption, withServerOptions } from '../server-command.js';
import { watchInstances, watchServices, watchSources } from '../watch-resources.js';
import { getConsumers, getRules } from './get-from-registries.js';

interface GetOptions extends OutputOptions {
  readonly watch?: boolean;
  readonly source?: string;
  /** Milliseconds since the epoch. */
  readonly at?: number;
}

/** How a resource is read: once, or for as long as it is watched. */
interface Reader<Item> {
  readonly view: View<Item>;
  /** Whether a name without * means one item at most. */
  readonly isUnique: boolean;
  list(client: ApiClient, name: string | undefined, options: GetOptions, signal: AbortSignal): Promise<readonly Item[]>;
  watch(
    client: ApiClient,
    name: string | undefined,
    options: GetOptions,
    printer: Printer<Item>,
    signal: AbortSignal,
  ): Promise<void>;
}

const sources: Reader<SourceStatus> = {
  view: sourceView,
  isUnique: true,
  list: async (client, name, _options, signal) => (await client.sources(signal)).filter(sourceFilter(name)),
  watch: (client, name, _options, printer, signal) =>
    watchSources(client, sourceFilter(name), sourceView, printer, signal),
};

const services: Reader<ServiceResource> = {
  view: serviceView,
  isUnique: true,
  list: (client, name, options, signal) => client.services(hostFilter(name, options), signal),
  watch: (client, name, options, printer, signal) =>
    watchServices(client, hostFilter(name, options), serviceView, printer, signal),
};

const instances: Reader<InstanceResource> = {
  view: instanceView,
  isUnique: false,
  list: (client, name, options, signal) => client.instances(hostFilter(name, options), signal),
  watch: (client, name, options, printer, signal) =>
    watchInstances(client, hostFilter(name, options), instanceView, printer, signal),
};

export function getCommand(context: CliContext): Command {
  const get = new Command('get').summary('show what a running daemon knows');
  get.addCommand(
    resourceCommand(
      context,
      sources,
      'sources',
      ['source'],
      'name',
      'the registries that are read, and how far they can be trusted',
    ).addHelpText('after', sourcesHelp),
  );
  get.addCommand(
    resourceCommand(context, services, 'services', ['service', 'svc'], 'host', 'the services of the catalog')
      .addOption(sourceOption())
      .addOption(atOption())
      .addHelpText('after', servicesHelp),
  );
  get.addCommand(
    resourceCommand(context, instances, 'instances', ['instance', 'inst'], 'host', 'the instances of services')
      .addOption(sourceOption())
      .addOption(atOption())
      .addHelpText('after', instancesHelp),
  );
  return get.addCommand(getConsumers(context)).addCommand(getRules(context));
}

function resourceCommand<Item>(
  context: CliContext,
  reader: Reader<Item>,
  name: string,
  aliases: readonly string[],
  argument: string,
  what: string,
): Command {
  const command = new Command(name)
    .aliases(aliases)
    .summary(what)
    .description(`Shows ${what}.`)
    .argument(`[${argument}]`, `one ${argument}, or a pattern with *`)
    .addOption(outputOption())
    .option('-w, --watch', 'go on and print what changes, until interrupted')
    .action((pattern: string | undefined, options: GetOptions) => show(context, reader, pattern, options));
  return withServerOptions(command);
}

async function show<Item>(
  context: CliContext,
  reader: Reader<Item>,
  pattern: string | undefined,
  options: GetOptions,
): Promise<void> {
  const stop = new AbortController();
  const onStop = () => stop.abort();
  for (const signal of [context.signal, context.outputClosed]) {
    if (signal.aborted) onStop();
    signal.addEventListener('abort', onStop);
  }
  const client = new ApiClient(context, options);
  const printer = new Printer(reader.view, options.output, context);
  try {
    if (options.watch) {
      await reader.watch(client, pattern, options, printer, stop.signal);
      return;
    }
    const items = await reader.list(client, pattern, options, stop.signal);
    const isOne = pattern !== undefined && !pattern.includes('*');
    if (isOne && items.length === 0) throw notFound(reader.view.plural, pattern);
    printer.list(items, isOne && reader.isUnique);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    if (!options.watch && context.signal.aborted) throw new CliError(exitCode.failure, 'interrupted');
  } finally {
    for (const signal of [context.signal, context.outputClosed]) signal.removeEventListener('abort', onStop);
    await client.close();
  }
}

function notFound(plural: string, pattern: string): CliError {
  return new CliError(
    exitCode.notFound,
    `no ${plural} ${plural === 'instances' ? 'of' : 'named'} ${printable(pattern)}; \`isthmus get ${plural}\` lists them, ` +
      'and a pattern with * finds more',
  );
}

function sourceFilter(name: string | undefined): (source: SourceStatus) => boolean {
  return (source) => name === undefined || matchesGlob(name, source.name);
}

function hostFilter(host: string | undefined, { source, at }: GetOptions): ListFilter {
  return {
    ...(host === undefined ? {} : { host }),
    ...(source === undefined ? {} : { source }),
    ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
  };
}

function atOption(): Option {
  return new Option('--at <time>', `as it was at a time: ${timeHint}`).argParser(parseTime).conflicts('watch');
}

function sourceOption(): Option {
  return new Option('--source <name>', 'only what this source has a part in');
}

const sourcesHelp = `
STATE is starting (never read), fresh (as the registry says), degraded (reading fails or is behind; what was read
last stays published) or stale (degraded for long). REJECTED counts records that were left out; -o json shows them.

Examples:
  isthmus get sources
  isthmus get sources 'nacos-*' -o wide
  isthmus get source nacos-hz -o json`;

const servicesHelp = `
SERVING counts instances that may take traffic, of all that are merged in. A source in (brackets) is merged out.

Examples:
  isthmus get services
  isthmus get services 'orders.*' --watch
  isthmus get service orders.nacos -o yaml
  isthmus get services --source eureka-bj -o name
  isthmus get services --at 14:05`;

const instancesHelp = `
An instance marked (standby) is merged out: it belongs to a source that is a fallback.

Examples:
  isthmus get instances orders.nacos
  isthmus get instances 'orders.*' -o wide --watch
  isthmus get instances --source consul-bj -o json
  isthmus get instances orders.nacos --at -15m`;
