import type { OutsideClient } from './outside-client.ts';
import {
  BUCKET,
  CLIENT_GROUP,
  JOB_SCRIPT,
  JOB_SCRIPT_KEY,
  modelArchive,
  objectText,
  parametersOf,
  PIPELINE,
  PIPELINE_GROUP,
  pipelineDefinition,
  processingArguments,
  ROLE,
  type Round,
  SERVING_IMAGE,
  sha256,
} from './workload.ts';

/** The calls an outside client makes: the set-up, a round, a move of the endpoint. */

export const ENDPOINT = 'crash';
const FLEETS = ['first', 'second'] as const;

/** Bucket contents, pipeline, groups, two approved versions with models and endpoint configurations, and an endpoint in service. */
export async function setUp(client: OutsideClient): Promise<void> {
  await putObject(client, JOB_SCRIPT_KEY, JOB_SCRIPT);
  await client.change(
    (aws) =>
      aws.call('sagemaker:CreatePipeline', {
        PipelineName: PIPELINE,
        RoleArn: ROLE,
        PipelineDefinition: pipelineDefinition(),
        ClientRequestToken: tokenOf('pipeline'),
      }),
    { kind: 'resource', operation: 'DescribePipeline', name: PIPELINE },
  );
  for (const group of [PIPELINE_GROUP, CLIENT_GROUP]) {
    await client.ask((aws) => aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: group }));
  }
  for (const fleet of FLEETS) await createFleet(client, fleet);
  await client.change((aws) => aws.call('sagemaker:CreateEndpoint', { EndpointName: ENDPOINT, EndpointConfigName: FLEETS[0] }), {
    kind: 'resource',
    operation: 'DescribeEndpoint',
    name: ENDPOINT,
  });
  await inService(client);
}

async function createFleet(client: OutsideClient, fleet: string): Promise<void> {
  await putObject(client, `models/${fleet}.tar.gz`, await modelArchive(`model ${fleet}`));
  const arn = await createVersion(client, fleet, `models/${fleet}.tar.gz`);
  await approve(client, arn, 'Approved', fleet);
  await client.change(
    (aws) =>
      aws.call('sagemaker:CreateModel', {
        ModelName: fleet,
        ExecutionRoleArn: ROLE,
        PrimaryContainer: { ModelPackageName: arn },
      }),
    { kind: 'resource', operation: 'DescribeModel', name: fleet },
  );
  await client.ask((aws) =>
    aws.call('sagemaker:CreateEndpointConfig', {
      EndpointConfigName: fleet,
      ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: fleet, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
    }),
  );
}

const inService = (client: OutsideClient) =>
  client.until(
    (aws) => aws.call('sagemaker:DescribeEndpoint', { EndpointName: ENDPOINT }),
    ({ EndpointStatus, FailureReason }) => {
      if (EndpointStatus === 'Failed') throw new Error(`The endpoint failed: ${FailureReason}`);
      return EndpointStatus === 'InService';
    },
  );

/** Moves the endpoint to the other fleet, the n-th time. */
export async function moveEndpoint(client: OutsideClient, n: number): Promise<void> {
  const config = FLEETS[n % 2] ?? '';
  await client.change(
    (aws) => aws.call('sagemaker:UpdateEndpoint', { EndpointName: ENDPOINT, EndpointConfigName: config }),
    { kind: 'resource', operation: 'DescribeEndpoint', name: ENDPOINT },
    async (refused) => {
      // refused because the call whose answer was lost is under way
      const { EndpointStatus } = await client.ask((aws) => aws.call('sagemaker:DescribeEndpoint', { EndpointName: ENDPOINT }));
      return EndpointStatus === 'Updating' || /Updating/.test(refused.message);
    },
  );
  await inService(client);
}

/** Everything of one round, to its end. */
export async function playRound(client: OutsideClient, round: Round): Promise<void> {
  const { label } = round;
  const execution = await client.create(
    async (aws) =>
      (
        await aws.call('sagemaker:StartPipelineExecution', {
          PipelineName: PIPELINE,
          PipelineParameters: parametersOf(round),
          ClientRequestToken: tokenOf(label),
        })
      ).PipelineExecutionArn,
    (arn) => ({ kind: 'execution', arn, label }),
  );
  await Promise.all([
    writeObjects(client, label),
    registerVersion(client, round),
    round.stopsJob ? holdAndStop(client, label) : undefined,
  ]);
  const { PipelineExecutionStatus: status } = await client.until(
    (aws) => aws.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn: execution }),
    ({ PipelineExecutionStatus }) => !['Executing', 'Stopping'].includes(PipelineExecutionStatus ?? ''),
  );
  if (status !== 'Succeeded') return;
  const { PipelineExecutionSteps = [] } = await client.ask((aws) =>
    aws.call('sagemaker:ListPipelineExecutionSteps', { PipelineExecutionArn: execution }),
  );
  const arn = PipelineExecutionSteps.find(({ Metadata }) => Metadata?.RegisterModel)?.Metadata?.RegisterModel?.Arn;
  if (arn !== undefined) await approve(client, arn, round.verdict, label);
}

