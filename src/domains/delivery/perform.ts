import type { PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import { JOB_SESSION_POLICY } from '../../platform/authorization/job-session-policy.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { isPassing, passingFault } from '../../platform/errors/passing.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { ActionKind, Seen, Work } from './actions/action-kind.ts';
import { ACTION_KINDS } from './actions/table.ts';
import type { Observation } from './decide-execution.ts';
import type { DeliveryPorts } from './ports.ts';
import type { ActionRecord, ExecutionDocument } from './resources.ts';
import { declarationOf } from './rows.ts';

export const SERVICE = 'codepipeline.amazonaws.com';

export interface Running {
  readonly key: ResourceKey;
  readonly execution: ExecutionDocument;
  readonly structure: PipelineDeclaration;
}

export const startAction = (ports: DeliveryPorts, running: Running, action: ActionRecord): Promise<Observation | undefined> =>
  perform(ports, running, action, (kind, work) => kind.start(work));

/** Of an action whose end somebody tells us there is nothing to look at: it does not even need its role. */
export const lookAtAction = async (
  ports: DeliveryPorts,
  running: Running,
  action: ActionRecord,
): Promise<Observation | undefined> =>
  kindOf(running, action)?.look && perform(ports, running, action, async (kind, work) => kind.look?.(work));

function kindOf({ structure }: Running, action: ActionRecord): ActionKind | undefined {
  const provider = declarationOf(structure, action)?.actionTypeId.provider;
  return provider === undefined ? undefined : ACTION_KINDS[provider];
}

/** A refusal ends the action; a fault that passes is thrown for the loop to try again. */
async function perform(
  ports: DeliveryPorts,
  running: Running,
  action: ActionRecord,
  effect: (kind: ActionKind, work: Work) => Promise<Seen | undefined>,
): Promise<Observation | undefined> {
  const { key, execution, structure } = running;
  const declared = declarationOf(structure, action);
  const kind = kindOf(running, action);
  if (!declared || !kind) return undefined;
  try {
    const principal = await principalOf(ports, running, declared.roleArn);
    const origin = { region: key.region, requestId: `${execution.pipelineArn}/${execution.executionId}#${action.id}` };
    const configuration = action.configuration ?? {};
    const seen = await effect(kind, { ports, ...running, declared, action, configuration, principal, origin });
    return seen && { ...seen, action: action.id };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (isPassing(error)) throw passingFault(error);
    const code = error.code.startsWith('AccessDenied') ? 'PermissionError' : 'JobFailed';
    return { action: action.id, seen: 'failed', error: { code, message: error.message } };
  }
}

/** The role of the action, which the pipeline's own must be allowed to assume, or the pipeline's. */
async function principalOf(ports: DeliveryPorts, running: Running, actionRole: string | undefined): Promise<Principal> {
  const { key, execution, structure } = running;
  const request = {
    account: key.account,
    service: SERVICE,
    sessionName: execution.executionId,
    onBehalfOf: execution.pipelineArn,
    // what code in a job made or started cannot do more than the job: it would approve itself by way of a pipeline
    ...(execution.restricted && { sessionPolicy: JOB_SESSION_POLICY }),
  };
  const own = await ports.roles.assume({ ...request, roleArn: structure.roleArn });
  if (actionRole === undefined || actionRole === structure.roleArn) return own;
  // under `roles: lenient` roles that are not here lead to one and the same, which need not assume itself
  const { effectiveRoleArn } = await ports.roles.resolve(key.account, actionRole);
  if (effectiveRoleArn.split('/').at(-1) === own.name) return own;
  const needs = [{ action: 'sts:AssumeRole', resources: [effectiveRoleArn] }];
  const decision = await ports.authorizer.authorize(own, needs, { nowMs: ports.clock.now(), region: key.region });
  if (!decision.allowed) throw new ServiceError('AccessDeniedException', decision.message);
  return ports.roles.assume({ ...request, roleArn: actionRole, caller: own });
}
