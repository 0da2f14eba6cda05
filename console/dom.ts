/** Builds an element. Text goes in as text nodes, so that nothing a server says is ever read as markup. */
export function h(
  tag: string, attributes: Record<string, string | ((event: Event) => void)> = {}, ...children: (Node | string | undefined)[]
): HTMLElement {
  const element = document.createElement(tag);
  applyTo(element, attributes, children);
  return element;
}

export function svg(
  tag: string, attributes: Record<string, string | ((event: Event) => void)> = {}, ...children: (Node | string | undefined)[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  applyTo(element, attributes, children);
  return element;
}

function applyTo(
  element: Element, attributes: Record<string, string | ((event: Event) => void)>, children: (Node | string | undefined)[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value);
  }
  for (const child of children) if (child !== undefined) element.append(child);
}

const MOODS: Record<string, string> = {
  Succeeded: 'ok', Completed: 'ok', InService: 'ok', Approved: 'ok',
  Failed: 'bad', Rejected: 'bad', OutOfService: 'bad', UpdateRollbackFailed: 'bad',
  Executing: 'busy', InProgress: 'busy', Starting: 'busy', Creating: 'busy', Updating: 'busy', SystemUpdating: 'busy',
  Stopped: 'wait', Stopping: 'wait', PendingManualApproval: 'wait', RollingBack: 'wait', Deleting: 'wait',
};

/** Which colour a status has; empty for none yet. */
export const moodOf = (status: string | undefined): string => MOODS[status ?? ''] ?? '';

export const statusBadge = (status: string | undefined): HTMLElement =>
  h('span', { class: `status ${moodOf(status)}` }, status ?? 'not started');

/** Wire times are epoch seconds. Absolute UTC, with local time on hover. */
export function timeOf(seconds: number | undefined): HTMLElement {
  if (!seconds) return h('span', {}, '–');
  const at = new Date(seconds * 1000);
  return h('time', { datetime: at.toISOString(), title: at.toLocaleString() }, `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`);
}

export function durationOf(fromSeconds: number | undefined, toSeconds: number | undefined): string {
  if (!fromSeconds) return '–';
  const seconds = Math.max(0, (toSeconds ?? Date.now() / 1000) - fromSeconds);
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

export function tableOf(headings: string[], rows: (Node | string)[][]): HTMLElement {
  return h('table', {},
    h('thead', {}, h('tr', {}, ...headings.map((heading) => h('th', {}, heading)))),
    h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((cell) => h('td', {}, cell))))));
}
