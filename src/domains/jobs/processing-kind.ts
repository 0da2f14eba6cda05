import { cut, REASON_CHARS_MAX } from './decide-end.ts';
import { processingChannels } from './decide-processing-request.ts';
import { workIdsOf } from './decide-hosts.ts';
import { describeProcessingJob } from './describe-jobs.ts';
import type { Collected, EndContext, JobKind, Settlement } from './job-kind.ts';
import {
  MESSAGE_FILE,
  processingCommand,
  processingEnvironment,
  processingFiles,
  processingOutputs,
  processingRuntimeSeconds,
} from './plan-processing.ts';
import { GRACE_SECONDS } from './plan-training.ts';
import { publishTree } from './publish.ts';
import { hostTexts, mergedOutputs } from './host-outputs.ts';
import { PROCESSING_JOB, type ProcessingJobDocument } from './resources.ts';

const instanceCount = ({ request }: ProcessingJobDocument): number =>
  request.ProcessingResources.ClusterConfig?.InstanceCount ?? 1;

export const PROCESSING_KIND: JobKind<ProcessingJobDocument> = {
  declaration: PROCESSING_JOB,
  noun: 'ProcessingJob',
  words: 'processing job',
  reconciler: 'processing-job',
  eventType: 'SageMaker Processing Job State Change',
  graceSeconds: GRACE_SECONDS,
  image: ({ request, pinnedImage }) => pinnedImage ?? request.AppSpecification.ImageUri,
  instanceType: ({ request }) => request.ProcessingResources.ClusterConfig?.InstanceType ?? '',
  instanceCount,
  workIds: (job) => workIdsOf(job, instanceCount(job)),
  retries: () => 0,
  networkIsolation: ({ request }) => request.NetworkConfig?.EnableNetworkIsolation === true,
  runtimeSeconds: ({ request }) => processingRuntimeSeconds(request),
  channels: ({ request }) => processingChannels(request),
  command: ({ request }, image) => processingCommand(request, image),
  environment: processingEnvironment,
  files: processingFiles,
  outputs: ({ request }) => processingOutputs(request).map(({ name, path }) => ({ name, path })),
  synced: ({ request }) => processingOutputs(request).filter(({ continuous }) => continuous),
  describe: describeProcessingJob,
  waiting: (job, reason, atMs) => ({ ...job, waitingReason: reason, modifiedAtMs: atMs }),
  restarting: (job, _reason, atMs) => ({ ...job, modifiedAtMs: atMs }),
  running: (job, { startedAtMs }) => ({ ...job, startedAtMs, modifiedAtMs: startedAtMs }),
  stopping: (job, atMs) => ({ ...job, status: 'Stopping', modifiedAtMs: atMs }),
  collect,
  settled,
};

async function collect(
  { ports, principal, origin, decision, hosts }: EndContext,
  job: ProcessingJobDocument,
): Promise<Collected<ProcessingJobDocument>> {
  const message = await hostTexts(ports.backend, hosts, MESSAGE_FILE, REASON_CHARS_MAX);
  let problem: string | undefined;
  for (const { name, uri, continuous } of processingOutputs(job.request)) {
    // outputs at the end of the job exist only when it ended well; a continuous one has been written by the last pass
    if (decision.status !== 'Completed' || continuous) continue;
    const tree = await mergedOutputs(ports.backend, hosts, name);
    const published = await publishTree({ calls: ports.calls, principal, origin }, tree, uri);
    if ('problem' in published) problem ??= published.problem;
  }
  // U+FFFD stands for bytes that are no UTF-8; a character cut at the limit does not count
  if (message?.slice(0, -1).includes('�')) problem ??= `ClientError: ${MESSAGE_FILE} is not UTF-8 text.`;
  return { members: message ? { exitMessage: cut(message, REASON_CHARS_MAX) } : {}, ...(problem !== undefined && { problem }) };
}

function settled(
  job: ProcessingJobDocument,
  settlement: Settlement,
  collected: Partial<ProcessingJobDocument>,
): ProcessingJobDocument {
  const { status, atMs, startedAtMs = job.startedAtMs, failureReason, timedOut } = settlement;
  const reason =
    failureReason ?? (timedOut ? 'ClientError: The job ran longer than MaxRuntimeInSeconds allows and was stopped.' : undefined);
  return {
    ...job,
    ...collected,
    status,
    modifiedAtMs: atMs,
    ...(startedAtMs !== undefined && { startedAtMs }),
    endedAtMs: atMs,
    ...(reason !== undefined && { failureReason: reason }),
    ...(settlement.facts && { facts: settlement.facts }),
    ...(settlement.end && { end: settlement.end }),
  };
}
