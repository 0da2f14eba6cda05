import type { DescribeEndpointOutput, DescribeModelPackageOutput } from '../../../contract/generated/sagemaker.ts';
import type { InputOf, OperationName, OutputOf } from '../../../contract/operations.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { isPassing } from '../../../platform/errors/passing.ts';
import type { WithArtifacts } from '../../../platform/objects/pin.ts';
import { readArtifactFile } from '../artifact-file.ts';
import { type ActionKind, failed, type Seen, textOf, type Work } from './action-kind.ts';

/** No deployment is under way in these. */
const SETTLED = new Set<unknown>(['InService', 'Failed', 'OutOfService', 'UpdateRollbackFailed']);
/** An endpoint that somebody else is just changing is asked again. */
const BUSY_MS = 5_000;
const VARIANT = 'AllTraffic';

/**
 * Brings an endpoint to a registered model package and waits until it serves it. Model and endpoint config bear names made of the action's
 * id, so that doing it twice makes them once; what is served are the bytes that were registered.
 */
export const sageMakerEndpoint: ActionKind = {
  calls: [
    's3:GetObject',
    'sagemaker:DescribeModelPackage',
    'sagemaker:CreateModel',
    'sagemaker:CreateEndpointConfig',
    'sagemaker:CreateEndpoint',
    'sagemaker:UpdateEndpoint',
    'sagemaker:DescribeEndpoint',
  ],
  async start(work) {
    const { EndpointName = '' } = work.configuration;
    const given = (work.configuration['ModelPackageArn'] ?? '').trim();
    const ModelPackageArn = ((await readArtifactFile(work, given)) ?? given).trim();
    const described = (await call(work, 'sagemaker:DescribeModelPackage', {
      ModelPackageName: ModelPackageArn,
    })) as WithArtifacts<DescribeModelPackageOutput>;
    await makeConfig(work, described.ModelPackageArn ?? ModelPackageArn);
    const outputVariables = outputsOf(work, described, EndpointName);
    const endpoint = await describe(work);
    if (endpoint && isConcluded(work, endpoint)) return seenOf(work, endpoint, outputVariables);
    if (endpoint && !isOurs(work, endpoint) && !SETTLED.has(endpoint.EndpointStatus)) return busy(work);
    if (endpoint && !isOurs(work, endpoint) && freeAtMs(work) === undefined) {
      // kept before anything is deployed: what fails behind it is ours, what failed before was somebody else's
      const nowMs = work.ports.clock.now();
      return { seen: 'told', changes: { againAtMs: nowMs, kept: { freeAtMs: nowMs } } };
    }
    if ((!endpoint || !isOurs(work, endpoint)) && !(await deploy(work, endpoint))) return busy(work);
    return { seen: 'begun', changes: { externalExecutionId: EndpointName, outputVariables } };
  },
  async look(work) {
    const endpoint = await describe(work);
    if (!endpoint)
      return failed('JobFailed', `The endpoint ${work.configuration['EndpointName']} was deleted before it was in service.`);
    return SETTLED.has(endpoint.EndpointStatus) ? seenOf(work, endpoint, work.action.outputVariables ?? {}) : undefined;
  },
  end: {
    detailType: 'SageMaker Endpoint State Change',
    ids: ({ detail }) => {
      const status = String(detail['EndpointStatus'] ?? '')
        .toLowerCase()
        .replaceAll('_', '');
      const isSettled = [...SETTLED].some((one) => String(one).toLowerCase() === status);
      return isSettled ? [textOf(detail['EndpointName']) ?? ''] : [];
    },
  },
};

/** Names hold at most 63 characters; the id alone makes them unique. */
const nameOf = ({ action, configuration }: Work): string =>
  `${(configuration['EndpointName'] ?? '').slice(0, 26).replace(/-+$/, '')}-${action.id}`;

function call<N extends OperationName>({ ports, principal, origin }: Work, name: N, input: InputOf<N>): Promise<OutputOf<N>> {
  return ports.calls.call(principal, origin, name, input);
}

/** Creates it, or finds that an earlier try did: the name is ours alone. */
async function createOnce<N extends OperationName>(work: Work, name: N, input: InputOf<N>): Promise<void> {
  try {
    await call(work, name, input);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.finding !== 'exists') throw error;
  }
}

