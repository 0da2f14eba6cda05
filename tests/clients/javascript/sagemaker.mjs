// SageMaker as the AWS SDK for JavaScript v3 calls it: a pipeline to a registered version, an approved one to an endpoint, a stream.
import assert from 'node:assert/strict';
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  CreateModelPackageCommand,
  CreateModelPackageGroupCommand,
  CreatePipelineCommand,
  DeleteEndpointCommand,
  DescribePipelineCommand,
  DescribePipelineExecutionCommand,
  ListPipelineExecutionStepsCommand,
  SageMakerClient,
  StartPipelineExecutionCommand,
  UpdateModelPackageCommand,
  waitUntilEndpointInService,
} from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

const { Account } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
const RoleArn = `arn:aws:iam::${Account}:role/SageMakerPipelineExecutionRole`;
const Bucket = `sagemaker-${process.env.AWS_REGION}-${Account}`;
const s3 = new S3Client({});
const sagemaker = new SageMakerClient({});
const image = '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1';

const rows = Array.from({ length: 200 }, (_, n) => `${(n % 7) + (n % 3)},${n % 7},${n % 3}`).join('\n');
await s3.send(new PutObjectCommand({ Bucket, Key: 'js/train/rows.csv', Body: rows }));

await assert.rejects(sagemaker.send(new DescribePipelineCommand({ PipelineName: 'absent' })), { name: 'ResourceNotFound' });
const definition = {
  Version: '2020-12-01',
  Parameters: [{ Name: 'Rounds', Type: 'Integer', DefaultValue: 20 }],
  Steps: [
    {
      Name: 'Train',
      Type: 'Training',
      Arguments: {
        AlgorithmSpecification: { TrainingImage: image, TrainingInputMode: 'File' },
        HyperParameters: {
          num_round: { 'Std:Join': { On: '', Values: [{ Get: 'Parameters.Rounds' }] } },
          objective: 'reg:squarederror',
        },
        InputDataConfig: [
          {
            ChannelName: 'train',
            ContentType: 'text/csv',
            DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${Bucket}/js/train` } },
          },
        ],
        OutputDataConfig: { S3OutputPath: `s3://${Bucket}/js/output` },
        ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 },
        RoleArn,
        StoppingCondition: { MaxRuntimeInSeconds: 600 },
      },
    },
  ],
};
await sagemaker.send(new CreatePipelineCommand({ PipelineName: 'js', PipelineDefinition: JSON.stringify(definition), RoleArn }));
const { PipelineExecutionArn } = await sagemaker.send(
  new StartPipelineExecutionCommand({ PipelineName: 'js', PipelineParameters: [{ Name: 'Rounds', Value: '30' }] }),
);
let status;
do {
  await new Promise((done) => setTimeout(done, 200)); // as a user's own loop does
  status = (await sagemaker.send(new DescribePipelineExecutionCommand({ PipelineExecutionArn }))).PipelineExecutionStatus;
} while (status === 'Executing');
assert.equal(status, 'Succeeded');
const { PipelineExecutionSteps } = await sagemaker.send(new ListPipelineExecutionStepsCommand({ PipelineExecutionArn }));
const job = PipelineExecutionSteps[0].Metadata.TrainingJob.Arn.split('/').at(-1);
assert.ok(PipelineExecutionSteps[0].EndTime instanceof Date);
const ModelDataUrl = `s3://${Bucket}/js/output/${job}/output/model.tar.gz`;
assert.ok(
  (await s3.send(new HeadObjectCommand({ Bucket, Key: ModelDataUrl.slice(`s3://${Bucket}/`.length) }))).ContentLength > 0,
);

await sagemaker.send(new CreateModelPackageGroupCommand({ ModelPackageGroupName: 'js' }));
const { ModelPackageArn } = await sagemaker.send(
  new CreateModelPackageCommand({
    ModelPackageGroupName: 'js',
    ModelApprovalStatus: 'PendingManualApproval',
    InferenceSpecification: {
      Containers: [{ Image: image, ModelDataUrl }],
      SupportedContentTypes: ['text/csv'],
      SupportedResponseMIMETypes: ['text/csv'],
    },
  }),
);
const model = { ModelName: 'js', ExecutionRoleArn: RoleArn, PrimaryContainer: { ModelPackageName: ModelPackageArn } };
await assert.rejects(sagemaker.send(new CreateModelCommand(model)), /PendingManualApproval/);
await sagemaker.send(
  new UpdateModelPackageCommand({ ModelPackageArn, ModelApprovalStatus: 'Approved', ApprovalDescription: 'looked at' }),
);
await sagemaker.send(new CreateModelCommand(model));
const ProductionVariants = [
  { VariantName: 'AllTraffic', ModelName: 'js', InstanceType: 'ml.m5.large', InitialInstanceCount: 1, InitialVariantWeight: 1 },
];
await sagemaker.send(new CreateEndpointConfigCommand({ EndpointConfigName: 'js', ProductionVariants }));
await sagemaker.send(new CreateEndpointCommand({ EndpointName: 'js', EndpointConfigName: 'js' }));
await waitUntilEndpointInService({ client: sagemaker, maxWaitTime: 120, minDelay: 1, maxDelay: 2 }, { EndpointName: 'js' });

const runtime = new SageMakerRuntimeClient({});
const asked = { EndpointName: 'js', ContentType: 'text/csv', Body: '5,2', CustomAttributes: 'trace=1', InferenceId: 'one' };
const answer = await runtime.send(new InvokeEndpointCommand(asked));
assert.equal(answer.InvokedProductionVariant, 'AllTraffic');
assert.ok(Math.abs(Number(Buffer.from(answer.Body).toString()) - 7) < 1.5, Buffer.from(answer.Body).toString());
const stream = await runtime.send(new InvokeEndpointWithResponseStreamCommand(asked));
let streamed = '';
for await (const event of stream.Body) streamed += Buffer.from(event.PayloadPart?.Bytes ?? []).toString();
assert.equal(streamed, Buffer.from(answer.Body).toString());
await assert.rejects(runtime.send(new InvokeEndpointCommand({ ...asked, ContentType: 'image/png' })), { name: 'ModelError' });
await sagemaker.send(new DeleteEndpointCommand({ EndpointName: 'js' }));
console.log('sagemaker: done');
