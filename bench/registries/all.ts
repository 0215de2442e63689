import { registryCases } from './cases.js';
import { measureRegistry, type RegistryFigures } from './measure.js';
import { reportRegistries } from './report.js';

const scale = { services: 1000, instances: 10 };
const changes = 100;

/** Every registry, as the real server. @returns Markdown */
export async function measureRegistries(say: (line: string) => void): Promise<string> {
  const figures: RegistryFigures[] = [];
  for (const registry of registryCases) figures.push(await measureRegistry(registry, scale, changes, say));
  return reportRegistries(figures, scale);
}
