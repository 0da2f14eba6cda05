/** Which variant and which instance answer an invocation; pure. */

export interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/** By relative weight; `random` is in [0, 1). Weights that are all 0 count as equal: an endpoint in service answers. */
export function pickVariant<V extends Weighted>(variants: readonly V[], random: number): V | undefined {
  const total = variants.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= 0) return variants[Math.floor(random * variants.length)];
  let left = random * total;
  for (const variant of variants) {
    left -= variant.weight;
    if (left < 0) return variant;
  }
  return variants.findLast(({ weight }) => weight > 0);
}

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
