import { lastLogLines } from '../../platform/log-streams.ts';
import type { WorkBackend, WorkEnd, WorkOutputFile } from '../../platform/ports/work.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { decideEnd } from './decide-end.ts';
import { planCapture } from './decide-transform-capture.ts';
import { type Cause, driverFailure, findCause, type TransformHostStatus } from './decide-transform-hosts.ts';
import { DRIVER_OUTPUT, outputName, TRANSFORM_LOG_GROUP, type TransformHost, transformLogStreams } from './plan-transform.ts';
import { FAILURE_FILE } from './plan-training.ts';
import type { JobsPorts } from './ports.ts';
import { publishTree, type Publisher } from './publish.ts';
import type { TransformJobDocument } from './resources.ts';

const FAILURE_BYTES_MAX = 4096;

/** Why the job failed, in words for its FailureReason; undefined when every input has its output. */
export async function transformFailure(
  ports: Pick<JobsPorts, 'backend' | 'logFiles'>,
  key: ResourceKey,
  job: TransformJobDocument,
  hosts: readonly TransformHost[],
  statuses: readonly TransformHostStatus[],
  memoryMiB: number,
): Promise<string | undefined> {
  const cause = findCause(statuses);
  const host = cause && hosts[cause.host];
  if (!cause || !host) return undefined;
  const streams = transformLogStreams(job, host);
  const lines = (stream: string) =>
    lastLogLines(ports.logFiles, { account: key.account, region: key.region, group: TRANSFORM_LOG_GROUP, stream });
  if (cause.server !== undefined) {
    const lastLines = await lines(streams.servers[cause.server] ?? '');
    return decideEnd(serverEnd(cause), { lastLines, memoryMiB, stopping: false }).failureReason;
  }
  const failureText = await ports.backend.readText(host.driver, FAILURE_FILE, FAILURE_BYTES_MAX);
  if (cause.end.reason === 'exited' && failureText) return failureText;
  return driverFailure(cause.end, { lastLines: await lines(streams.driver), memoryMiB, stopping: false });
}

/** A model server should not have ended, whatever its exit code says. */
const serverEnd = ({ end }: Cause): WorkEnd =>
  end.reason === 'exited'
    ? { ...end, exitCode: end.exitCode || 1, message: `The model server ended (exit code ${end.exitCode ?? 1}).` }
    : end;

/** Writes what there is: the outputs of inputs that succeeded, and the manifests of a captured job. A refusal comes back as its reason. */
export async function publishTransform(
  backend: Pick<WorkBackend, 'outputs'>,
  publisher: Publisher,
  job: TransformJobDocument,
  hosts: readonly TransformHost[],
  completed: boolean,
): Promise<string | undefined> {
  for (const { driver } of hosts) {
    const tree = await backend.outputs(driver, DRIVER_OUTPUT.name);
    const files = tree.files.flatMap((file) => {
      const relativePath = outputName(job, file.relativePath);
      return relativePath === undefined ? [] : [{ ...file, relativePath }];
    });
    const published = await publishTree(publisher, { files, skipped: [] }, job.request.TransformOutput.S3OutputPath);
    if ('problem' in published) return published.problem;
  }
  const destination = job.request.DataCaptureConfig?.DestinationS3Uri;
  if (destination === undefined || !completed) return undefined;
  const manifests = planCapture(job).map(({ relativePath, text }) => textFile(relativePath, text));
  const published = await publishTree(publisher, { files: manifests, skipped: [] }, destination);
  return 'problem' in published ? published.problem : undefined;
}

const textFile = (relativePath: string, text: string): WorkOutputFile => ({
  relativePath,
  sizeBytes: Buffer.byteLength(text),
  executable: false,
  modifiedAtMs: 0,
  async *open() {
    yield Buffer.from(text);
  },
});
