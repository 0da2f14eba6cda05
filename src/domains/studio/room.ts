import type { Room } from '../../platform/calls/operation.ts';
import { domainOperations } from './operations/domains.ts';
import { lifecycleConfigOperations } from './operations/lifecycle-configs.ts';
import { notebookOperations } from './operations/notebook-instances.ts';
import { userProfileOperations } from './operations/user-profiles.ts';
import type { StudioPorts } from './ports.ts';
import { DOMAIN, LIFECYCLE_CONFIG, NOTEBOOK_INSTANCE, USER_PROFILE } from './resources.ts';

/**
 * Domains, user profiles and notebook instances as templates declare and look them up. Records only: nothing is run for them, and
 * every description and ledger entry says so.
 */
export function createStudioRoom(ports: StudioPorts): Room {
  return {
    name: 'studio',
    operations: [
      ...domainOperations(ports),
      ...userProfileOperations(ports),
      ...notebookOperations(ports),
      ...lifecycleConfigOperations(ports),
    ],
    resources: [DOMAIN, USER_PROFILE, NOTEBOOK_INSTANCE, LIFECYCLE_CONFIG],
    calls: [],
  };
}
