import type { Reservation } from './port.ts';

/** One request, granted or waiting. */
export interface AdmissionEntry {
  readonly id: string;
  readonly reservation: Reservation;
  readonly queuedAtMs: number;
  /** Order of arrival, for equal times. */
  readonly arrival: number;
  readonly admitted: boolean;
}

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

/**
 * Ids to admit now, strictly first come, first served in each of the two queues: a small request never overtakes a large one
 * that waits. A job always gets in when no other job runs: otherwise one larger than the host, or a host filled with model
 * servers, would make it wait for ever. The first model server likewise.
 */
export function decideAdmission(entries: readonly AdmissionEntry[], capacity: Reservation): string[] {
  const granted: AdmissionEntry[] = entries.filter((entry) => entry.admitted);
  const admit: string[] = [];
  for (const service of [true, false]) {
    const waiting = entries.filter((entry) => !entry.admitted && isService(entry) === service).sort(inOrder);
    for (const entry of waiting) {
      const alone = !granted.some((other) => isService(other) === service);
      if (!alone && !fits(entry.reservation, sum(granted), capacity)) break;
      granted.push(entry);
      admit.push(entry.id);
    }
  }
  return admit;
}

/** Why `id` waits, e.g. `waiting for 1 core: 2 of 2 reserved by job-a, job-b; 3 ahead`. */
export function waitingReason(entries: readonly AdmissionEntry[], capacity: Reservation, entry: AdmissionEntry): string {
  const granted = entries.filter((other) => other.admitted);
  const ahead = entries.filter(
    (other) => !other.admitted && isService(other) === isService(entry) && inOrder(other, entry) < 0,
  ).length;
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
  const turn = `${ahead} ahead`;
  return short.length > 0 ? `waiting for ${short.join(' and for ')}; ${turn}` : `waiting for its turn: ${turn}`;
}

function named(entries: readonly AdmissionEntry[]): string {
  const names = entries
    .slice(0, NAMED_MAX)
    .map(({ id }) => id)
    .join(', ');
  return entries.length > NAMED_MAX ? `${names} and ${entries.length - NAMED_MAX} more` : names;
}
