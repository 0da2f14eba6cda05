import type { MessageDocument } from './resources.ts';

/** Which messages one receive hands out; pure. */

export interface Candidate {
  readonly name: string;
  readonly document: MessageDocument;
  /** When it can be received, epoch milliseconds. */
  readonly visibleAtMs: number;
}

export interface ReceiveRules {
  readonly nowMs: number;
  readonly messagesMax: number;
  readonly retentionMs: number;
  /** Beyond so many receives a message goes to the dead letters. */
  readonly receiveCountMax: number | undefined;
  /** Names that another receive is just handing out. */
  readonly claimed: ReadonlySet<string>;
}

export interface ReceivePlan<C extends Candidate> {
  readonly take: readonly C[];
  readonly expired: readonly C[];
  readonly dead: readonly C[];
  /** When the next of the others can be received; undefined: not before something changes. */
  readonly nextAtMs: number | undefined;
}

/** Candidates in the order of `visibleAtMs`. */
export function planReceive<C extends Candidate>(candidates: readonly C[], rules: ReceiveRules): ReceivePlan<C> {
  const plan = { take: [] as C[], expired: [] as C[], dead: [] as C[] };
  for (const candidate of candidates) {
    if (candidate.visibleAtMs > rules.nowMs) return { ...plan, nextAtMs: candidate.visibleAtMs };
    if (plan.take.length === rules.messagesMax) return { ...plan, nextAtMs: rules.nowMs };
    if (!rules.claimed.has(candidate.name)) sort(candidate, plan, rules);
  }
  return { ...plan, nextAtMs: undefined };
}

/**
 * Candidates in the order of sending. While a message of a group is in flight or delayed, none behind it is handed out; several of one
 * group may go out together.
 */
export function planOrderedReceive<C extends Candidate>(candidates: readonly C[], rules: ReceiveRules): ReceivePlan<C> {
  const plan = { take: [] as C[], expired: [] as C[], dead: [] as C[] };
  const blocked = new Set<string>();
  let nextAtMs: number | undefined;
  for (const candidate of candidates) {
    if (plan.take.length === rules.messagesMax) return { ...plan, nextAtMs: rules.nowMs };
    const group = candidate.document.group ?? '';
    if (candidate.visibleAtMs > rules.nowMs) {
      blocked.add(group);
      nextAtMs = Math.min(nextAtMs ?? Infinity, candidate.visibleAtMs);
    } else if (!blocked.has(group)) sort(candidate, plan, rules);
  }
  return { ...plan, nextAtMs };
}

function sort<C extends Candidate>(
  candidate: C,
  plan: { readonly take: C[]; readonly expired: C[]; readonly dead: C[] },
  { nowMs, retentionMs, receiveCountMax }: ReceiveRules,
): void {
  const { sentAtMs, receiveCount } = candidate.document;
  if (sentAtMs + retentionMs <= nowMs) plan.expired.push(candidate);
  else if (receiveCountMax !== undefined && receiveCount >= receiveCountMax) plan.dead.push(candidate);
  else plan.take.push(candidate);
}

/** Member names and attribute patterns (`All`, `.*`, `prefix.*`) of a receive. */
export const wantsAttribute = (wanted: readonly string[], name: string): boolean =>
  wanted.some(
    (pattern) =>
      pattern === 'All' ||
      pattern === '.*' ||
      pattern === name ||
      (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -2))),
  );
