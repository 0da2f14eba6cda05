import { createHash } from 'node:crypto';
import type { OperationName } from '../../contract/operations.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { recordDenial } from '../../platform/calls/dispatch.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import { invariant, ServiceError } from '../../platform/errors/families.ts';
import { answerOf } from '../../platform/idempotency.ts';
import { formatArn, parseArn } from '../../platform/resources/arn.ts';
import type { FileReading, GraphStep, Json, JsonObject } from '../../../sdk/definition/index.ts';
import { isJsonObject, resolve } from '../../../sdk/definition/index.ts';
import type { Observation } from './decide-execution.ts';
import { isPassing, passingFault } from './faults.ts';
import type { PipelinePorts } from './ports.ts';
import { readJsonFile } from './read-files.ts';
import type { StepDocument } from './resources.ts';
import { type ExecutionRun, originOf, scopeOf } from './run.ts';
import { JOB_KINDS, type JobKind, NAME_MEMBERS } from './step-kinds.ts';

/** Everything one effect needs to know. */
interface Work {
  readonly ports: PipelinePorts;
  readonly run: ExecutionRun;
  readonly index: number;
  readonly step: GraphStep;
  readonly document: StepDocument;
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

/** The session of the pipeline's role in which an execution makes its calls. Throws in AWS's words when the role cannot be assumed. */
export async function principalOf(ports: PipelinePorts, run: ExecutionRun): Promise<Principal> {
  run.principal ??= await ports.roles.assume({
    account: run.key.account,
    roleArn: run.execution.roleArn,
    service: 'sagemaker.amazonaws.com',
    sessionName: `pipelines-${run.execution.executionId}`,
    onBehalfOf: run.execution.arn,
  });
  return run.principal;
}

/** Asks for what a step makes, under its deterministic name: asking again finds what is there. */
export const startStep = (ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Observation> =>
  perform(ports, run, index, async (work) => {
    const input = await resolveArguments(work);
    if (work.step.type === 'Model') return createModel(work, input);
    if (work.step.type === 'RegisterModel') return registerModel(work, input);
    const kind = kindOf(work.step);
    const name = work.document.jobName ?? '';
    const made = await createOrFind(work, kind.create, { ...input, [kind.nameMember]: name, Tags: tagsOf(work, input) });
    return { kind: 'started', step: index, metadata: kind.metadata(textOf(made, kind.arnMember) ?? arnOfJob(work, kind)) };
  });

/** Looks whether a step's job has ended. Undefined while it has not. */
export const lookAtStep = (ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Observation | undefined> =>
  perform(ports, run, index, async (work) => {
    const kind = kindOf(work.step);
    return observationOf(work, kind, await describe(work, kind));
  });

/** Asks a step's job to stop. A job that was never made, or that has ended, is told as such. */
export const stopStep = (ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Observation | undefined> =>
  perform(ports, run, index, async (work) => {
    const kind = JOB_KINDS[work.step.type];
    if (!kind) return (await findMade(work)) ?? { kind: 'stopped', step: index, reason: 'The execution was stopped.' };
    const described = await describeIfThere(work, kind);
    if (!described) return { kind: 'stopped', step: index, reason: 'The execution was stopped before the job was made.' };
    const ended = observationOf(work, kind, described);
    if (ended) return ended;
    try {
      await call(work, kind.stop, { [kind.nameMember]: work.document.jobName });
    } catch (error) {
      // it may have ended in this moment: its state change wakes us; anything else is told by the next look
      if (!(error instanceof ServiceError) || isPassing(error)) throw error;
      const now = await describeIfThere(work, kind);
      if (now && textOf(now, kind.statusMember) === 'InProgress') throw error;
      return now && observationOf(work, kind, now);
    }
    return undefined;
  });

async function perform<O extends Observation | undefined>(
  ports: PipelinePorts,
  run: ExecutionRun,
  index: number,
  effect: (work: Work) => Promise<O>,
): Promise<O | Extract<Observation, { kind: 'failed' }>> {
  const step = run.compiled.graph.steps[index];
  const document = run.active.get(index);
  invariant(step && document, 'an effect concerns an active step', { execution: run.execution.arn });
  try {
    const principal = await principalOf(ports, run);
    return await effect({ ports, run, index, step, document, principal, origin: originOf(run, step.name) });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (isPassing(error)) throw passingFault(error);
    return { kind: 'failed', step: index, reason: `ClientError: ${error.message}` };
  }
}

function kindOf(step: GraphStep): JobKind {
  const kind = JOB_KINDS[step.type];
  invariant(kind, 'only executed step types come this far', { type: step.type });
  return kind;
}

const arnOfJob = ({ run, document }: Work, kind: JobKind): string => jobArn(run, kind, document.jobName ?? '');

export const jobArn = ({ key }: Pick<ExecutionRun, 'key'>, kind: JobKind, name: string): string =>
  formatArn({ service: 'sagemaker', region: key.region, account: key.account, resource: `${kind.arnType}/${name}` });

/** The arguments with every expression evaluated, reading the files they need. */
async function resolveArguments(work: Work): Promise<JsonObject> {
  const { run, step, document, ports } = work;
  const files = new Map<string, FileReading>();
  const given = { ...(step.step.Arguments as JsonObject) };
  const nameMember = NAME_MEMBERS[step.type];
  if (nameMember !== undefined) delete given[nameMember]; // at most a prefix, which is in the name already
  for (;;) {
    const resolved = resolve(given, scopeOf(run, files, document));
    if (resolved.problem !== undefined) throw new ServiceError('ValidationException', resolved.problem);
    if (resolved.value !== undefined) return isJsonObject(resolved.value) ? resolved.value : {};
    const reader = { calls: ports.calls, principal: work.principal, origin: work.origin };
    for (const uri of resolved.files) files.set(uri, await readJsonFile(reader, uri));
  }
}

/** AWS puts these on everything an execution makes. */
function tagsOf({ run, step }: Work, input: JsonObject): Json {
  const own = [
    { Key: 'sagemaker:pipeline-execution-arn', Value: run.execution.arn },
    { Key: 'sagemaker:pipeline-step-name', Value: step.name },
  ];
  const given = Array.isArray(input['Tags']) ? input['Tags'] : [];
  return [...given.filter((tag) => !isJsonObject(tag) || !own.some(({ Key }) => Key === tag['Key'])), ...own];
}

/** A call by a name that is only known at run time; its input is validated like any other. */
async function call(work: Work, name: OperationName, input: object): Promise<JsonObject> {
  const output = await work.ports.calls.call(work.principal, work.origin, name, input as never);
  return JSON.parse(JSON.stringify(output)) as JsonObject; // as the store keeps it: without undefined members
}

async function create(work: Work, name: OperationName, input: object): Promise<JsonObject> {
  try {
    return await call(work, name, input);
  } catch (error) {
    if (!(error instanceof ServiceError) || isPassing(error) || isExisting(error)) throw error;
    throw new ServiceError(error.code, `Failed to invoke ${name}. Error Details: ${error.message}`);
  }
}

/** Creates, or finds that an earlier try did: the name is ours alone. Undefined in that case. */
async function createOrFind(work: Work, name: OperationName, input: object): Promise<JsonObject | undefined> {
  try {
    return await create(work, name, input);
  } catch (error) {
    if (error instanceof ServiceError && isExisting(error)) return undefined;
    throw error;
  }
}

const isExisting = ({ finding }: ServiceError): boolean => finding === 'exists';
const isAbsent = ({ finding }: ServiceError): boolean => finding === 'absent';

const describe = (work: Work, kind: JobKind): Promise<JsonObject> =>
  call(work, kind.describe, { [kind.nameMember]: work.document.jobName });

async function describeIfThere(work: Work, kind: JobKind): Promise<JsonObject | undefined> {
  try {
    return await describe(work, kind);
  } catch (error) {
    if (error instanceof ServiceError && isAbsent(error)) return undefined;
    throw error;
  }
}

function observationOf(work: Work, kind: JobKind, described: JsonObject): Observation | undefined {
  const step = work.index;
  const metadata = kind.metadata(textOf(described, kind.arnMember) ?? arnOfJob(work, kind));
  const reason = textOf(described, 'FailureReason');
  switch (textOf(described, kind.statusMember)) {
    case 'Completed':
      return { kind: 'succeeded', step, document: described, metadata };
    case 'Failed':
      return { kind: 'failed', step, reason: reason ?? `The ${kind.noun} failed without a reason.`, metadata };
    case 'Stopped':
      return { kind: 'stopped', step, reason: reason ?? stoppedReason(kind, described) };
    default:
      return undefined;
  }
}

function stoppedReason(kind: JobKind, described: JsonObject): string {
  const secondary = textOf(described, 'SecondaryStatus');
  const how = secondary !== undefined && secondary !== 'Stopped' ? ` (${secondary})` : '';
  return `The ${kind.noun} was stopped${how} before it was complete.`;
}

const textOf = (document: JsonObject | undefined, member: string): string | undefined => {
  const value = document?.[member];
  return typeof value === 'string' ? value : undefined;
};

/**
 * What a Model or RegisterModel step made before a server died without recording it. Making it takes no time, so there is nothing to
 * stop: either it is there, and the step succeeded, or it is not made any more.
 */
async function findMade(work: Work): Promise<Observation | undefined> {
  try {
    if (work.step.type === 'Model') return await modelMade(work);
    const use = { operation: 'sagemaker:CreateModelPackage', token: packageToken(work) };
    const arn = (await answerOf(work.ports.store, work.run.key, use))?.['ModelPackageArn'];
    return typeof arn === 'string' ? await packageMade(work, arn) : undefined;
  } catch (error) {
    if (error instanceof ServiceError && isAbsent(error)) return undefined;
    throw error;
  }
}

async function modelMade(work: Work): Promise<Observation> {
  const document = await call(work, 'sagemaker:DescribeModel', { ModelName: work.document.jobName });
  return { kind: 'succeeded', step: work.index, document, metadata: { Model: { Arn: textOf(document, 'ModelArn') ?? '' } } };
}

async function packageMade(work: Work, arn: string): Promise<Observation> {
  const document = await call(work, 'sagemaker:DescribeModelPackage', { ModelPackageName: arn });
  return { kind: 'succeeded', step: work.index, document, metadata: { RegisterModel: { Arn: arn } } };
}

/** The same token gives the same version, however often it is asked for. */
const packageToken = ({ document, run }: Work): string =>
  createHash('sha256')
    .update(document.jobName ?? '')
    .update(run.execution.arn)
    .digest('hex')
    .slice(0, 32);

async function createModel(work: Work, input: JsonObject): Promise<Observation> {
  const ModelName = work.document.jobName;
  await createOrFind(work, 'sagemaker:CreateModel', { ...input, ModelName, Tags: tagsOf(work, input) });
  return modelMade(work);
}

async function registerModel(work: Work, input: JsonObject): Promise<Observation> {
  const group = textOf(input, 'ModelPackageGroupName');
  if (input['ModelApprovalStatus'] === 'Approved') await checkMayApprove(work, group);
  if (group !== undefined) await ensureGroup(work, group);
  const name = group === undefined ? (textOf(input, 'ModelPackageName') ?? work.document.jobName) : undefined;
  const made = await create(work, 'sagemaker:CreateModelPackage', {
    ...input,
    ...(name !== undefined && { ModelPackageName: name }),
    ClientToken: packageToken(work),
    Tags: tagsOf(work, input),
  });
  return packageMade(work, textOf(made, 'ModelPackageArn') ?? '');
}

/** AWS makes the group that a RegisterModel step names. */
async function ensureGroup(work: Work, ModelPackageGroupName: string): Promise<void> {
  try {
    await call(work, 'sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName });
  } catch (error) {
    if (!(error instanceof ServiceError) || !isAbsent(error)) throw error;
    await createOrFind(work, 'sagemaker:CreateModelPackageGroup', { ModelPackageGroupName });
  }
}

/** A pipeline's role must not lend anyone the right to approve: who started the execution must have it themselves. */
async function checkMayApprove(work: Work, group: string | undefined): Promise<void> {
  const { ports, run, origin } = work;
  const principal = run.execution.startedBy;
  // a group may be named by its ARN; policies are written over the ARNs of its versions
  const groupName = group === undefined ? undefined : (parseArn(group)?.resource.replace(/^[a-z-]+\//, '') ?? group);
  const resource = formatArn({
    service: 'sagemaker',
    region: run.key.region,
    account: run.key.account,
    resource: `model-package/${groupName ?? work.document.jobName}/*`,
  });
  const need = {
    action: 'sagemaker:UpdateModelPackage',
    resources: [resource],
    context: { 'sagemaker:ModelApprovalStatus': 'Approved' },
  };
  const nowMs = ports.clock.now();
  const decision = await ports.authorizer.authorize(principal, [need], { nowMs, region: run.key.region });
  if (decision.allowed) return;
  const { account, region } = run.key;
  const requestId = origin.requestId ?? run.execution.arn;
  await recordDenial(ports.store, need, decision.message, {
    operation: 'sagemaker:CreateModelPackage',
    principal,
    account,
    region,
    requestId,
    nowMs,
  });
  const rule =
    'A RegisterModel step may register a model as Approved only if whoever started the execution may approve models themselves';
  const remedy = 'Register it as PendingManualApproval, or let someone with that right start the execution';
  throw new ServiceError('AccessDeniedException', `${rule}. ${decision.message}. ${remedy}.`);
}
