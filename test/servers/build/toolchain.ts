import { execa } from 'execa';
import type { Artefact } from './artefact.js';

interface Tool {
  readonly command: string;
  readonly args: readonly string[];
  /** Finds major and minor in what the command prints. */
  readonly pattern: RegExp;
  readonly least: readonly [major: number, minor: number];
  readonly install: string;
}

const JDK =
  'a JDK 17 or newer (Debian/Ubuntu: openjdk-17-jdk-headless, Fedora: java-17-openjdk-devel, Homebrew: openjdk)';

const tools: Readonly<Record<Artefact['lane'], readonly Tool[]>> = {
  maven: [
    { command: 'java', args: ['-version'], pattern: /version "(\d+)(?:\.(\d+))?/, least: [17, 0], install: JDK },
    { command: 'javac', args: ['-version'], pattern: /javac (\d+)(?:\.(\d+))?/, least: [17, 0], install: JDK },
    {
      command: 'mvn',
      args: ['--version'],
      pattern: /Apache Maven (\d+)\.(\d+)/,
      least: [3, 6],
      install: 'Apache Maven 3.6 or newer (Debian/Ubuntu, Fedora, Homebrew: maven)',
    },
  ],
  go: [
    {
      command: 'go',
      args: ['version'],
      pattern: /go version go(\d+)\.(\d+)/,
      least: [1, 26],
      install: 'Go 1.26 or newer (go.dev/dl; the distributions are often too old)',
    },
  ],
  python: [
    {
      command: 'python3',
      args: ['-m', 'pip', '--version'],
      pattern: /pip (\d+)\.(\d+)/,
      least: [21, 0],
      install: 'Python 3 with pip (Debian/Ubuntu: python3-pip, Fedora: python3-pip, Homebrew: python)',
    },
  ],
};

/**
 * Says what is missing to build in the given lanes, one line a tool; empty when all is there.
 * Starts each tool once, so call it only when there is something to build.
 */
export async function missingTools(lanes: ReadonlySet<Artefact['lane']>): Promise<string[]> {
  const wanted = [...lanes].flatMap((lane) => tools[lane]);
  const findings = await Promise.all(wanted.map(checkTool));
  return findings.filter((finding) => finding !== undefined);
}

async function checkTool(tool: Tool): Promise<string | undefined> {
  const result = await execa(tool.command, [...tool.args], { reject: false, all: true, timeout: 60_000 });
  const found = tool.pattern.exec(result.all ?? '');
  const [major, minor] = tool.least;
  const least = minor === 0 ? `${major}` : `${major}.${minor}`;
  if (result.code === 'ENOENT') return `${tool.command} >= ${least} is not installed: install ${tool.install}`;
  if (found === null) return `${tool.command} does not run (${result.shortMessage}): install ${tool.install}`;
  const version: readonly [number, number] = [Number(found[1]), Number(found[2] ?? 0)];
  const enough = version[0] > major || (version[0] === major && version[1] >= minor);
  return enough ? undefined : `${tool.command} is ${version.join('.')}, needed is >= ${least}: install ${tool.install}`;
}