async function makeConfig(work: Work, ModelPackageName: string): Promise<void> {
  const { configuration } = work;
  const name = nameOf(work);
  await createOnce(work, 'sagemaker:CreateModel', {
    ModelName: name,
    PrimaryContainer: { ModelPackageName },
    ExecutionRoleArn: configuration['ExecutionRoleArn'] ?? '',
    Tags: tagsOf(work),
  });
  await createOnce(work, 'sagemaker:CreateEndpointConfig', {
    EndpointConfigName: name,
    ProductionVariants: [
      {
        VariantName: VARIANT,
        ModelName: name,
        InstanceType: (configuration['InstanceType'] ?? 'ml.m5.large') as 'ml.m5.large',
        InitialInstanceCount: Number(configuration['InitialInstanceCount'] ?? '1'),
      },
    ],
    Tags: tagsOf(work),
  });
}

const tagsOf = ({ execution }: Work) => [
  { Key: 'slipway:delivery-pipeline', Value: execution.pipelineName },
  { Key: 'slipway:delivery-execution', Value: execution.executionId },
];

async function describe(work: Work): Promise<DescribeEndpointOutput | undefined> {
  try {
    return await call(work, 'sagemaker:DescribeEndpoint', { EndpointName: work.configuration['EndpointName'] ?? '' });
  } catch (error) {
    if (error instanceof ServiceError && error.finding === 'absent') return undefined;
    throw error;
  }
}

/** False when somebody else began to make or to change the endpoint since it was looked at. */
async function deploy(work: Work, endpoint: DescribeEndpointOutput | undefined): Promise<boolean> {
  const input = { EndpointName: work.configuration['EndpointName'] ?? '', EndpointConfigName: nameOf(work) };
  try {
    if (endpoint) await call(work, 'sagemaker:UpdateEndpoint', input);
    else await call(work, 'sagemaker:CreateEndpoint', { ...input, Tags: tagsOf(work) });
    return true;
  } catch (error) {
    if (!(error instanceof ServiceError) || isPassing(error)) throw error;
    const now = await describe(work);
    if (now && isOurs(work, now)) return true; // an earlier try did it
    if (error.finding === 'exists' || (now && !SETTLED.has(now.EndpointStatus))) return false;
    throw error;
  }
}

/** What fails meanwhile is somebody else's: from when on it is ours is kept anew once the endpoint is free. */
const busy = (work: Work): Seen => ({ seen: 'told', changes: { againAtMs: work.ports.clock.now() + BUSY_MS, kept: {} } });

/** It serves, or is just being brought to, the config of this action. */
const isOurs = (work: Work, { EndpointConfigName, PendingDeploymentSummary: pending }: DescribeEndpointOutput): boolean =>
  (pending?.EndpointConfigName ?? EndpointConfigName) === nameOf(work);

/** When the endpoint that is there was found free for this attempt. */
const freeAtMs = ({ action }: Work): number | undefined => action.kept?.['freeAtMs'] as number | undefined;

/** A deployment that this attempt began before a restart is over: it serves ours, or went back to what it had. */
const isConcluded = (work: Work, endpoint: DescribeEndpointOutput): boolean =>
  SETTLED.has(endpoint.EndpointStatus) &&
  (isOurs(work, endpoint) ||
    (endpoint.FailureReason !== undefined && Number(endpoint.LastModifiedTime) > (freeAtMs(work) ?? Infinity)));

function seenOf(work: Work, endpoint: DescribeEndpointOutput, outputVariables: Record<string, string>): Seen {
  const { EndpointName, EndpointStatus, EndpointConfigName, FailureReason } = endpoint;
  const changes = { externalExecutionId: EndpointName ?? '', outputVariables };
  if (EndpointStatus === 'InService' && EndpointConfigName === nameOf(work)) return { seen: 'succeeded', changes };
  const what =
    EndpointStatus === 'InService'
      ? `The endpoint ${EndpointName} was not updated; it still serves ${EndpointConfigName}.`
      : `The endpoint ${EndpointName} is in status ${EndpointStatus}.`;
  return failed('JobFailed', [what, FailureReason].filter(Boolean).join(' '), changes);
}

function outputsOf(
  work: Work,
  described: WithArtifacts<DescribeModelPackageOutput>,
  EndpointName: string,
): Record<string, string> {
  const digest = described.artifacts?.[0]?.objects[0]?.digest;
  return {
    EndpointName,
    EndpointConfigName: nameOf(work),
    ModelName: nameOf(work),
    ModelPackageArn: described.ModelPackageArn ?? '',
    ...(digest !== undefined && { ModelDataDigest: digest }),
  };
}
