import {
  type Act,
  cluster,
  describeProcessing,
  describeTraining,
  fact,
  hasStarted,
  IMAGE,
  json,
  objectsBelow,
  processingInput,
  processingJob,
  processingOutput,
  putObject,
  shell,
  starts,
  URI,
} from './act.ts';
import { sagemaker } from './call.ts';
import type { Witness } from './witness.ts';
import { ROLE } from './workload.ts';

const PROCESSING = '/aws/sagemaker/ProcessingJobs';
const TRAINING = '/aws/sagemaker/TrainingJobs';
const TRANSFORM = '/aws/sagemaker/TransformJobs';

const isOver = (status: string) => !['InProgress', 'Stopping', 'Pending'].includes(status);

async function createProcessing(client: Witness, label: string, script: string, more: object = {}): Promise<void> {
  const holds = { ProcessingJobName: label };
  await client.change(
    sagemaker('CreateProcessingJob', processingJob(label, script, more)),
    fact(`job ${label}`, describeProcessing(label), holds),
  );
}

const processingEnd = (client: Witness, label: string) =>
  client.until(describeProcessing(label), ({ json: job }) => isOver(job.ProcessingJobStatus));

async function lookAtProcessing(client: Witness, label: string) {
  return {
    job: await json(client.ask(describeProcessing(label))),
    starts: await starts(client, PROCESSING, `${label}/`),
    outputs: await objectsBelow(client, `acts/${label}/`),
  };
}

export const processing: Act = {
  name: 'processing',
  async play(client, label) {
    await putObject(client, `acts/${label}/in`, 'rows of the input\n'.repeat(50));
    await createProcessing(
      client,
      label,
      'cp /opt/ml/processing/in/in /opt/ml/processing/out/copy; echo more > /opt/ml/processing/out/more',
      {
        ProcessingInputs: [processingInput('in', `${URI}/acts/${label}/in`)],
        ProcessingOutputConfig: { Outputs: [processingOutput('out', `${URI}/acts/${label}/out`)] },
        Tags: [{ Key: 'act', Value: 'processing' }],
      },
    );
    await processingEnd(client, label);
  },
  look: lookAtProcessing,
};

export const failing: Act = {
  name: 'failing',
  async play(client, label) {
    await createProcessing(client, label, 'echo it went wrong; exit 3');
    await processingEnd(client, label);
  },
  look: lookAtProcessing,
};

export const stopped: Act = {
  name: 'stopped',
  async play(client, label) {
    await createProcessing(client, label, 'exec sleep 600');
    await hasStarted(client, PROCESSING, `${label}/`);
    const stop = sagemaker('StopProcessingJob', { ProcessingJobName: label });
    await client.change(stop, fact(`stop ${label}`, describeProcessing(label)));
    await processingEnd(client, label);
  },
  look: lookAtProcessing,
};

export const training: Act = {
  name: 'training',
  async play(client, label) {
    await putObject(client, `acts/${label}/in/rows`, 'rows of the input\n'.repeat(50));
    const script =
      'echo "quality=0.75;"; cp /opt/ml/input/data/train/rows /opt/ml/model/model; echo kept > /opt/ml/checkpoints/c';
    const channel = { S3DataType: 'S3Prefix', S3DataDistributionType: 'FullyReplicated', S3Uri: `${URI}/acts/${label}/in/` };
    const request = {
      TrainingJobName: label,
      RoleArn: ROLE,
      AlgorithmSpecification: {
        TrainingImage: IMAGE,
        TrainingInputMode: 'File',
        ContainerEntrypoint: shell(script).entrypoint,
        MetricDefinitions: [{ Name: 'quality', Regex: 'quality=([0-9.]+);' }],
      },
      InputDataConfig: [{ ChannelName: 'train', DataSource: { S3DataSource: channel } }],
      OutputDataConfig: { S3OutputPath: `${URI}/acts/${label}/out` },
      CheckpointConfig: { S3Uri: `${URI}/acts/${label}/checkpoints` },
      StoppingCondition: { MaxRuntimeInSeconds: 600 },
      ResourceConfig: { ...cluster, InstanceCount: 2 },
    };
    await client.change(sagemaker('CreateTrainingJob', request), fact(`job ${label}`, describeTraining(label)));
    await client.until(describeTraining(label), ({ json: job }) => isOver(job.TrainingJobStatus));
  },
  async look(client, label) {
    const { json: job } = await client.ask(describeTraining(label));
    // whether it had to wait for cores depends on what else ran
    const isWait = ({ Status }: { Status: string }) => Status === 'Pending';
    return {
      job: {
        ...job,
        SecondaryStatusTransitions: job.SecondaryStatusTransitions.filter((one: { Status: string }) => !isWait(one)),
      },
      starts: await starts(client, TRAINING, `${label}/`),
      outputs: Object.keys(await objectsBelow(client, `acts/${label}/`)),
    };
  },
};

export const transform: Act = {
  name: 'transform',
  heavy: true,
  async play(client, label) {
    await putObject(client, `acts/${label}/in/rows.csv`, 'a\nb\n');
    const describe = sagemaker('DescribeTransformJob', { TransformJobName: label });
    const source = { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `${URI}/acts/${label}/in/` } };
    const request = {
      TransformJobName: label,
      ModelName: 'first',
      TransformInput: { DataSource: source, ContentType: 'text/csv' },
      TransformOutput: { S3OutputPath: `${URI}/acts/${label}/out` },
      TransformResources: { InstanceCount: 1, InstanceType: 'ml.m5.large' },
    };
    await client.change(sagemaker('CreateTransformJob', request), fact(`job ${label}`, describe));
    await client.until(describe, ({ json: job }) => isOver(job.TransformJobStatus));
  },
  async look(client, label) {
    return {
      job: await json(client.ask(sagemaker('DescribeTransformJob', { TransformJobName: label }))),
      streams: Object.keys(await starts(client, TRANSFORM, `${label}/`)).length,
      outputs: await objectsBelow(client, `acts/${label}/`),
    };
  },
};
