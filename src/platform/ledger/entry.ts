import type { Json, JsonObject } from '../json.ts';

/** Who did what to which resource, old to new, and why; sequence and hash are assigned where the commit is written. */
export interface LedgerInput {
  readonly timeMs: number;
  readonly account: string;
  readonly region: string;
  /** ARN of the principal, e.g. `arn:aws:sts::…:assumed-role/Role/session`, or `slipway:<room>` for the control loop. */
  readonly actor: string;
  /** IAM action, e.g. `sagemaker:UpdateModelPackage`; for transitions of the control loop `slipway:TrainingJob.Completed`. */
  readonly action: string;
  readonly outcome: 'done' | 'denied';
  /** ARNs. */
  readonly resources: readonly string[];
  /** Top-level members that changed: `{ member: [old, new] }`; null stands for absent. */
  readonly changes?: { readonly [member: string]: readonly [Json, Json] };
  readonly reason?: string;
  /** Role as asked for and as used, where they differ (`roles: lenient`). */
  readonly requestedRole?: string;
  readonly effectiveRole?: string;
  readonly requestId?: string;
  /** What the change came from: source address, execution ARN, user agent. */
  readonly origin?: JsonObject;
}

export interface LedgerEntry {
  readonly sequence: number;
  /** SHA-256 hex over the previous entry's hash and this entry's canonical JSON. */
  readonly hash: string;
  readonly previousHash: string;
  readonly entry: LedgerInput;
}

export interface LedgerHead {
  readonly sequence: number;
  readonly hash: string;
}

/** Ledger `changes` between two documents: only top-level members that differ. */
export function changedMembers(
  before: object | undefined,
  after: object | undefined,
): { [member: string]: readonly [Json, Json] } {
  const [from, to] = [before, after] as (JsonObject | undefined)[];
  const changes: { [member: string]: readonly [Json, Json] } = {};
  for (const member of new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])) {
    const old = from?.[member] ?? null;
    const now = to?.[member] ?? null;
    if (JSON.stringify(old) !== JSON.stringify(now)) changes[member] = [old, now];
  }
  return changes;
}
