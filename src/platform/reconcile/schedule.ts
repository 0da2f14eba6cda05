import type { Clock } from '../clock.ts';

/** Ids with due times in memory and one clock timer for the earliest. An id has one due time; setting it again moves it. */
export interface Schedule {
  set(id: string, dueAtMs: number): void;
  clear(id: string): void;
  dueAtMs(id: string): number | undefined;
  stop(): void;
}

interface Slot {
  readonly id: string;
  readonly dueAtMs: number;
}

/** `onDue` hears each id once when its time has come; the id is then no longer set. */
export function createSchedule(clock: Clock, onDue: (id: string) => void): Schedule {
  const current = new Map<string, Slot>();
  /** A binary heap by due time; slots that were moved or cleared stay in it until they come up. */
  const heap: Slot[] = [];
  let armed: { readonly atMs: number; readonly cancel: () => void } | undefined;

  const isLive = (slot: Slot) => current.get(slot.id) === slot;
  const arm = () => {
    for (let first = heap[0]; first && !isLive(first); first = heap[0]) takeFirst(heap);
    const atMs = heap[0]?.dueAtMs;
    if (atMs === armed?.atMs) return;
    armed?.cancel();
    armed = atMs === undefined ? undefined : { atMs, cancel: clock.at(atMs, fire) };
  };
  const fire = () => {
    armed = undefined;
    const nowMs = clock.now();
    for (let first = heap[0]; first && (first.dueAtMs <= nowMs || !isLive(first)); first = heap[0]) {
      takeFirst(heap);
      if (!isLive(first)) continue;
      current.delete(first.id);
      onDue(first.id);
    }
    arm();
  };
  return {
    set(id, dueAtMs) {
      if (current.get(id)?.dueAtMs === dueAtMs) return;
      const slot = { id, dueAtMs };
      current.set(id, slot);
      insert(heap, slot);
      arm();
    },
    clear(id) {
      if (current.delete(id)) arm();
    },
    dueAtMs: (id) => current.get(id)?.dueAtMs,
    stop() {
      armed?.cancel();
      armed = undefined;
      current.clear();
      heap.length = 0;
    },
  };
}

function insert(heap: Slot[], slot: Slot): void {
  let at = heap.push(slot) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Slot;
    if (above.dueAtMs <= slot.dueAtMs) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = slot;
}

function takeFirst(heap: Slot[]): void {
  const slot = heap.pop() as Slot;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const right = heap[child + 1];
    if (right && right.dueAtMs < (heap[child] as Slot).dueAtMs) child += 1;
    const below = heap[child];
    if (!below || below.dueAtMs >= slot.dueAtMs) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = slot;
}
