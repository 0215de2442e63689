/** Labels of an object that Isthmus wrote. What carries them is not read back as if others had registered it. */
export const marks = {
  managedBy: 'app.kubernetes.io/managed-by',
  /** Name of the site that wrote it. */
  site: 'isthmus.io/site',
  /** Name of the sink that wrote it. */
  owner: 'isthmus.io/owner',
} as const;

export const managedByIsthmus = 'isthmus';

/** Whether labels say that Isthmus wrote the object, at whichever site. */
export function isMarked(labels: Readonly<Record<string, string>>): boolean {
  return labels[marks.site] !== undefined || labels[marks.managedBy] === managedByIsthmus;
}
