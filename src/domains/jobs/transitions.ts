import type { SecondaryStatus, SecondaryStatusTransition } from '../../contract/generated/sagemaker.ts';

/** Ends the last transition and begins the next; the same status again only changes its message. Pure. */
export function withTransition(
  transitions: readonly SecondaryStatusTransition[],
  status: SecondaryStatus,
  atMs: number,
  message: string,
): SecondaryStatusTransition[] {
  const last = transitions.at(-1);
  if (last?.Status === status) return [...transitions.slice(0, -1), { ...last, StatusMessage: message }];
  const next = { Status: status, StartTime: last ? Math.max(atMs, last.StartTime) : atMs, StatusMessage: message };
  if (!last) return [next];
  return [...transitions.slice(0, -1), { ...last, EndTime: last.EndTime ?? next.StartTime }, next];
}

/** The last transition of a job that has ended carries its end. */
export function closed(transitions: readonly SecondaryStatusTransition[], atMs: number): SecondaryStatusTransition[] {
  const last = transitions.at(-1);
  return last ? [...transitions.slice(0, -1), { ...last, EndTime: Math.max(atMs, last.StartTime) }] : [];
}
