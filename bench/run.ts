import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { registryCases } from './registries/cases.js';
import { measureRegistry } from './registries/measure.js';
import { reportRegistries } from './registries/report.js';
import { machine, report } from './report.js';
import { measureXds } from './xds/report.js';
import { measureZookeeperToMcp } from './zookeeper-to-mcp.js';

// `npm run bench`: seeds real registries, measures, prints tables and writes them to bench/results.md. With arguments only
// the registries whose name begins with one of them, or `xds`, as `npm run bench -- nacos`, and nothing is written.
const scales = [
  { services: 1000, instances: 10 },
  { services: 10_000, instances: 10 },
];
const registryScale = { services: 1000, instances: 10 };
const changes = 100;

const began = performance.now();
const say = (line: string) => console.log(`[${((performance.now() - began) / 1000).toFixed(1)} s] ${line}`);

say(machine());
const wanted = process.argv.slice(2).map((name) => name.toLowerCase());
const isWanted = (name: string) => wanted.length === 0 || wanted.some((start) => name.toLowerCase().startsWith(start));
let mesh = '';
/** After each part, so that what a later one does loses nothing. */
const write = (text: string) => {
  if (wanted.length === 0) writeFileSync(fileURLToPath(new URL('results.md', import.meta.url)), text);
};
if (wanted.length === 0) {
  const figures = [];
  for (const scale of scales) {
    figures.push(await measureZookeeperToMcp(scale, changes, say));
    mesh = report(figures);
    write(mesh);
  }
  console.log(`\n${mesh}`);
}
if (isWanted('xds')) {
  const xds = await measureXds(say);
  mesh = `${mesh}\n${xds}`;
  write(mesh);
  console.log(`\n${xds}`);
}
const registries = [];
let table = '';
for (const registry of registryCases) {
  if (!isWanted(registry.name)) continue;
  registries.push(await measureRegistry(registry, registryScale, changes, say));
  table = reportRegistries(registries, registryScale);
  write(`${mesh}\n${table}`);
}
console.log(`\n${table}`);
