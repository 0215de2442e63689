import { isDnsLabel } from './dns-names.js';

/** Why a list of namespaces cannot be an `exportTo`: `.` is the resource's own, `*` all, `~` none. */
export function exportToProblems(exportTo: readonly string[]): string[] {
  const problems: string[] = [];
  for (const namespace of exportTo) {
    if (!['.', '*', '~'].includes(namespace) && !isDnsLabel(namespace)) {
      problems.push(`exportTo: ${JSON.stringify(namespace.slice(0, 80))} is neither a namespace nor one of . * ~`);
    }
  }
  if (new Set(exportTo).size !== exportTo.length) problems.push('exportTo names a namespace twice');
  if (exportTo.length > 1 && (exportTo.includes('*') || exportTo.includes('~'))) {
    problems.push('exportTo: * and ~ stand alone');
  }
  return problems;
}
