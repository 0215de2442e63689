const applicationPattern = /^[^\s,/]{1,255}$/;
const maxLength = 1_048_576;
const maxApplications = 10_000;

/**
 * Who provides an interface: the value of its mapping (ZooKeeper: `<root>/mapping/<interface>`, Nacos: group `mapping`,
 * dataId = interface), application names parted by commas (Dubbo's ServiceNameMapping). What is no name is left out.
 * @returns undefined when it is longer than 1 MiB or has more than 10,000 parts, for then some could be missing
 */
export function parseMapping(text: string): readonly string[] | undefined {
  if (text.length > maxLength) return undefined;
  const parts = text.split(',', maxApplications + 1);
  if (parts.length > maxApplications) return undefined;
  const names = new Set<string>();
  for (const part of parts) {
    const name = part.trim();
    if (applicationPattern.test(name)) names.add(name);
  }
  return [...names].sort();
}
