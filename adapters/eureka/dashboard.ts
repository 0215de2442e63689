/** What the web pages of a Spring Eureka server say of its leases. */
export interface DashboardState {
  /** False: the server lets no lease run out, in self-preservation or until it has heard of enough clients. */
  readonly expiresLeases: boolean;
  /** Renewals a minute that it expects at least, and those of the last minute; as written, may be empty. */
  readonly threshold: string;
  readonly renewals: string;
}

/**
 * Reads a page with the status bar of Spring Cloud Netflix (its `templates/eureka/navbar`): rows of two cells, a label
 * and a value. No interface for programs tells of self-preservation: `/status` gives XML alone, and it is not in there.
 * @returns undefined when it is another page
 */
export function readDashboard(html: string): DashboardState | undefined {
  const expires = cell(html, 'Lease expiration enabled');
  if (expires !== 'true' && expires !== 'false') return undefined;
  return {
    expiresLeases: expires === 'true',
    threshold: cell(html, 'Renews threshold'),
    renewals: cell(html, 'Renews (last min)'),
  };
}

/** The text of the cell after the one with this label; short and plain, or empty. */
function cell(html: string, label: string): string {
  const at = html.indexOf(`<td>${label}</td>`);
  if (at < 0) return '';
  const match = /^\s{0,200}<td>([A-Za-z0-9.,'\u00a0\u202f ]{1,30})<\/td>/.exec(
    html.slice(at + label.length + 9, at + label.length + 300),
  );
  return match?.[1]?.trim() ?? '';
}
