import type { JsonObject } from '../../../sdk/definition/index.ts';
import type { Random } from '../random.ts';
import { FILES_VARIABLE, OUTCOME_MEMBER, OUTCOME_VARIABLE, type Outcome, RETURNS_MEMBER } from './outcomes.ts';

/** What stands ready in the simulated world for pipelines to name. */
export interface Surroundings {
  readonly roleArn: string;
  /** A bucket with objects under `stable/`, which nobody changes, and under `flaky/`, which clients put and delete. */
  readonly bucket: string;
  readonly functionArn: string;
  readonly queueUrl: string;
  /** Of jobs and of models. */
  readonly imageUri: string;
}

export const SURROUNDINGS: Surroundings = {
  roleArn: 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole',
  bucket: 'sim-data',
  functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:sim',
  queueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/approvals',
  imageUri: '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3',
};

export const EXECUTION_ID = { Get: 'Execution.PipelineExecutionId' };
export const join = (on: string, ...values: unknown[]): JsonObject => ({ 'Std:Join': { On: on, Values: values as never } });

const INSTANCE = { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 };

/** A value of the definition: a literal or an expression. */
export type Value = string | JsonObject;

/** What the drawn parts of a step are filled with. */
export interface Filling {
  readonly name: string;
  readonly outcome: Value;
  /** For the environment, hyperparameters or event of the work. */
  readonly values: Record<string, Value>;
  /** Where an input lies. */
  readonly input: Value;
}

export function processingStep(at: Surroundings, { name, outcome, values, input }: Filling, report: JsonObject): JsonObject {
  const output = (out: string): JsonObject => ({
    OutputName: out,
    S3Output: {
      S3Uri: join('/', `s3://${at.bucket}/runs`, EXECUTION_ID, name, out),
      LocalPath: `/opt/ml/processing/${out}`,
      S3UploadMode: 'EndOfJob',
    },
  });
  const files = { 'report/report.json': JSON.stringify(report), 'out/rows.csv': `${name},1\n`, 'out/scrap.csv': '0\n' };
  return {
    Name: name,
    Type: 'Processing',
    Arguments: {
      AppSpecification: { ImageUri: at.imageUri, ContainerEntrypoint: ['python3', '/opt/ml/processing/input/in/run.py'] },
      Environment: { [OUTCOME_VARIABLE]: outcome, [FILES_VARIABLE]: JSON.stringify(files), ...values },
      ProcessingInputs: [
        {
          InputName: 'in',
          S3Input: { S3Uri: input, LocalPath: '/opt/ml/processing/input/in', S3DataType: 'S3Prefix', S3InputMode: 'File' },
        },
      ],
      ProcessingOutputConfig: { Outputs: [output('out'), output('report')] },
      ProcessingResources: { ClusterConfig: INSTANCE },
      RoleArn: at.roleArn,
    },
    PropertyFiles: [{ PropertyFileName: 'Report', OutputName: 'report', FilePath: 'report.json' }],
  };
}

export function trainingStep(at: Surroundings, { name, outcome, values, input }: Filling): JsonObject {
  return {
    Name: name,
    Type: 'Training',
    Arguments: {
      AlgorithmSpecification: { TrainingImage: at.imageUri, TrainingInputMode: 'File' },
      HyperParameters: values,
      Environment: { [OUTCOME_VARIABLE]: outcome, [FILES_VARIABLE]: JSON.stringify({ 'model/model.txt': name }) },
      InputDataConfig: [
        {
          ChannelName: 'train',
          DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: input, S3DataDistributionType: 'FullyReplicated' } },
        },
      ],
      OutputDataConfig: { S3OutputPath: `s3://${at.bucket}/models` },
      ResourceConfig: INSTANCE,
      StoppingCondition: { MaxRuntimeInSeconds: 3600 },
      RoleArn: at.roleArn,
    },
  };
}

