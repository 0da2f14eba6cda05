import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { callJson, defaultRoleArn, getObject, invokeEndpoint, putObject } from '../client.ts';
import type { Connection } from '../connection.ts';
import { failed } from '../exit.ts';
import { openImageFile } from '../images/image-file.ts';
import { pushImage } from '../images/push-image.ts';
import { duration, type Output, shortPath } from '../output.ts';
import { pause } from '../wait.ts';
import type { Kept } from './summary.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../../examples/own-container');
const DATA = resolve(import.meta.dirname, '../../../examples/abalone/abalone.csv');
const IMAGE = { repository: 'own-container', tag: '1' };
const NAME = 'own-container';
const INSTANCE = 'ml.m5.large';
/** Every fifth abalone is kept for judging. */
const HELD_OUT = 5;
const LOOK_MS = 100;

export interface ContainerFacts {
  readonly digest: string;
  readonly trainedIn: string;
  readonly log: readonly string[];
  readonly resolvedImage: string;
  readonly rows: number;
  readonly meanSquaredError: number;
  /** Between the endpoint's answers and the batch transform's. */
  readonly largestDifference: number;
  readonly elapsed: string;
}

/** An image of one's own from its file to predictions: imported, trained, served, used for a batch. No container engine anywhere. */
export async function bringContainer(connection: Connection, output: Output, folder: string): Promise<ContainerFacts> {
  const startedMs = performance.now();
  const digest = await importImage(connection, output, folder);
  const { training, rows, labels } = readData();
  const bucket = `sagemaker-${connection.region}-${(await defaultRoleArn(connection)).split(':')[4]}`;
  await putObject(connection, bucket, `${NAME}/train/abalone.csv`, Buffer.from(training));
  await putObject(connection, bucket, `${NAME}/held-out/rows.csv`, Buffer.from(rows.join('\n')));
  const model = await train(connection, output, bucket);
  const resolvedImage = await serve(connection, output, model.artifacts);
  const answers = numbersOf(
    (await invokeEndpoint(connection, NAME, { body: Buffer.from(rows.join('\n')), contentType: 'text/csv' })).body,
  );
  output.line(`predicted  ${answers.length} held-out abalones through the endpoint`);
  const batch = await transform(connection, output, bucket);
  if (answers.length !== rows.length || batch.length !== rows.length) {
    throw failed(`${rows.length} rows were asked for; the endpoint answered ${answers.length}, the batch ${batch.length}.`);
  }
  return {
    digest,
    trainedIn: model.elapsed,
    log: model.log,
    resolvedImage,
    rows: rows.length,
    meanSquaredError: answers.reduce((sum, answer, at) => sum + (answer - (labels[at] ?? 0)) ** 2, 0) / answers.length,
    largestDifference: Math.max(...answers.map((answer, at) => Math.abs(answer - (batch[at] ?? Number.POSITIVE_INFINITY)))),
    elapsed: duration(performance.now() - startedMs),
  };
}

/** A file as `docker save` and other builders make it; here the example makes it from this machine's own Python. */
async function importImage(connection: Connection, output: Output, folder: string): Promise<string> {
  const file = join(folder, 'own-container.tar');
  output.line(`image      python3 ${shortPath(join(EXAMPLE, 'make_image.py'))} (its Dockerfile is the usual way)`);
  await promisify(execFile)('python3', [join(EXAMPLE, 'make_image.py'), file]);
  const image = await openImageFile(file, undefined);
  try {
    const digest = await pushImage(connection, image, IMAGE, () => undefined);
    output.line(`imported   ${NAME}:${IMAGE.tag}, ${image.blobs.length - 1} layers, ${digest.slice(0, 19)}…`);
    return digest;
  } finally {
    image.close();
  }
}

function readData(): { training: string; rows: string[]; labels: number[] } {
  const lines = readFileSync(DATA, 'utf8').trim().split(/\r?\n/);
  const heldOut = lines.filter((_, at) => at % HELD_OUT === 0);
  return {
    training: lines.filter((_, at) => at % HELD_OUT !== 0).join('\n'),
    rows: heldOut.map((line) => line.slice(0, line.lastIndexOf(','))), // rings last
    labels: heldOut.map((line) => Number(line.slice(line.lastIndexOf(',') + 1))),
  };
}

