import type { Reservation } from './port.ts';
import { SortedList } from './sorted-list.ts';

/** A request that waits. */
export interface Waiting {
  readonly id: string;
  readonly reservation: Reservation;
  readonly queuedAtMs: number;
  /** Order of arrival, for equal times. */
  readonly arrival: number;
  readonly owner: string;
}

/** Who waits, and whose turn it is. */
export interface WaitingLine {
  readonly first: Waiting | undefined;
  add(entry: Waiting): void;
  /** The first is served. */
  takeFirst(): void;
  /** Somebody gives up waiting. */
  remove(entry: Waiting): void;
  /** How many come before one that waits. */
  countAhead(entry: Waiting): number;
}

const inOrder = (a: Waiting, b: Waiting) => a.queuedAtMs - b.queuedAtMs || a.arrival - b.arrival;

/** First come, first served. */
export function createQueue(): WaitingLine {
  const queue = new SortedList(inOrder);
  return {
    get first() {
      return queue.first;
    },
    add: (entry) => queue.add(entry),
    takeFirst: () => queue.first && queue.remove(queue.first),
    remove: (entry) => queue.remove(entry),
    countAhead: (entry) => queue.countBefore(entry),
  };
}

interface Owner {
  readonly name: string;
  /** The round in which its oldest comes next; the others follow, one in a round. */
  round: number;
  readonly queue: SortedList<Waiting>;
}

interface Place {
  readonly round: number;
  readonly entry: Waiting;
}

const byPlace = (a: Place, b: Place) => a.round - b.round || inOrder(a.entry, b.entry);
const headOf = ({ round, queue }: Owner): Place => ({ round, entry: queue.first as Waiting });

/**
 * Owners take turns: one request of each in a round, its oldest first, and within a round the oldest first. Who comes newly waits for the
 * next round, so that no stream of new owners holds up an old one; an owner of whom nothing waits comes as anyone who is new. What a request
 * costs grows with the logarithm of those that wait.
 */
export function createTurns(): WaitingLine {
  return new Turns();
}

class Turns implements WaitingLine {
  readonly #owners = new Map<string, Owner>();
  readonly #heads = new SortedList<Owner>((a, b) => byPlace(headOf(a), headOf(b)));
  /** Everybody's place; undefined when somebody's going or coming in the midst has moved others of its owner, until it is asked for. */
  #places: SortedList<Place> | undefined = new SortedList(byPlace);
  /** Of the last one served. */
  #round = 0;

  get first(): Waiting | undefined {
    return this.#heads.first?.queue.first;
  }

  add(entry: Waiting): void {
    const owner = this.#owners.get(entry.owner) ?? { name: entry.owner, round: this.#round + 1, queue: new SortedList(inOrder) };
    this.#change(owner, () => owner.queue.add(entry));
    if (owner.queue.last === entry) this.#places?.add({ round: owner.round + owner.queue.length - 1, entry });
    else this.#places = undefined;
  }

  takeFirst(): void {
    const owner = this.#heads.first;
    if (!owner) return;
    const head = headOf(owner);
    this.#places?.remove(head);
    this.#round = Math.max(this.#round, head.round);
    this.#change(owner, () => {
      owner.queue.remove(head.entry);
      owner.round += 1;
    });
  }

  remove(entry: Waiting): void {
    const owner = this.#owners.get(entry.owner);
    if (!owner) return;
    if (owner.queue.last === entry) this.#places?.remove({ round: owner.round + owner.queue.length - 1, entry });
    else this.#places = undefined;
    this.#change(owner, () => owner.queue.remove(entry));
  }

  countAhead(entry: Waiting): number {
    const { round = 0, queue } = this.#owners.get(entry.owner) ?? {};
    this.#places ??= new SortedList(byPlace, [...this.#owners.values()].flatMap(placesOf));
    return this.#places.countBefore({ round: round + (queue?.countBefore(entry) ?? 0), entry });
  }

  /** Owners stand in the order of their heads, so one that changes steps out meanwhile. */
  #change(owner: Owner, change: () => void): void {
    if (owner.queue.length > 0) this.#heads.remove(owner);
    change();
    if (owner.queue.length === 0) this.#owners.delete(owner.name);
    else {
      this.#owners.set(owner.name, owner);
      this.#heads.add(owner);
    }
  }
}

const placesOf = ({ round, queue }: Owner): Place[] => [...queue].map((entry, at) => ({ round: round + at, entry }));
