import type { Check, Watched } from './check.ts';

/** Model servers and environments of functions that nobody knows of any more would run for ever. */
export const checkNothingLeftRunning = ({ disk, works }: Watched): Check => ({
  promise: 'when all is at rest, whatever still runs is named by a row',
  atRest() {
    const live = [...works].filter(([, { phase }]) => phase === 'preparing' || phase === 'running').map(([id]) => id);
    if (live.length === 0) return [];
    const named = [...disk.rows.all()].map(({ key, document }) => `${key.name} ${JSON.stringify(document)}`).join('\n');
    return live.flatMap((id) => (named.includes(id) ? [] : [`work ${id} still runs, and no row names it`]));
  },
});
