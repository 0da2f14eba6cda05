import type { SecondaryStatus } from '../../contract/generated/sagemaker.ts';
import type { WorkOutputTree } from '../../platform/ports/work.ts';
import { MetricScan } from './decide-metrics.ts';
import { mergedOutputs } from './host-outputs.ts';
import { trainingChannels } from './decide-training-request.ts';
import { workIdsOf } from './decide-hosts.ts';
import { describeTrainingJob } from './describe-jobs.ts';
import type { Collected, EndContext, JobKind, Settlement, Started } from './job-kind.ts';
import {
  artifactUris,
  DATA_OUTPUT,
  GRACE_SECONDS,
  isBuiltInXgboost,
  MODEL_OUTPUT,
  syncedOutputs,
  trainingCommand,
  trainingEnvironment,
  trainingFiles,
  trainingRuntimeSeconds,
} from './plan-training.ts';
import { publishArchive, publishTree, type Published } from './publish.ts';
import { TRAINING_JOB, type TrainingJobDocument } from './resources.ts';
import { closed, withTransition } from './transitions.ts';
import { scanLog } from './scan-log.ts';

const instanceCount = ({ request }: TrainingJobDocument): number => request.ResourceConfig?.InstanceCount ?? 1;

export const TRAINING_KIND: JobKind<TrainingJobDocument> = {
  declaration: TRAINING_JOB,
  noun: 'TrainingJob',
  words: 'training job',
  reconciler: 'training-job',
  eventType: 'SageMaker Training Job State Change',
  graceSeconds: GRACE_SECONDS,
  image: ({ request, pinnedImage }) => pinnedImage ?? request.AlgorithmSpecification?.TrainingImage ?? '',
  instanceType: ({ request }) => request.ResourceConfig?.InstanceType ?? '',
  instanceCount,
  workIds: (job) => workIdsOf(job, instanceCount(job)),
  retries: ({ request }) => request.RetryStrategy?.MaximumRetryAttempts ?? 0,
  networkIsolation: ({ request }) => request.EnableNetworkIsolation === true,
  runtimeSeconds: ({ request }) => trainingRuntimeSeconds(request),
  channels: ({ request }) => trainingChannels(request),
  command: ({ request }, image) => trainingCommand(request, image),
  environment: trainingEnvironment,
  files: trainingFiles,
  outputs: (job) => [MODEL_OUTPUT, DATA_OUTPUT, ...syncedOutputs(job).map(({ name, path }) => ({ name, path }))],
  synced: syncedOutputs,
  describe: describeTrainingJob,
  waiting: (job, reason, atMs) => ({ ...moved(job, 'Pending', atMs, reason), waitingReason: reason }),
  restarting: (job, reason, atMs) => moved(job, 'Restarting', atMs, reason),
  running,
  stopping: (job, atMs) => ({ ...moved(job, 'Stopping', atMs, 'Stopping the training job'), status: 'Stopping' }),
  uploading: (job, atMs) => moved(job, 'Uploading', atMs, 'Uploading generated training model'),
  collect,
  settled,
};

function moved(job: TrainingJobDocument, status: SecondaryStatus, atMs: number, message: string): TrainingJobDocument {
  return {
    ...job,
    secondaryStatus: status,
    transitions: withTransition(job.transitions, status, atMs, message),
    modifiedAtMs: atMs,
  };
}

function running(job: TrainingJobDocument, { stagedAtMs, startedAtMs }: Started): TrainingJobDocument {
  const notes = [...(job.facts?.notes ?? []), ...(job.facts?.isolation ? [`isolation: ${job.facts.isolation}`] : [])].join('; ');
  const staged = moved(job, 'Downloading', stagedAtMs, 'Downloading input data');
  const started = moved(staged, 'Training', startedAtMs, `Training job in progress${notes ? ` (${notes})` : ''}`);
  // a stop asked for while it started stays on top
  return job.status === 'Stopping'
    ? { ...moved(started, 'Stopping', startedAtMs, 'Stopping the training job'), startedAtMs }
    : { ...started, startedAtMs };
}

/** From this size on users are told that the upload goes on. */
const SLOW_UPLOAD_BYTES = 8 * 1024 * 1024;

async function collect(context: EndContext, job: TrainingJobDocument): Promise<Collected<TrainingJobDocument>> {
  const { ports, hosts, logStreams, decision } = context;
  const definitions = job.request.AlgorithmSpecification?.MetricDefinitions ?? [];
  const builtIn = isBuiltInXgboost(job.request, job.facts?.framework);
  const scan = new MetricScan(definitions, builtIn);
  for (const logStream of logStreams) await scanLog(ports.logFiles, logStream, scan, ports.clock);
  const model = await mergedOutputs(ports.backend, hosts, MODEL_OUTPUT.name);
  const data = await mergedOutputs(ports.backend, hosts, DATA_OUTPUT.name);
  const uris = artifactUris(job);
  if (sizeOf(model) + sizeOf(data) > SLOW_UPLOAD_BYTES) await context.uploading();
  const results: Published[] = [];
  // a failed job leaves no model; what it wrote for reading is kept in any case
  if (decision.status !== 'Failed') results.push(await publish(context, job, model, uris.model));
  if (data.files.length > 0) results.push(await publish(context, job, data, uris.data));
  const refused = results.find((result) => 'problem' in result);
  return {
    members: { metrics: scan.results(), ...(decision.status !== 'Failed' && { modelArtifacts: uris.model }) },
    ...(refused && 'problem' in refused && { problem: refused.problem }),
  };
}

function publish(
  { ports, principal, origin }: EndContext,
  job: TrainingJobDocument,
  tree: WorkOutputTree,
  uri: string,
): Promise<Published> {
  const publisher = { calls: ports.calls, principal, origin };
  return job.request.OutputDataConfig.CompressionType === 'NONE'
    ? publishTree(publisher, tree, uri)
    : publishArchive(publisher, tree, uri, ports.archive);
}

const sizeOf = ({ files }: WorkOutputTree): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

function settled(
  before: TrainingJobDocument,
  settlement: Settlement,
  collected: Partial<TrainingJobDocument>,
): TrainingJobDocument {
  const { status, timedOut, atMs, startedAtMs, workEndedAtMs, failureReason, facts } = settlement;
  const job = { ...before, ...(facts && { facts }) };
  const began =
    startedAtMs !== undefined && job.startedAtMs === undefined ? running(job, { stagedAtMs: startedAtMs, startedAtMs }) : job;
  const uploaded =
    workEndedAtMs !== undefined && status !== 'Failed'
      ? moved(began, 'Uploading', workEndedAtMs, 'Uploading generated training model')
      : began;
  const last: SecondaryStatus = timedOut ? 'MaxRuntimeExceeded' : status;
  const ended = moved(uploaded, last, atMs, failureReason ?? LAST_MESSAGES[last] ?? '');
  return {
    ...ended,
    ...collected,
    status,
    transitions: closed(ended.transitions, atMs),
    endedAtMs: atMs,
    ...(failureReason !== undefined && { failureReason }),
    ...(settlement.end && { end: settlement.end }),
  };
}

const LAST_MESSAGES: Readonly<Partial<Record<SecondaryStatus, string>>> = {
  Completed: 'Training job completed',
  Stopped: 'Training job stopped',
  MaxRuntimeExceeded: 'Training job runtime exceeded MaxRuntimeInSeconds provided',
};
