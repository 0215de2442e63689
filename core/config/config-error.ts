/** A path into the configuration: keys and list indexes from the root. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong. `line` and `column` count from 1 and are there when the text is known. */
export interface ConfigProblem {
  readonly path: ConfigPath;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}

/** Ends the start: everything that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

/** `sources[1].servers`: a path as a person would write it. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? key : `.${key}`;
  }
  return text === '' ? '(top level)' : text;
}

export function describeProblem(problem: ConfigProblem): string {
  const place = problem.line === undefined ? '' : `${problem.line}:${problem.column ?? 1}: `;
  return `${place}${formatPath(problem.path)}: ${problem.message}`;
}
