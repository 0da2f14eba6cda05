import type { Reservation } from './port.ts';

/** One request, granted or waiting. */
export interface AdmissionEntry {
  readonly id: string;
  readonly reservation: Reservation;
  readonly queuedAtMs: number;
  /** Order of arrival, for equal times. */
  readonly arrival: number;
  readonly admitted: boolean;
  readonly owner: string;
}

/** Who was served when: owners take turns, one request each in a round. Forgotten with the process, then all begin anew. */
export interface Rounds {
  /** The round of the last one admitted. */
  readonly current: number;
  /** For each owner that waits: the round in which it comes next. */
  readonly next: ReadonlyMap<string, number>;
}

export const NO_ROUNDS: Rounds = { current: 0, next: new Map() };

const NAMED_MAX = 5;

/** Work that reserves no core (model servers) has a queue of its own: it never waits behind jobs, nor jobs behind it. */
const isService = (entry: AdmissionEntry) => entry.reservation.cpus === 0;

const inOrder = (a: AdmissionEntry, b: AdmissionEntry) => a.queuedAtMs - b.queuedAtMs || a.arrival - b.arrival;

const sum = (entries: readonly AdmissionEntry[]): Reservation => ({
  cpus: entries.reduce((total, { reservation }) => total + reservation.cpus, 0),
  memoryMiB: entries.reduce((total, { reservation }) => total + reservation.memoryMiB, 0),
});

const fits = (wanted: Reservation, reserved: Reservation, capacity: Reservation): boolean =>
  (wanted.cpus === 0 || reserved.cpus + wanted.cpus <= capacity.cpus) &&
  reserved.memoryMiB + wanted.memoryMiB <= capacity.memoryMiB;

/** In which round each of those that wait comes: one request of an owner in a round, its oldest first. */
function turnsOf(waiting: readonly AdmissionEntry[], rounds: Rounds): Map<AdmissionEntry, number> {
  const following = new Map<string, number>();
  const turns = new Map<AdmissionEntry, number>();
  for (const entry of waiting.toSorted(inOrder)) {
    const turn = following.get(entry.owner) ?? nextRound(entry.owner, rounds);
    following.set(entry.owner, turn + 1);
    turns.set(entry, turn);
  }
  return turns;
}

const nextRound = (owner: string, { next, current }: Rounds): number => next.get(owner) ?? current + 1;

/** Whose turn it is: round by round, the oldest first. */
function inTurn(waiting: readonly AdmissionEntry[], rounds: Rounds): AdmissionEntry[] {
  const turns = turnsOf(waiting, rounds);
  return [...turns.keys()].sort((a, b) => (turns.get(a) ?? 0) - (turns.get(b) ?? 0) || inOrder(a, b));
}

export interface AdmissionDecision {
  readonly admit: readonly string[];
  readonly rounds: Rounds;
}

/**
 * Whom to admit now. Jobs: owners take turns, and who is next is not overtaken by a smaller request, so that one that needs much
 * room gets it; who comes newly waits for the next round, so that no stream of new owners holds up an old one. Model servers: first
 * come, first served. A job always gets in when no other job runs: otherwise one larger than the host, or a host filled with
 * model servers, would make it wait for ever. The first model server likewise.
 */
export function decideAdmission(entries: readonly AdmissionEntry[], capacity: Reservation, rounds: Rounds): AdmissionDecision {
  const granted: AdmissionEntry[] = entries.filter((entry) => entry.admitted);
  const admit: string[] = [];
  const grant = (queue: readonly AdmissionEntry[], service: boolean): AdmissionEntry[] => {
    const taken: AdmissionEntry[] = [];
    for (const entry of queue) {
      const alone = !granted.some((other) => isService(other) === service);
      if (!alone && !fits(entry.reservation, sum(granted), capacity)) break;
      granted.push(entry);
      admit.push(entry.id);
      taken.push(entry);
    }
    return taken;
  };
  const waiting = entries.filter((entry) => !entry.admitted);
  grant(waiting.filter(isService).sort(inOrder), true);
  const jobs = waiting.filter((entry) => !isService(entry));
  // a full host with a long queue is the usual case: nobody's turn need be known then
  const reserved = sum(granted);
  const full = granted.some((entry) => !isService(entry)) && !jobs.some((entry) => fits(entry.reservation, reserved, capacity));
  const taken = full ? [] : grant(inTurn(jobs, rounds), false);
  return { admit, rounds: roundsAfter(jobs, taken, rounds) };
}

function roundsAfter(jobs: readonly AdmissionEntry[], taken: readonly AdmissionEntry[], rounds: Rounds): Rounds {
  const next = new Map<string, number>();
  for (const { owner } of taken) next.set(owner, (next.get(owner) ?? nextRound(owner, rounds)) + 1);
  const current = Math.max(rounds.current, ...[...next.values()].map((turn) => turn - 1));
  const gone = new Set(taken);
  // an owner of whom nothing waits comes as anyone who is new
  const waiting = new Map<string, number>();
  for (const entry of jobs) {
    if (!waiting.has(entry.owner) && !gone.has(entry))
      waiting.set(entry.owner, next.get(entry.owner) ?? nextRound(entry.owner, rounds));
  }
  return { current, next: waiting };
}

/** Why `id` waits, e.g. `waiting for 1 core: 2 of 2 reserved by job-a, job-b; 3 ahead`. */
export function waitingReason(
  entries: readonly AdmissionEntry[],
  capacity: Reservation,
  entry: AdmissionEntry,
  rounds: Rounds,
): string {
  const granted = entries.filter((other) => other.admitted);
  const queue = entries.filter((other) => !other.admitted && isService(other) === isService(entry));
  const turns = isService(entry) ? undefined : turnsOf(queue, rounds);
  const turn = turns?.get(entry) ?? 0;
  const ahead = queue.filter((other) => ((turns?.get(other) ?? 0) - turn || inOrder(other, entry)) < 0).length;
  const reserved = sum(granted);
  const { cpus, memoryMiB } = entry.reservation;
  const short: string[] = [];
  if (cpus > 0 && reserved.cpus + cpus > capacity.cpus) {
    const holders = granted.filter((other) => other.reservation.cpus > 0);
    short.push(`${cpus} ${cpus === 1 ? 'core' : 'cores'}: ${reserved.cpus} of ${capacity.cpus} reserved by ${named(holders)}`);
  }
  if (reserved.memoryMiB + memoryMiB > capacity.memoryMiB) {
    short.push(`${memoryMiB} MiB of memory: ${reserved.memoryMiB} of ${capacity.memoryMiB} reserved by ${named(granted)}`);
  }
  const place = `${ahead} ahead`;
  return short.length > 0 ? `waiting for ${short.join(' and for ')}; ${place}` : `waiting for its turn: ${place}`;
}

function named(entries: readonly AdmissionEntry[]): string {
  const names = entries
    .slice(0, NAMED_MAX)
    .map(({ id }) => id)
    .join(', ');
  return entries.length > NAMED_MAX ? `${names} and ${entries.length - NAMED_MAX} more` : names;
}
