import { Command } from 'commander';
import type { SourceList } from '../../core/api/resources.js';
import { matchesGlob } from '../../core/catalog/glob.js';
import type { AuditReport } from '../../core/source/audit-report.js';
import type { ApiClient, ServerOptions } from '../api-client.js';
import { type CliContext, printable } from '../context.js';
import { CliError, exitCode } from '../exit-code.js';
import { askServer, withServerOptions } from '../server-command.js';

/** Longer than the server lets a request take. */
const auditTimeoutMs = 40_000;

export function auditCommand(context: CliContext): Command {
  const audit = new Command('audit')
    .summary('compare the catalog with the registries now')
    .description(
      'Reads registries again, beside the watches, and compares with what is published. What differs is repaired and\n' +
        'shown; the same is done by itself from time to time.',
    )
    .argument('[source]', 'one source, or a pattern with *; default: all')
    .addHelpText('after', '\nExamples:\n  isthmus audit\n  isthmus audit consul-bj')
    .action((source: string | undefined, options: ServerOptions) =>
      askServer(context, options, async (client, signal) => {
        const { items } = await client.list<SourceList>('/api/v1/sources', signal);
        const names = items.map(({ name }) => name).filter((name) => source === undefined || matchesGlob(source, name));
        if (names.length === 0) throw new CliError(exitCode.notFound, `no sources named ${printable(source ?? '')}`);
        let failed = 0;
        for (const name of names) if (!(await auditOne(context, client, name, signal))) failed++;
        if (failed > 0)
          throw new CliError(exitCode.failure, `${failed} of ${names.length} sources could not be audited`);
      }),
    );
  return withServerOptions(audit);
}

async function auditOne(context: CliContext, client: ApiClient, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    const path = `/api/v1/sources/${encodeURIComponent(name)}/audit`;
    const { compared, differences, found } = await client.post<AuditReport>(path, {}, signal, auditTimeoutMs);
    context.stdout.write(`${name}: ${compared} services compared, ${differences} differences\n`);
    for (const { service, detail } of found) context.stdout.write(`  ${printable(service)}: ${printable(detail)}\n`);
    return true;
  } catch (error) {
    if (signal.aborted || !(error instanceof CliError) || error.exitCode === exitCode.unreachable) throw error;
    context.stderr.write(`${name}: ${error.message}\n`);
    return false;
  }
}
