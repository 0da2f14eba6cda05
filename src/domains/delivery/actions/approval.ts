import { storedPrincipal } from '../../../platform/notices.ts';
import type { ActionKind } from './action-kind.ts';

/**
 * Waits for a person. The token ties an answer to this very request; whoever it is told is told in the commit that records it, by the session
 * that is kept for it: a role of the action's own may trust the pipeline's role alone.
 */
export const manualApproval: ActionKind = {
  calls: [],
  start: async ({ ports, principal, configuration }) => {
    const isTold = configuration['NotificationArn'] !== undefined;
    return {
      seen: 'begun',
      changes: { token: ports.ids.uuid(), ...(isTold && { kept: { sender: storedPrincipal(principal) } }) },
    };
  },
};
