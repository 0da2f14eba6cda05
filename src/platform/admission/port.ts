/** Counts reservations so that a host is never over-committed; fair to those that ask, all or nothing for each request. */
export interface Admission {
  /** Idempotent per `id`. `waiting` carries the reason shown to users; `onAdmitted` listeners hear when it is granted. */
  request(id: string, wanted: AdmissionRequest): { admitted: true } | { admitted: false; reason: string };
  /** For work that already runs after a restart: counts even beyond capacity. */
  restore(id: string, reservation: Reservation): void;
  release(id: string): void;
  onAdmitted(listener: (id: string) => void): () => void;
}

export interface AdmissionRequest {
  /** Of all hosts together: they start together or not at all. */
  readonly reservation: Reservation;
  readonly queuedAtMs: number;
  /** Who takes turns with whom, e.g. an execution's ARN; requests without one share a queue. */
  readonly owner?: string;
}

export interface Reservation {
  readonly cpus: number;
  readonly memoryMiB: number;
}

/** What `hosts` hosts reserve. */
export const timesHosts = ({ cpus, memoryMiB }: Reservation, hosts: number): Reservation => ({
  cpus: cpus * hosts,
  memoryMiB: memoryMiB * hosts,
});
