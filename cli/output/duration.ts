const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** `45s`, `12m`, `3h5m`, `2d7h`: the two largest units, the second only where the first is small. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[first] ?? ['s', 1];
  const count = Math.floor(seconds / size);
  const smaller = units[first + 1];
  const rest = smaller ? Math.floor((seconds % size) / smaller[1]) : 0;
  return count < 10 && smaller && rest > 0 ? `${count}${name}${rest}${smaller[0]}` : `${count}${name}`;
}
