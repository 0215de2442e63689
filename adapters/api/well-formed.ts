/** Whether text is valid Unicode: half a surrogate pair, which JSON can say, would change on its way through UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
