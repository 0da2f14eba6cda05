import type { ActionKind } from './action-kind.ts';

/** Waits for a person. The token ties an answer to this very request; whoever it is told is told in the commit that records it. */
export const manualApproval: ActionKind = {
  calls: [],
  start: async ({ ports }) => ({ seen: 'begun', changes: { token: ports.ids.uuid() } }),
};
