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

  /** @param file name of the configuration file, put before each problem as compilers do */
  constructor(
    problems: readonly ConfigProblem[],
    readonly file?: string,
  ) {
    super(problems.map((problem) => describeProblem(problem, file)).join('\n'));
    this.problems = problems;
  }
}

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** `sources[1].servers`: a path as a person would write it; keys of other characters are quoted and cut short. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (!plainKey.test(key)) text += `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)}]`;
    else text += text === '' ? key : `.${key}`;
  }
  return text === '' ? '(top level)' : text;
}

/** `isthmus.yaml:4:9: sources[0].kind: what is wrong`, on one line whatever is in it; what is not known is left out. */
export function describeProblem(problem: ConfigProblem, file?: string): string {
  const place = [
    ...(file === undefined ? [] : [file]),
    ...(problem.line === undefined ? [] : [problem.line, problem.column ?? 1]),
  ];
  const text = [...place, ` ${formatPath(problem.path)}`, ` ${problem.message}`].join(':').trimStart();
  return text.replaceAll(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** What could forge a line or turn the direction of writing: control and format characters, separators of lines. */
const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
