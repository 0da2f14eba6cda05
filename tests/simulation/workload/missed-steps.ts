import type { JsonObject } from '../../../sdk/definition/index.ts';

/** What may have been gone, or past mending, when a step came to it. */
export interface Missing {
  /** ARNs of packages whose deletion was asked for, answered or not. */
  readonly packages: Iterable<string>;
  /** How often a retry was asked for: a round whose deployment failed leaves an endpoint that no later round can update. */
  readonly rounds: number;
}

/** Names of the steps that failed over such a thing, by the reasons that they gave: the only ones whom it disturbed. */
export function missedSteps(steps: readonly JsonObject[], { packages, rounds }: Missing): Set<string> {
  const gone = [...packages].map((arn) => `modelpackage ${arn.toLowerCase()} does not exist`);
  const missed = ({ FailureReason }: JsonObject): boolean => {
    if (typeof FailureReason !== 'string') return false;
    if (rounds > 0 && FailureReason.includes('Cannot update failed endpoint')) return true;
    const reason = FailureReason.toLowerCase();
    return gone.some((text) => reason.includes(text));
  };
  return new Set(steps.filter(missed).map(({ StepName }) => String(StepName)));
}
