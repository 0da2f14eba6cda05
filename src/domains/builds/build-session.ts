import type { Principal } from '../../platform/authorization/principal.ts';
import { assumptionOf, type WorkAccess } from '../../platform/authorization/work-credentials.ts';
import type { CallOrigin, Calls } from '../../platform/calls/operation.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { BuildsPorts } from './ports.ts';
import type { BuildDocument } from './resources.ts';

/** By whose rights a build's own calls are made, and where. */
export interface BuildSession {
  readonly calls: Calls;
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

export const accessOf = (key: ResourceKey, build: BuildDocument): WorkAccess => ({
  account: key.account,
  region: key.region,
  roleArn: build.settings.serviceRole,
  workId: build.workId,
  onBehalfOf: build.arn,
  kind: build.restricted ? 'build-of-job' : 'build',
});

/** The build's service role; throws the refusal of a role that does not trust CodeBuild. */
export async function openSession(ports: BuildsPorts, key: ResourceKey, build: BuildDocument): Promise<BuildSession> {
  const principal = await ports.roles.assume(assumptionOf(accessOf(key, build), build.settings.serviceRole));
  return { calls: ports.calls, principal, origin: { region: key.region, requestId: build.requestId } };
}