async function train(connection: Connection, output: Output, bucket: string) {
  const startedMs = performance.now();
  await callJson(connection, 'sagemaker:CreateTrainingJob', {
    TrainingJobName: NAME,
    AlgorithmSpecification: { TrainingImage: `${NAME}:${IMAGE.tag}`, TrainingInputMode: 'File' },
    RoleArn: await defaultRoleArn(connection),
    HyperParameters: { ridge: '0.001' },
    InputDataConfig: [
      {
        ChannelName: 'train',
        DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${bucket}/${NAME}/train/` } },
      },
    ],
    OutputDataConfig: { S3OutputPath: `s3://${bucket}/${NAME}/models` },
    ResourceConfig: { InstanceType: INSTANCE, InstanceCount: 1, VolumeSizeInGB: 1 },
    StoppingCondition: { MaxRuntimeInSeconds: 600 },
  });
  for (;;) {
    const job = await callJson(connection, 'sagemaker:DescribeTrainingJob', { TrainingJobName: NAME });
    const { TrainingJobStatus: status, FailureReason: reason, ModelArtifacts: artifacts } = job;
    if (status === 'Failed' || status === 'Stopped') throw failed(`The training job is ${status}: ${reason ?? ''}`);
    if (status === 'Completed') {
      const log = await logOf(connection);
      const elapsed = duration(performance.now() - startedMs);
      output.line(`trained    in ${elapsed}; its log:`);
      for (const line of log) output.line(`           | ${line}`);
      return { artifacts: artifacts?.S3ModelArtifacts ?? '', log, elapsed };
    }
    await pause(LOOK_MS);
  }
}

async function logOf(connection: Connection): Promise<string[]> {
  const logGroupName = '/aws/sagemaker/TrainingJobs';
  const { logStreams = [] } = await callJson(connection, 'logs:DescribeLogStreams', {
    logGroupName,
    logStreamNamePrefix: `${NAME}/`,
  });
  const logStreamName = logStreams[0]?.logStreamName ?? '';
  const { events = [] } = await callJson(connection, 'logs:GetLogEvents', { logGroupName, logStreamName, startFromHead: true });
  return events.map(({ message = '' }) => message);
}

async function serve(connection: Connection, output: Output, artifacts: string): Promise<string> {
  await callJson(connection, 'sagemaker:CreateModel', {
    ModelName: NAME,
    PrimaryContainer: { Image: `${NAME}:${IMAGE.tag}`, ModelDataUrl: artifacts },
    ExecutionRoleArn: await defaultRoleArn(connection),
  });
  await callJson(connection, 'sagemaker:CreateEndpointConfig', {
    EndpointConfigName: NAME,
    ProductionVariants: [{ VariantName: 'own', ModelName: NAME, InstanceType: INSTANCE, InitialInstanceCount: 2 }],
  });
  await callJson(connection, 'sagemaker:CreateEndpoint', { EndpointName: NAME, EndpointConfigName: NAME });
  for (;;) {
    const endpoint = await callJson(connection, 'sagemaker:DescribeEndpoint', { EndpointName: NAME });
    if (endpoint.EndpointStatus === 'Failed') throw failed(`The endpoint failed: ${endpoint.FailureReason ?? ''}`);
    if (endpoint.EndpointStatus === 'InService') {
      const resolved = endpoint.ProductionVariants?.[0]?.DeployedImages?.[0]?.ResolvedImage ?? '';
      output.line('serving    two instances, each with port 8080 of a network of its own');
      return resolved;
    }
    await pause(LOOK_MS);
  }
}

async function transform(connection: Connection, output: Output, bucket: string): Promise<number[]> {
  await callJson(connection, 'sagemaker:CreateTransformJob', {
    TransformJobName: NAME,
    ModelName: NAME,
    TransformInput: {
      DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${bucket}/${NAME}/held-out/` } },
      ContentType: 'text/csv',
      SplitType: 'Line',
    },
    TransformOutput: { S3OutputPath: `s3://${bucket}/${NAME}/batch` },
    TransformResources: { InstanceType: INSTANCE, InstanceCount: 1 },
  });
  for (;;) {
    const job = await callJson(connection, 'sagemaker:DescribeTransformJob', { TransformJobName: NAME });
    if (job.TransformJobStatus === 'Failed') throw failed(`The batch transform failed: ${job.FailureReason ?? ''}`);
    if (job.TransformJobStatus === 'Completed') {
      output.line('transform  the same rows as a batch, from S3 to S3');
      return numbersOf(await getObject(connection, bucket, `${NAME}/batch/rows.csv.out`));
    }
    await pause(LOOK_MS);
  }
}

const numbersOf = (body: Buffer): number[] => body.toString('utf8').trim().split(/\r?\n/).map(Number);

export function printContainer(output: Output, facts: ContainerFacts, kept: Kept | undefined): void {
  output.line(`\nIn ${facts.elapsed}, without a container engine`);
  output.line(`  image             ${NAME}:${IMAGE.tag} = ${facts.digest}`);
  output.line(`  trained in        ${facts.trainedIn}`);
  output.line(`  served            ${facts.resolvedImage}`);
  output.line(`  mean squared error on ${facts.rows} held-out abalones: ${facts.meanSquaredError.toFixed(3)}`);
  output.line(`  endpoint and batch transform differ by at most ${facts.largestDifference}`);
  output.line('\nWith your own image:');
  const data = kept ? ` --data ${kept.folder}` : '';
  output.line('  docker save my-image:1 -o my-image.tar     # or any tool that writes an OCI archive');
  output.line(`  npx slipway image import my-image.tar${data}`);
  if (kept) output.line(`  ${kept.page}     # the page; the link works once`);
}
