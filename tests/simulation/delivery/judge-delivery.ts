import type { ActionExecutionDetail, PipelineExecutionSummary } from '../../../src/contract/generated/codepipeline.ts';
import type { OutputOf } from '../../../src/contract/operations.ts';
import { ServiceError } from '../../../src/platform/errors/families.ts';
import type { Machine } from '../machine.ts';
import { isAbsence } from '../workload/memory.ts';
import type { World } from '../world.ts';
import type { DeliveryClients } from './delivery-clients.ts';
import { type Attempt, judgeEnd } from './permitted-end.ts';
import { judgeInputs } from './permitted-inputs.ts';
import { MODEL_PACKAGE } from './random-delivery.ts';

/** Everything rests: did each delivery end as its structure permits, and is there what was acknowledged? */
export async function judgeDelivery(world: World, machine: Machine, clients: DeliveryClients): Promise<string[]> {
  const problems: string[] = [];
  const there = new Set<string>();
  for (const name of clients.names) {
    await clients.look(world, name);
    const summaries = await executionsOf(world, name);
    for (const summary of summaries) {
      there.add(summary.pipelineExecutionId ?? '');
      problems.push(...(await judgeExecution(world, machine, clients, name, summary)).map((text) => `${name}: ${text}`));
    }
    problems.push(...judgeRollbacks(summaries).map((text) => `${name}: ${text}`));
  }
  for (const { id, pipeline } of clients.known.values())
    if (!there.has(id)) problems.push(`delivery ${id} of ${pipeline} was started and is not there`);
  return [...problems, ...clients.memory.problems.splice(0)];
}

