/** Whether `text` matches `pattern`, in which `*` stands for any characters; everything else is literal, case-sensitive. */
export function matchesGlob(pattern: string, text: string): boolean {
  // Linear two-pointer match: a regular expression made from the pattern could be made to backtrack without end.
  let at = 0;
  let from = 0;
  let star = -1;
  let retry = 0;
  while (at < text.length) {
    if (from < pattern.length && pattern[from] === '*') {
      star = from++;
      retry = at;
    } else if (from < pattern.length && pattern[from] === text[at]) {
      from++;
      at++;
    } else if (star >= 0) {
      from = star + 1;
      at = ++retry;
    } else {
      return false;
    }
  }
  while (pattern[from] === '*') from++;
  return from === pattern.length;
}
