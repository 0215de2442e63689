const applicationPattern = /^[^\s,/]{1,255}$/;
const maxLength = 1_048_576;
const maxApplications = 10_000;

/**
 * Who provides an interface: the value of its mapping (ZooKeeper: `<root>/mapping/<interface>`, Nacos: group `mapping`,
 * dataId = interface), application names parted by commas (Dubbo's ServiceNameMapping). What is no name is left out.
 */
export function parseMapping(text: string): readonly string[] {
  if (text.length > maxLength) return [];
  const names = new Set<string>();
  for (const part of text.split(',', maxApplications)) {
    const name = part.trim();
    if (applicationPattern.test(name)) names.add(name);
  }
  return [...names].sort();
}