async function executionsOf(world: World, pipelineName: string): Promise<PipelineExecutionSummary[]> {
  const found: PipelineExecutionSummary[] = [];
  let nextToken: string | undefined;
  do {
    const input = { pipelineName, maxResults: 7, ...(nextToken !== undefined && { nextToken }) };
    const page = await world
      .call('codepipeline:ListPipelineExecutions', input)
      .catch((error: unknown): OutputOf<'codepipeline:ListPipelineExecutions'> => {
        if (error instanceof ServiceError && isAbsence(error)) return {};
        throw error;
      });
    found.push(...(page.pipelineExecutionSummaries ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}

async function judgeExecution(
  world: World,
  machine: Machine,
  { asked, known }: DeliveryClients,
  pipelineName: string,
  summary: PipelineExecutionSummary,
): Promise<string[]> {
  const { pipelineExecutionId: id = '', status = '', executionType } = summary;
  const { pipelineExecution } = await world.call('codepipeline:GetPipelineExecution', { pipelineName, pipelineExecutionId: id });
  const version = pipelineExecution?.pipelineVersion;
  const { pipeline } = await world.call('codepipeline:GetPipeline', { name: pipelineName, version });
  const details = await detailsOf(world, pipelineName, id);
  if (!pipeline) return [`delivery ${id} has no structure`];
  world.coverage.add('delivery', `${summary.executionMode} ${executionType} ${summary.trigger?.triggerType}: ${status}`);
  for (const { status: came, input, output } of details) {
    const { code } = output?.executionResult?.errorDetails ?? {};
    world.coverage.add('action', [input?.actionTypeId?.provider, came, ...(code ? [code] : [])].join(' '));
  }
  const stopAsked = asked.has(id, 'stop') || asked.has(id, 'abandon');
  const problems = judgeEnd({
    structure: pipeline,
    status,
    isRollback: executionType === 'ROLLBACK',
    attempts: details.map(attemptOf),
    stopAsked,
    abandonAsked: asked.has(id, 'abandon'),
    retries: (stage) => asked.retriesOf(id, stage),
  });
  const { sourcesDeleted, endpointsDeleted } = asked;
  const isDisturbed = machine.parts.host.ends.some(({ planned }) => !planned);
  const isShaken = world.coverage.faults > 0 || endpointsDeleted;
  const fates = details.flatMap((detail) => fateProblems(detail, { isDisturbed, isShaken, sourcesDeleted }));
  const variables = Object.fromEntries(
    (pipelineExecution?.variables ?? []).map(({ name, resolvedValue }) => [name, resolvedValue] as const),
  ) as Record<string, string>;
  const { given } = known.get(id) ?? {};
  if (given !== undefined && variables['Flavor'] !== given)
    problems.push(`has the variable ${variables['Flavor']}, and was given ${given}`);
  const target = summary.rollbackMetadata?.rollbackTargetPipelineExecutionId;
  const inherited = target === undefined ? [] : await detailsOf(world, pipelineName, target);
  problems.push(...judgeInputs({ id, structure: pipeline, variables, own: details, inherited }));
  for (const detail of details) problems.push(...(await lostArtifacts(world, detail)));
  return [...problems, ...fates].map((text) => `delivery ${id} (${summary.executionMode}) ${text}`);
}

const attemptOf = ({
  stageName = '',
  actionName = '',
  status = 'InProgress',
  startTime = 0,
  lastUpdateTime = 0,
}: ActionExecutionDetail): Attempt => ({
  stage: stageName,
  action: actionName,
  status,
  startedAtMs: Number(startTime),
  endedAtMs: Number(lastUpdateTime),
});

/** What a source took is there, and is what was taken. */
async function lostArtifacts(world: World, { actionName, status, output, input }: ActionExecutionDetail): Promise<string[]> {
  if (status !== 'Succeeded' || input?.actionTypeId?.provider !== 'S3') return [];
  const { bucket: Bucket = '', key: Key = '' } = output?.outputArtifacts?.[0]?.s3location ?? {};
  const head = await world.call('s3:HeadObject', { Bucket, Key }).catch((error: unknown) => ({ ETag: String(error) }));
  const [is, was] = [head.ETag?.replaceAll('"', ''), output?.outputVariables?.['ETag']];
  return is === was ? [] : [`${actionName} took ${was}, and left ${is} in ${Bucket}/${Key}`];
}

async function detailsOf(world: World, pipelineName: string, pipelineExecutionId: string): Promise<ActionExecutionDetail[]> {
  const found: ActionExecutionDetail[] = [];
  let nextToken: string | undefined;
  do {
    const input = { pipelineName, filter: { pipelineExecutionId }, maxResults: 5, ...(nextToken !== undefined && { nextToken }) };
    const page = await world.call('codepipeline:ListActionExecutions', input);
    found.push(...(page.actionExecutionDetails ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}

/** Time may pass faster than the machine brings a model server up; what failed so takes no update. */
const NOT_UP_IN_TIME = /ping health check|failed endpoint/;

interface Circumstances {
  /** The machine ended some work otherwise than was planned. */
  readonly isDisturbed: boolean;
  /** Something may have come between a deployment and its health checks. */
  readonly isShaken: boolean;
  readonly sourcesDeleted: boolean;
}

/** What an action came to, against what the world has of it. Approvals and functions: see checks/answers-count.ts. */
function fateProblems(detail: ActionExecutionDetail, { isDisturbed, isShaken, sourcesDeleted }: Circumstances): string[] {
  const { actionName, status, input, output } = detail;
  const { resolvedConfiguration = {}, actionTypeId } = input ?? {};
  const code = output?.executionResult?.errorDetails?.code;
  if (status !== 'Succeeded' && status !== 'Failed') return [];
  if (code === 'TimeoutError' || code === 'ConfigurationError') return [];
  const told = `${actionName} is ${status}: ${output?.executionResult?.errorDetails?.message ?? ''}`;
  switch (actionTypeId?.provider) {
    case 'S3':
      return status === 'Failed' && !sourcesDeleted ? [told] : [];
    case 'SageMakerPipeline': {
      const isPlanned = (resolvedConfiguration['PipelineParameters'] ?? '').includes('"ok"') ? 'Succeeded' : 'Failed';
      return status !== isPlanned && !isDisturbed ? [told] : [];
    }
    case 'SageMakerEndpoint':
      if (status === 'Succeeded') return output?.outputVariables?.['ModelPackageArn'] === MODEL_PACKAGE ? [] : [told];
      return isShaken || NOT_UP_IN_TIME.test(told) ? [] : [told];
    default:
      return [];
  }
}

/** A rollback goes back to an older execution that succeeded; one that nobody asked for, once for each that failed. */
function judgeRollbacks(summaries: readonly PipelineExecutionSummary[]): string[] {
  const causes = new Map<string, number>();
  return summaries.flatMap(({ pipelineExecutionId: id, executionType, rollbackMetadata, trigger }) => {
    if (executionType !== 'ROLLBACK') return [];
    const target = summaries.find((one) => one.pipelineExecutionId === rollbackMetadata?.rollbackTargetPipelineExecutionId);
    const problems =
      target?.executionType === 'STANDARD' ? [] : [`the rollback ${id} goes back to nothing that can be gone back to`];
    if (trigger?.triggerType !== 'AutomatedRollback') return problems;
    const cause = String(trigger.triggerDetail).split(' ').at(-1) ?? '';
    causes.set(cause, (causes.get(cause) ?? 0) + 1);
    if (!summaries.some((one) => one.pipelineExecutionId === cause))
      problems.push(`the rollback ${id} is of a failure of nobody`);
    return problems;
  });
}
