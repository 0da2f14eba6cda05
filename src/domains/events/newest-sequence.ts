import type { Store } from '../../platform/store/port.ts';

/** The sequence of the newest committed event, found in few looks: whether one comes behind a sequence is all that has to be asked. */
export async function newestSequence(store: Pick<Store, 'events'>, atLeast = 0): Promise<number> {
  const first = await behind(store, atLeast);
  if (first === undefined) return atLeast;
  let known = first;
  let step = 1;
  for (let next = await behind(store, known + step); next !== undefined; next = await behind(store, known + step)) {
    known = next;
    step *= 2;
  }
  // nothing comes behind known + step; the newest lies between
  let none = known + step;
  while (none - known > 0) {
    const middle = known + Math.floor((none - known) / 2);
    const next = await behind(store, middle);
    if (next === undefined) none = middle;
    else known = next;
    if (none <= known) break;
  }
  return known;
}

async function behind(store: Pick<Store, 'events'>, afterSequence: number): Promise<number | undefined> {
  return (await store.events({ afterSequence, limit: 1 }))[0]?.sequence;
}
