import { report } from './report.js';
import { type Figures, measureZookeeperToMcp } from './zookeeper-to-mcp.js';

const scales = [
  { services: 1000, instances: 10 },
  { services: 10_000, instances: 10 },
];
const changes = 100;

/** From a real ZooKeeper to what istiod reads. @returns Markdown */
export async function measureMcp(say: (line: string) => void): Promise<string> {
  const figures: Figures[] = [];
  for (const scale of scales) figures.push(await measureZookeeperToMcp(scale, changes, say));
  return report(figures);
}