export function transformStep(at: Surroundings, { name, outcome, values, input }: Filling, model: Value): JsonObject {
  return {
    Name: name,
    Type: 'Transform',
    Arguments: {
      ModelName: model,
      Environment: { [OUTCOME_VARIABLE]: outcome, ...values },
      TransformInput: { DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: input } } },
      TransformOutput: { S3OutputPath: join('/', `s3://${at.bucket}/runs`, EXECUTION_ID, name) },
      TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
    },
  };
}

const containerOf = (at: Surroundings, artifact: Value, environment: Record<string, Value>): JsonObject => ({
  Image: at.imageUri,
  ModelDataUrl: artifact,
  Environment: environment,
});

export function modelStep(at: Surroundings, { name, outcome, values }: Filling, artifact: Value): JsonObject {
  const PrimaryContainer = containerOf(at, artifact, { [OUTCOME_VARIABLE]: outcome, ...values });
  return { Name: name, Type: 'Model', Arguments: { PrimaryContainer, ExecutionRoleArn: at.roleArn } };
}

export function registerStep(at: Surroundings, { name, outcome, values }: Filling, artifact: Value, random: Random): JsonObject {
  return {
    Name: name,
    Type: 'RegisterModel',
    Arguments: {
      ModelPackageGroupName: random.pick(['sim-group-a', 'sim-group-b']),
      ModelApprovalStatus: random.pick(['PendingManualApproval', 'Approved', 'Rejected']),
      InferenceSpecification: {
        Containers: [containerOf(at, artifact, { [OUTCOME_VARIABLE]: outcome, ...values })],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    },
  };
}

export function endpointConfigStep({ name }: Filling, model: Value): JsonObject {
  return {
    Name: name,
    Type: 'EndpointConfig',
    Arguments: {
      EndpointConfigName: join('-', 'sim', name, EXECUTION_ID),
      ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: model, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
    },
  };
}

export function endpointStep({ name }: Filling, endpoint: Value, config: Value): JsonObject {
  return { Name: name, Type: 'Endpoint', Arguments: { EndpointName: endpoint, EndpointConfigName: config } };
}

/** Declared outputs of a Lambda or Callback step and what it is answered with. */
export interface Answer {
  readonly outputs: readonly { readonly OutputName: string; readonly OutputType: string }[];
  readonly returns: JsonObject;
}

const argumentsOf = ({ outcome, values }: Filling, { returns }: Answer): JsonObject => ({
  [OUTCOME_MEMBER]: outcome,
  [RETURNS_MEMBER]: returns,
  ...values,
});

export function lambdaStep(at: Surroundings, filling: Filling, answer: Answer): JsonObject {
  const OutputParameters = answer.outputs.map((output) => ({ ...output }));
  const Arguments = argumentsOf(filling, answer);
  return { Name: filling.name, Type: 'Lambda', FunctionArn: at.functionArn, Arguments, OutputParameters };
}

export function callbackStep(at: Surroundings, filling: Filling, answer: Answer): JsonObject {
  const OutputParameters = answer.outputs.map((output) => ({ ...output }));
  const Arguments = argumentsOf(filling, answer);
  return { Name: filling.name, Type: 'Callback', SqsQueueUrl: at.queueUrl, Arguments, OutputParameters };
}

/** Ways in which work ends, in the shares they are drawn with. */
export interface OutcomeShares {
  /** Of work that ends badly in whatever form; 0 switches failures off. */
  readonly failing: number;
  readonly hanging: boolean;
}

export function randomOutcome(random: Random, { failing, hanging }: OutcomeShares): Outcome {
  const isBad = random.chance(failing);
  const bad: Outcome[] = [
    'fail',
    'fail',
    'oom',
    'timeout',
    'lost',
    'lost-until-attempt-2',
    'fail-until-attempt-2',
    'lost-until-attempt-3',
  ];
  const outcome = random.pick(bad);
  const hangs = random.chance(0.03);
  if (isBad) return outcome;
  return hangs && hanging ? 'hang' : 'ok';
}