async function putObject(client: OutsideClient, key: string, content: string | Uint8Array): Promise<void> {
  await client.change((aws) => aws.put(BUCKET, key, content), { kind: 'object', key, sha256: sha256(content) });
}

/** Written, overwritten, deleted, and put together from parts. */
async function writeObjects(client: OutsideClient, label: string): Promise<void> {
  const keyOf = (name: string) => `client/${label}/${name}`;
  for (let number = 0; number < 4; number += 1) await putObject(client, keyOf(`plain-${number}`), objectText(label, number));
  await putObject(client, keyOf('plain-2'), objectText(`${label} again`, 3));
  await client.change((aws) => aws.s3('DELETE', `/${BUCKET}/${keyOf('plain-1')}`), { kind: 'no-object', key: keyOf('plain-1') });
  const path = `/${BUCKET}/${keyOf('of-parts')}`;
  const created = await client.ask((aws) => aws.s3('POST', `${path}?uploads`));
  const upload = encodeURIComponent(/<UploadId>(.*?)<\/UploadId>/.exec(created.body.toString('utf8'))?.[1] ?? '');
  const content = objectText(label, 3);
  const part = await client.ask((aws) => aws.s3('PUT', `${path}?partNumber=1&uploadId=${upload}`, content));
  const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers.etag}</ETag></Part></CompleteMultipartUpload>`;
  await client.change(
    (aws) => aws.s3('POST', `${path}?uploadId=${upload}`, list),
    { kind: 'object', key: keyOf('of-parts'), sha256: sha256(content) },
    ({ code }) => code === 'NoSuchUpload',
  );
}

async function registerVersion(client: OutsideClient, { label, verdict }: Round): Promise<void> {
  const arn = await createVersion(client, label, 'models/first.tar.gz');
  await approve(client, arn, verdict, label);
  await client.change(
    (aws) => aws.call('sagemaker:AddTags', { ResourceArn: `${groupArn(arn)}`, Tags: [{ Key: label, Value: verdict }] }),
    { kind: 'tag', arn: groupArn(arn), name: label, value: verdict },
  );
}

/** Version ARNs end in /group/number; tags belong to the group. */
const groupArn = (arn: string): string => arn.replace(/:model-package\/([^/]+)\/\d+$/, ':model-package-group/$1');

function createVersion(client: OutsideClient, label: string, modelKey: string): Promise<string> {
  return client.create(
    async (aws) =>
      (
        await aws.call('sagemaker:CreateModelPackage', {
          ModelPackageGroupName: CLIENT_GROUP,
          ModelApprovalStatus: 'PendingManualApproval',
          CustomerMetadataProperties: { round: label },
          ClientToken: tokenOf(label),
          InferenceSpecification: {
            Containers: [{ Image: SERVING_IMAGE, ModelDataUrl: `s3://${BUCKET}/${modelKey}` }],
            SupportedContentTypes: ['text/csv'],
            SupportedResponseMIMETypes: ['text/csv'],
          },
        })
      ).ModelPackageArn,
    (arn) => ({ kind: 'version', arn, label }),
  );
}

async function approve(client: OutsideClient, arn: string, status: 'Approved' | 'Rejected', label: string): Promise<void> {
  const description = `${label} was looked at`;
  await client.change(
    (aws) =>
      aws.call('sagemaker:UpdateModelPackage', {
        ModelPackageArn: arn,
        ModelApprovalStatus: status,
        ApprovalDescription: description,
      }),
    { kind: 'approval', arn, status, description },
  );
}

/** A job that runs until it is stopped; it is stopped once it has said that it runs. */
async function holdAndStop(client: OutsideClient, label: string): Promise<void> {
  const name = `hold-${label}`;
  await client.change(
    (aws) => {
      const args = processingArguments([label, 'Hold', '0']);
      return aws.call('sagemaker:CreateProcessingJob', { ProcessingJobName: name, ...args } as never);
    },
    { kind: 'job', name },
    ({ code }) => code === 'ResourceInUse',
  );
  await client.until(
    async (aws) => ({
      job: await aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: name }),
      starts: await aws.objects(BUCKET, `starts/${label}/Hold/`),
    }),
    ({ job, starts }) => {
      if (job.ProcessingJobStatus !== 'InProgress') throw new Error(`${name}: ${job.ProcessingJobStatus} ${job.FailureReason}`);
      return starts.size > 0;
    },
  );
  await client.change(
    (aws) => aws.call('sagemaker:StopProcessingJob', { ProcessingJobName: name }),
    { kind: 'stop', name },
    ({ message }) => /is in status Stopped/.test(message),
  );
  await client.until(
    (aws) => aws.call('sagemaker:DescribeProcessingJob', { ProcessingJobName: name }),
    ({ ProcessingJobStatus }) => !['InProgress', 'Stopping'].includes(ProcessingJobStatus ?? ''),
  );
}

/** Idempotency tokens of SageMaker have at least 32 characters. */
const tokenOf = (name: string): string => `crash-rig-token-${name}`.padEnd(36, '0');
