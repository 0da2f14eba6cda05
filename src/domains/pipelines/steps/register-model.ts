import { createHash } from 'node:crypto';
import { recordDenial } from '../../../platform/calls/dispatch.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { answerOf } from '../../../platform/idempotency.ts';
import { formatArn, parseArn } from '../../../platform/resources/arn.ts';
import type { Observation } from '../decide-execution.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, create, createOrFind, resolveArguments, stopMade, tagsOf, textOf, unlessAbsent } from './work.ts';

/** CreateModelPackage takes no time: the step ends with the call. Versions have no name to find them by, so a token keeps them single. */
export const registerModelStep: StepKind = {
  calls: [
    'sagemaker:CreateModelPackage',
    'sagemaker:DescribeModelPackage',
    'sagemaker:CreateModelPackageGroup',
    'sagemaker:DescribeModelPackageGroup',
  ],
  start: register,
  stop: (work) => stopMade(work, findMade(work)),
};

async function register(work: Work): Promise<Observation> {
  const input = await resolveArguments(work, undefined);
  const group = textOf(input, 'ModelPackageGroupName');
  if (input['ModelApprovalStatus'] === 'Approved') await checkMayApprove(work, group);
  if (group !== undefined) await ensureGroup(work, group);
  const name = group === undefined ? (textOf(input, 'ModelPackageName') ?? work.document.jobName) : undefined;
  const answer = await create(work, 'sagemaker:CreateModelPackage', {
    ...input,
    ...(name !== undefined && { ModelPackageName: name }),
    ClientToken: packageToken(work),
    Tags: tagsOf(work, input),
  });
  return made(work, textOf(answer, 'ModelPackageArn') ?? '');
}

/** The version registered before a server died without recording it. */
async function findMade(work: Work): Promise<Observation | undefined> {
  const use = { operation: 'sagemaker:CreateModelPackage', token: packageToken(work) };
  const arn = (await answerOf(work.ports.store, work.run.key, use))?.['ModelPackageArn'];
  return typeof arn === 'string' ? made(work, arn) : undefined;
}

async function made(work: Work, arn: string): Promise<Observation> {
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

/** AWS makes the group that a RegisterModel step names. */
async function ensureGroup(work: Work, ModelPackageGroupName: string): Promise<void> {
  const group = { ModelPackageGroupName };
  if (await unlessAbsent(call(work, 'sagemaker:DescribeModelPackageGroup', group))) return;
  await createOrFind(work, 'sagemaker:CreateModelPackageGroup', group);
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
