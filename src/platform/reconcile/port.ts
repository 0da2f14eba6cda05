import type { ResourceKey } from '../resource-key.ts';

/**
 * Moves one resource towards its desired state. Reads the whole state, decides purely, commits once, performs idempotent
 * effects under deterministic names. It never asks which event woke it; each key has one worker, wake-ups coalesce.
 */
export interface Reconciler {
  /** Unique, e.g. `training-job`; timer rows carry it. */
  readonly name: string;
  /** Throwing a retryable BackendError backs off and tries again; an InvariantError quarantines this one key. */
  reconcile(key: ResourceKey): Promise<ReconcileResult>;
}

/** `retryAtMs`: look again then, even if nothing wakes it (kept in memory; durable deadlines are timer rows). */
export type ReconcileResult = { readonly retryAtMs?: number } | void;

export interface ReconcileLoop {
  wake(reconciler: string, key: ResourceKey): void;
}
