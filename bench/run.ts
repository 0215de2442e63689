import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { measureMcp } from './mcp.js';
import { measureShards } from './mcp-shards.js';
import { measureRegistries } from './registries/all.js';
import { machine } from './report.js';
import { measureXds } from './xds/report.js';

/**
 * `npm run bench`: starts real registries and consumers, measures, prints tables and writes each to a file of its own in
 * bench/results. With arguments only those parts, as `npm run bench -- mcp shards`.
 */
const parts: Readonly<Record<string, (say: (line: string) => void) => Promise<string>>> = {
  mcp: measureMcp,
  xds: measureXds,
  shards: measureShards,
  registries: measureRegistries,
};

const began = performance.now();
const say = (line: string) => console.log(`[${((performance.now() - began) / 1000).toFixed(1)} s] ${line}`);
const results = fileURLToPath(new URL('results/', import.meta.url));

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')} (known: ${Object.keys(parts).join(', ')})`);
  process.exit(2);
}
say(machine());
mkdirSync(results, { recursive: true });
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const date = new Date().toISOString().slice(0, 10);
  const text = `${await measure(say)}\n\`npm run bench -- ${name}\` on ${machine()}, ${date}.\n`;
  writeFileSync(`${results}${name}.md`, text);
  console.log(`\n${text}`);
}
