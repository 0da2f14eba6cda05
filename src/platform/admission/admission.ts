import { availableParallelism, totalmem } from 'node:os';
import { invariant } from '../errors/families.ts';
import type { Admission, Reservation } from './port.ts';
import { createQueue, createTurns, type Waiting, type WaitingLine } from './waiting-line.ts';

const NAMED_MAX = 5;

/**
 * Admission in memory: what runs is restored from its backend at every start, what waits asks again. Listeners hear of a
 * grant in the tick of the release that made room.
 *
 * Jobs: owners take turns, and who is next is not overtaken by a smaller request, so that one that needs much room gets it.
 * Model servers (work that reserves no core): first come, first served, in a queue of their own, so that neither waits behind the other. A job
 * always gets in when no other job runs: otherwise one larger than the host, or a host filled with model servers, would make it wait for ever.
 * The first model server likewise.
 */
export function createAdmission(options: { readonly capacity: Reservation }): Admission {
  return new HostAdmission(options.capacity);
}

class HostAdmission implements Admission {
  readonly #capacity: Reservation;
  readonly #granted = new Map<string, Reservation>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #servers: WaitingLine = createQueue();
  readonly #jobs: WaitingLine = createTurns();
  readonly #listeners = new Set<(id: string) => void>();
  #reserved: Reservation = { cpus: 0, memoryMiB: 0 };
  #arrivals = 0;

  constructor(capacity: Reservation) {
    this.#capacity = capacity;
  }

  request(...[id, wanted]: Parameters<Admission['request']>): ReturnType<Admission['request']> {
    if (this.#granted.has(id)) return { admitted: true };
    if (!this.#waiting.has(id)) {
      checkReservation(id, wanted.reservation);
      this.#arrivals += 1;
      const entry = { ...wanted, id, owner: wanted.owner ?? '', arrival: this.#arrivals };
      this.#waiting.set(id, entry);
      this.#lineOf(entry.reservation).add(entry);
      this.#tell(this.#admit().filter((other) => other !== id));
    }
    const entry = this.#waiting.get(id);
    if (!entry) return { admitted: true };
    const reason = () => this.#reasonOf(entry);
    return {
      admitted: false,
      get reason() {
        return reason();
      },
    };
  }

  restore(id: string, reservation: Reservation): void {
    if (this.#granted.has(id)) return;
    checkReservation(id, reservation);
    this.#leave(id);
    this.#grant(id, reservation);
  }

  release(id: string): void {
    const held = this.#granted.delete(id);
    if (held) this.#reserved = sum(this.#granted.values()); // not subtracted: parts of cores would leave a rest
    if (held || this.#leave(id)) this.#tell(this.#admit());
  }

  onAdmitted(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #lineOf(reservation: Reservation): WaitingLine {
    return isServer(reservation) ? this.#servers : this.#jobs;
  }

  #leave(id: string): boolean {
    const entry = this.#waiting.get(id);
    if (entry) this.#lineOf(entry.reservation).remove(entry);
    return this.#waiting.delete(id);
  }

  #grant(id: string, reservation: Reservation): void {
    this.#granted.set(id, reservation);
    this.#reserved = sum([this.#reserved, reservation]);
  }

  #admit(): string[] {
    const admitted: string[] = [];
    for (const line of [this.#servers, this.#jobs]) {
      for (let entry = line.first; entry && this.#hasRoom(entry.reservation); entry = line.first) {
        line.takeFirst();
        this.#waiting.delete(entry.id);
        this.#grant(entry.id, entry.reservation);
        admitted.push(entry.id);
      }
    }
    return admitted;
  }

  #hasRoom(wanted: Reservation): boolean {
    const { cpus, memoryMiB } = this.#reserved;
    const fits =
      (wanted.cpus === 0 || cpus + wanted.cpus <= this.#capacity.cpus) &&
      memoryMiB + wanted.memoryMiB <= this.#capacity.memoryMiB;
    return fits || ![...this.#granted.values()].some((held) => isServer(held) === isServer(wanted));
  }

  #tell(ids: readonly string[]): void {
    for (const id of ids) for (const listener of this.#listeners) listener(id);
  }

  /** Why it waits, e.g. `waiting for 1 core: 2 of 2 reserved by job-a, job-b; 3 ahead`. */
  #reasonOf(entry: Waiting): string {
    const { cpus, memoryMiB } = entry.reservation;
    const place = `${this.#lineOf(entry.reservation).countAhead(entry)} ahead`;
    const short: string[] = [];
    if (cpus > 0 && this.#reserved.cpus + cpus > this.#capacity.cpus) {
      const holders = [...this.#granted].filter(([, held]) => !isServer(held)).map(([id]) => id);
      const cores = `${cpus} ${cpus === 1 ? 'core' : 'cores'}`;
      short.push(`${cores}: ${this.#reserved.cpus} of ${this.#capacity.cpus} reserved by ${named(holders)}`);
    }
    if (this.#reserved.memoryMiB + memoryMiB > this.#capacity.memoryMiB) {
      const holders = named([...this.#granted.keys()]);
      short.push(`${memoryMiB} MiB of memory: ${this.#reserved.memoryMiB} of ${this.#capacity.memoryMiB} reserved by ${holders}`);
    }
    return short.length > 0 ? `waiting for ${short.join(' and for ')}; ${place}` : `waiting for its turn: ${place}`;
  }
}

const isServer = (reservation: Reservation): boolean => reservation.cpus === 0;

const sum = (reservations: Iterable<Reservation>): Reservation => {
  const total = { cpus: 0, memoryMiB: 0 };
  for (const { cpus, memoryMiB } of reservations) {
    total.cpus += cpus;
    total.memoryMiB += memoryMiB;
  }
  return total;
};

function checkReservation(id: string, { cpus, memoryMiB }: Reservation): void {
  invariant(cpus >= 0 && memoryMiB >= 0, 'a reservation is not negative', { id });
}

function named(ids: readonly string[]): string {
  const names = ids.slice(0, NAMED_MAX).join(', ');
  return ids.length > NAMED_MAX ? `${names} and ${ids.length - NAMED_MAX} more` : names;
}

/** Cores and memory this process may use: the host's, or less where a cgroup limits it. */
export function hostCapacity(): Reservation {
  const limitBytes = process.constrainedMemory();
  const memoryBytes = limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem();
  return { cpus: availableParallelism(), memoryMiB: Math.floor(memoryBytes / (1024 * 1024)) };
}
