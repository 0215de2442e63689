import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { machine, report } from './report.js';
import { measureZookeeperToMcp } from './zookeeper-to-mcp.js';

// `npm run bench`: seeds a real ZooKeeper, measures, prints a table and writes it to bench/results.md.
const scales = [
  { services: 1000, instances: 10 },
  { services: 10_000, instances: 10 },
];
const changes = 100;

const began = performance.now();
const say = (line: string) => console.log(`[${((performance.now() - began) / 1000).toFixed(1)} s] ${line}`);

say(machine());
const figures = [];
for (const scale of scales) figures.push(await measureZookeeperToMcp(scale, changes, say));
const text = report(figures);
console.log(`\n${text}`);
writeFileSync(fileURLToPath(new URL('results.md', import.meta.url)), text);
