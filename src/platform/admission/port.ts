/** Counts reservations so that a host is never over-committed; first come, first served. */
export interface Admission {
  /** Idempotent per `id`. `waiting` carries the reason shown to users; `onAdmitted` listeners hear when it is granted. */
  request(id: string, reservation: Reservation, queuedAtMs: number): { admitted: true } | { admitted: false; reason: string };
  /** For work that already runs after a restart: counts even beyond capacity. */
  restore(id: string, reservation: Reservation): void;
  release(id: string): void;
  onAdmitted(listener: (id: string) => void): () => void;
}

export interface Reservation {
  readonly cpus: number;
  readonly memoryMiB: number;
}
