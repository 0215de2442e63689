import { Command } from 'commander';
import type { QuarantineList, ServiceResource } from '../../core/api/resources.js';
import type { Config } from '../../core/config/config.js';
import { mergePolicyOf } from '../../core/config/merge-policy.js';
import { namingOf } from '../../core/config/naming-of.js';
import type { Service } from '../../core/model/index.js';
import { type PlannedChange, plannedChanges, previewCatalog } from '../../core/preview/preview-catalog.js';
import type { SourceStatus } from '../../core/source/status.js';
import type { ApiClient } from '../api-client.js';
import { readConfig } from '../config-file.js';
import { type CliContext, printable } from '../context.js';
import { planView } from '../output/plan-view.js';
import { Printer } from '../output/printer.js';
import { askServer, type OutputOptions, outputOption, withServerOptions } from '../server-command.js';
import { shapingOf } from '../shaping.js';

export function planCommand(context: CliContext): Command {
  const plan = new Command('plan')
    .summary('what a changed configuration would change in the catalog')
    .description(
      'Makes the catalog that a configuration would give of what the running daemon has read, and shows what differs from\n' +
        'the one in force, service by service. Nothing is changed, and no registry is asked.',
    )
    .requiredOption('-c, --config <file>', 'the changed configuration (YAML)')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
A source that is new in the file was not read yet, so its services are not shown; one whose servers or credentials
change is shown with what the daemon reads now.

Examples:
  isthmus plan --config isthmus.new.yaml
  isthmus plan --config isthmus.new.yaml -o json`,
    )
    .action((options: OutputOptions & { readonly config: string }) =>
      askServer(context, options, async (client, signal) => {
        const config = await readConfig(context, options.config);
        const { changes, unchanged } = await planned(context, client, config, signal);
        if (changes.length === 0) context.stderr.write('No changes.\n');
        else new Printer(planView, options.output, context).list(changes, false);
        const count = (kind: PlannedChange['kind']) => changes.filter((change) => change.kind === kind).length;
        context.stderr.write(
          `${count('added')} hosts added, ${count('changed')} changed, ${count('removed')} removed, ${unchanged} unchanged\n`,
        );
      }),
    );
  return withServerOptions(plan);
}

async function planned(
  context: CliContext,
  client: ApiClient,
  config: Config,
  signal: AbortSignal,
): Promise<{ readonly changes: readonly PlannedChange[]; readonly unchanged: number }> {
  const { sources: kinds } = await context.loadPlugins();
  const known = await client.sources(signal);
  const { items: quarantined } = await client.list<QuarantineList>('/api/v1/quarantine', signal);
  const shaping = shapingOf(config);
  for (const { matches: _, ...entry } of quarantined) if (entry.from === 'operator') shaping.quarantine.add(entry);
  tellOfSources(context, config, known);
  const services = new Map<string, readonly Service[]>();
  for (const { name } of config.sources) {
    if (!known.some((source) => source.name === name)) continue;
    services.set(name, await client.all<Service>(`/api/v1/sources/${encodeURIComponent(name)}/services`, signal));
  }
  const preview = previewCatalog({
    sources: config.sources.map(({ name }) => name),
    naming: namingOf(config, kinds),
    policyOf: mergePolicyOf(config.merge),
    shaper: shaping.shaper,
    services,
  });
  const current = new Map<string, ServiceResource>();
  for (const service of await client.services({}, signal)) current.set(service.host, service);
  const changes = plannedChanges(current, preview.services);
  for (const { host, source, service, reason } of preview.problems.slice(0, 20)) {
    const what = host ?? `${source ?? ''} ${service ?? ''}`;
    context.stderr.write(`problem: ${printable(`${what}: ${reason}`)}\n`);
  }
  return { changes, unchanged: preview.services.size - changes.filter(({ kind }) => kind !== 'removed').length };
}

function tellOfSources(context: CliContext, config: Config, known: readonly SourceStatus[]): void {
  for (const { name } of config.sources) {
    if (!known.some((source) => source.name === name)) {
      context.stderr.write(`${name}: new; it was not read yet, so its services are not shown\n`);
    }
  }
  for (const { name, status } of known) {
    const isGone = !config.sources.some((source) => source.name === name);
    if (isGone) context.stderr.write(`${name}: no longer configured; its services go\n`);
    else if (status.state !== 'fresh') context.stderr.write(`${name}: ${status.state}; shown as it was read last\n`);
  }
}
