import { h } from './dom.ts';
import { moodOf, timeText } from './format.ts';

/** Pieces that several pages are made of. */

export const statusBadge = (status: string | undefined, none = 'Not started'): HTMLElement =>
  h('span', { class: `status ${moodOf(status)}` }, status ?? none);

/** Absolute UTC; local time on hover. */
export function timeOf(seconds: number | undefined): HTMLElement {
  if (!seconds) return h('span', {}, '–');
  const at = new Date(seconds * 1000);
  return h('time', { datetime: at.toISOString(), title: `Local time: ${at.toLocaleString()}` }, timeText(seconds));
}

/** Text with a button that copies it; `app.ts` hears the click. */
export const copyable = (text: string): HTMLElement =>
  h(
    'span',
    { class: 'copyable' },
    h('code', {}, text),
    ' ',
    h('button', { type: 'button', class: 'copy', 'data-copy': text, 'aria-label': `Copy ${text}` }, 'copy'),
  );

export const command = (text: string): HTMLElement => h('p', { class: 'command' }, copyable(text));

export type Cell = Node | string;

/** One row of a table; `key` says which row it is when others are put before it. */
export interface Row {
  readonly key: string;
  readonly cells: readonly Cell[];
  readonly current?: boolean;
}

export function tableOf(headings: readonly string[], rows: readonly Row[]): HTMLElement {
  const body = rows.map(({ key, cells, current }) =>
    h(
      'tr',
      { 'data-key': key, class: current ? 'current' : undefined },
      cells.map((cell) => h('td', {}, cell)),
    ),
  );
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          headings.map((heading) => h('th', { scope: 'col' }, heading)),
        ),
      ),
      h('tbody', {}, body),
    ),
  );
}

/** Names and values; those without a value are left out. */
export function listOf(entries: readonly (readonly [string, Cell | undefined])[]): HTMLElement {
  const given = entries.filter((entry): entry is [string, Cell] => entry[1] !== undefined && entry[1] !== '');
  return h(
    'dl',
    {},
    given.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
}

export const empty = (...children: readonly (Node | string)[]): HTMLElement => h('div', { class: 'empty' }, children);

export const card = (...children: readonly (Node | string | undefined)[]): HTMLElement =>
  h('section', { class: 'card' }, ...children);
