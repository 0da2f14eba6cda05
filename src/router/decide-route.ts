/** Which variant and which instance answer an invocation; pure. */

export interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/**
 * One choice of a fair sequence. `credits` (one per variant, all 0 at the beginning; changed) says how far each variant is behind its
 * share: only those that are behind can be chosen, by chance in proportion to it. So after any number of requests no variant is off its
 * share by as much as the number of variants, and yet no client can foresee, or happen to be in step with, who answers.
 * Weights that are all 0 count as equal: an endpoint in service answers. `random` is in [0, 1).
 */
export function pickVariant<V extends Weighted>(variants: readonly V[], credits: number[], random: number): V | undefined {
  if (variants.length < 2) return variants[0];
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  let behind = 0;
  for (const [place, { weight }] of variants.entries()) {
    const credit = (credits[place] ?? 0) + (total > 0 ? weight / total : 1 / variants.length);
    credits[place] = credit;
    if (credit > NOTHING) behind += credit;
  }
  let left = random * behind;
  let chosen = 0;
  for (const [place, credit] of credits.entries()) {
    if (credit <= NOTHING) continue;
    chosen = place;
    left -= credit;
    if (left < 0) break;
  }
  credits[chosen] = (credits[chosen] ?? 0) - 1;
  return variants[chosen];
}

/** What rounding leaves of a credit that is none: a variant without weight must not be chosen for it. */
const NOTHING = 1e-9;

export interface Loaded {
  readonly id: string;
  readonly inFlight: number;
  /** When a connection was last refused; 0 when the last one was accepted. */
  readonly refusedAtMs: number;
}

/** How long an instance that refused a connection is passed over while another one is there. */
const AVOID_MS = 1_000;

/** The least loaded instance; ties are broken by `random` so that they share. */
export function pickInstance<I extends Loaded>(
  instances: readonly I[],
  without: ReadonlySet<string>,
  nowMs: number,
  random: number,
): I | undefined {
  const usable = instances.filter(({ id }) => !without.has(id));
  const answering = usable.filter(({ refusedAtMs }) => nowMs - refusedAtMs >= AVOID_MS);
  const candidates = answering.length > 0 ? answering : usable;
  const least = Math.min(...candidates.map(({ inFlight }) => inFlight));
  const idle = candidates.filter(({ inFlight }) => inFlight === least);
  return idle[Math.floor(random * idle.length)];
}
