import { availableParallelism, totalmem } from 'node:os';
import { invariant } from '../errors/families.ts';
import { type AdmissionEntry, decideAdmission, NO_ROUNDS, waitingReason } from './decide-admission.ts';
import type { Admission, AdmissionRequest, Reservation } from './port.ts';

/**
 * Admission in memory: what runs is restored from its backend at every start, what waits asks again. Listeners hear of a
 * grant in the tick of the release that made room.
 */
export function createAdmission(options: { readonly capacity: Reservation }): Admission {
  const { capacity } = options;
  const entries = new Map<string, AdmissionEntry>();
  const listeners = new Set<(id: string) => void>();
  let arrivals = 0;
  let rounds = NO_ROUNDS;

  const admitWaiting = (): readonly string[] => {
    const decision = decideAdmission([...entries.values()], capacity, rounds);
    rounds = decision.rounds;
    for (const id of decision.admit) entries.set(id, { ...(entries.get(id) as AdmissionEntry), admitted: true });
    return decision.admit;
  };
  const tell = (ids: readonly string[]) => {
    for (const id of ids) for (const listener of listeners) listener(id);
  };
  const put = (id: string, { reservation, queuedAtMs, owner = '' }: AdmissionRequest, admitted: boolean) => {
    invariant(reservation.cpus >= 0 && reservation.memoryMiB >= 0, 'a reservation is not negative', { id });
    arrivals += 1;
    entries.set(id, { id, reservation, queuedAtMs, arrival: arrivals, admitted, owner });
  };
  return {
    request(id, wanted) {
      if (!entries.has(id)) {
        put(id, wanted, false);
        tell(admitWaiting().filter((other) => other !== id));
      }
      const entry = entries.get(id) as AdmissionEntry;
      return entry.admitted
        ? { admitted: true }
        : { admitted: false, reason: waitingReason([...entries.values()], capacity, entry, rounds) };
    },
    restore(id, reservation) {
      if (!entries.get(id)?.admitted) put(id, { reservation, queuedAtMs: 0 }, true);
    },
    release(id) {
      if (entries.delete(id)) tell(admitWaiting());
    },
    onAdmitted(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Cores and memory this process may use: the host's, or less where a cgroup limits it. */
export function hostCapacity(): Reservation {
  const limitBytes = process.constrainedMemory();
  const memoryBytes = limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem();
  return { cpus: availableParallelism(), memoryMiB: Math.floor(memoryBytes / (1024 * 1024)) };
}
