import { formatArn } from '../../../platform/resources/arn.ts';
import { eventStatus } from '../../../platform/serving/event-status.ts';
import type { Json, JsonObject } from '../../../../sdk/definition/index.ts';
import { isJsonObject, resolve } from '../../../../sdk/definition/index.ts';
import type { Observation } from '../decide-execution.ts';
import { type ExecutionRun, scopeOf } from '../run.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, create, createOrFind, resolveArguments, tagsOf, textOf, unlessAbsent } from './work.ts';

/** No deployment is under way in these. */
const ENDS = ['InService', 'Failed', 'OutOfService', 'UpdateRollbackFailed'];
const SETTLED = new Set<unknown>(ENDS);
const SETTLED_IN_EVENTS = new Set(ENDS.map(eventStatus));

/**
 * Creates an endpoint, or updates the one of that name: the step ends when it serves the config that the step names. A deployment cannot be
 * stopped, so a stopped execution waits for it.
 */
export const endpointStep: StepKind = {
  calls: ['sagemaker:CreateEndpoint', 'sagemaker:UpdateEndpoint', 'sagemaker:DescribeEndpoint'],
  async start(work) {
    const input = await resolveArguments(work, undefined);
    const metadata = { Endpoint: { Arn: arnOf(work.run, textOf(input, 'EndpointName') ?? '') } };
    await deploy(work, input);
    return { kind: 'started', step: work.index, metadata };
  },
  async look(work) {
    const input = await resolveArguments(work, undefined);
    return observationOf(work, input, await describe(work, input));
  },
  async stop(work) {
    const input = await resolveArguments(work, undefined);
    const described = await describe(work, input);
    if (!described || !isDeployed(work, input, described)) {
      return { kind: 'stopped', step: work.index, reason: 'The execution was stopped before the endpoint was deployed.' };
    }
    return observationOf(work, input, described);
  },
  end: {
    detailType: 'SageMaker Endpoint State Change',
    ended: ({ resources, detail }) => (SETTLED_IN_EVENTS.has(String(detail['EndpointStatus'])) ? resources : []),
    idOf: endpointArn,
  },
};

/** By the name in the arguments, which the endpoint may have from elsewhere. Unknown while it takes a file to evaluate it. */
function endpointArn(run: ExecutionRun, index: number): string | undefined {
  const document = run.active.get(index);
  const known = document?.metadata?.Endpoint?.Arn;
  if (known !== undefined) return known;
  const given = run.progress.graph.steps[index]?.step.Arguments as Json | undefined;
  const { value } = resolve(
    (isJsonObject(given) && given['EndpointName']) || null,
    scopeOf(run, new Map(), document ?? { index }),
  );
  return typeof value === 'string' ? arnOf(run, value) : undefined;
}

const arnOf = ({ key }: Pick<ExecutionRun, 'key'>, name: string): string =>
  formatArn({ service: 'sagemaker', region: key.region, account: key.account, resource: `endpoint/${name.toLowerCase()}` });

const describe = (work: Work, { EndpointName }: JsonObject): Promise<JsonObject | undefined> =>
  unlessAbsent(call(work, 'sagemaker:DescribeEndpoint', { EndpointName: EndpointName ?? '' }));

async function deploy(work: Work, input: JsonObject): Promise<void> {
  const { EndpointName, EndpointConfigName, DeploymentConfig } = input;
  const described = await describe(work, input);
  if (described && isDeployed(work, input, described)) return;
  if (!described) {
    const request = { ...input, Tags: tagsOf(work, input) };
    if (await createOrFind(work, 'sagemaker:CreateEndpoint', request)) return;
  }
  const update = { EndpointName, EndpointConfigName, ...(DeploymentConfig !== undefined && { DeploymentConfig }) };
  await create(work, 'sagemaker:UpdateEndpoint', update);
}

/** Whether the endpoint has been, or is just being, brought to the config since the step began. */
function isDeployed(work: Work, { EndpointConfigName: wanted }: JsonObject, described: JsonObject): boolean {
  const pending = described['PendingDeploymentSummary'];
  if (isJsonObject(pending)) return isSame(pending['EndpointConfigName'], wanted);
  const since = described['LastModifiedTime'];
  return isSame(described['EndpointConfigName'], wanted) && Number(since) >= work.document.startedAtMs;
}

const isSame = (a: Json | undefined, b: Json | undefined): boolean => String(a).toLowerCase() === String(b).toLowerCase();

function observationOf(work: Work, input: JsonObject, described: JsonObject | undefined): Observation | undefined {
  const step = work.index;
  if (!described) return { kind: 'failed', step, reason: 'ClientError: The endpoint was deleted before it was in service.' };
  const status = textOf(described, 'EndpointStatus');
  if (!SETTLED.has(status)) return undefined;
  const metadata = { Endpoint: { Arn: textOf(described, 'EndpointArn') ?? '' } };
  const wanted = textOf(input, 'EndpointConfigName') ?? '';
  if (status === 'InService' && isSame(described['EndpointConfigName'], wanted)) {
    return { kind: 'succeeded', step, document: described, metadata };
  }
  const name = textOf(input, 'EndpointName') ?? '';
  const why = textOf(described, 'FailureReason');
  const what =
    status === 'InService'
      ? `The endpoint ${name} was not updated to ${wanted}; it still serves ${textOf(described, 'EndpointConfigName')}.`
      : `The endpoint ${name} is in status ${status}.`;
  return { kind: 'failed', step, reason: [what, why].filter(Boolean).join(' '), metadata };
}
