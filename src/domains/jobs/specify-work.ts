import { createHash } from 'node:crypto';
import { hostCapacity } from '../../platform/admission/admission.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import { BackendError } from '../../platform/errors/families.ts';
import { openLogStream, OWN_LINE } from '../../platform/log-streams.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import type { WorkSpec } from '../../platform/ports/work.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { JobHost } from './decide-hosts.ts';
import type { JobKind } from './job-kind.ts';
import type { JobsPorts } from './ports.ts';
import { createInputReader, hostInputs, type ResolvedChannel, resolveInputs } from './resolve-inputs.ts';
import { type AnyJobDocument, type JobFacts, logStreamOf } from './resources.ts';

/** What is common to all hosts of a job that is about to start. */
export interface JobPlan {
  readonly image: ResolvedImage;
  readonly command: readonly string[];
  readonly channels: readonly ResolvedChannel[];
  /** Of everything the channels hold, without checkpoints. */
  readonly inputsDigest: string;
}

/** Whose job it is and by whose rights it reads. */
export interface JobRights {
  readonly key: ResourceKey;
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

export async function planJob<D extends AnyJobDocument>(
  kind: JobKind<D>,
  ports: JobsPorts,
  job: D,
  { principal, origin }: JobRights,
): Promise<JobPlan | { readonly problem: string }> {
  const image = ports.runtimes.resolve(kind.image(job));
  if ('problem' in image) return { problem: `ClientError: ${image.problem}` };
  const command = kind.command(job, image);
  if ('problem' in command) return { problem: `ClientError: ${command.problem}` };
  const resolved = await resolveInputs(createInputReader({ calls: ports.calls, principal, origin }), kind.channels(job));
  if ('problem' in resolved) return resolved;
  const { channels } = resolved;
  // checkpoints change while the job runs
  const pinned = channels.filter(({ access }) => access !== 'writable');
  const inputsDigest = createHash('sha256').update(JSON.stringify(pinned)).digest('hex');
  return { image, command: command as readonly string[], channels, inputsDigest };
}

/** The work of one host. */
export async function specifyHost<D extends AnyJobDocument>(
  kind: JobKind<D>,
  ports: JobsPorts,
  job: D,
  { key, principal, origin }: JobRights,
  plan: JobPlan,
  host: JobHost,
  hosts: readonly JobHost[],
): Promise<WorkSpec> {
  const stream = { account: key.account, region: key.region, ...logStreamOf(kind.noun, job, host.name) };
  const logFile = await openLogStream(ports, principal, origin, stream);
  const facts = factsOf(kind, ports, job, plan.image);
  const names = hosts.map(({ name }) => name);
  return {
    id: host.workId,
    kind: 'job',
    hostname: host.name,
    hosts: names,
    cluster: job.workId,
    peers: hosts.filter((other) => other !== host).map(({ workId }) => workId),
    runtime: { name: plan.image.runtime },
    image: plan.image.image,
    command: plan.command,
    workingDirectory: '/', // where containers of AWS's images start; scripts unpack to `..` and look in `.`
    environment: await environmentOf(kind, ports, key, job, plan.image, host),
    files: kind.files(job, { current: host.name, all: names }),
    inputs: hostInputs(plan.channels, hosts.indexOf(host), hosts.length),
    outputs: kind.outputs(job),
    limits: {
      maxRuntimeSeconds: kind.runtimeSeconds(job),
      graceSeconds: kind.graceSeconds,
      memoryBytes: facts.limits.memoryMiB * 1024 * 1024,
      cpus: facts.limits.cpus,
    },
    network: kind.networkIsolation(job) ? 'none' : 'host',
    logFile,
    preamble: [...facts.notes, '{isolation}'].map((note) => `${OWN_LINE}${note}`),
  };
}

async function environmentOf<D extends AnyJobDocument>(
  kind: JobKind<D>,
  ports: JobsPorts,
  key: ResourceKey,
  job: D,
  image: ResolvedImage,
  host: JobHost,
): Promise<Record<string, string>> {
  const { note: _note, ...profile } = image.profile; // the log's head says it already
  const region = { AWS_REGION: key.region, AWS_DEFAULT_REGION: key.region, SAGEMAKER_REGION: key.region };
  const access = kind.networkIsolation(job)
    ? {}
    : await ports.credentials.environment({
        account: key.account,
        region: key.region,
        roleArn: job.request.RoleArn,
        workId: host.workId,
        onBehalfOf: job.arn,
      });
  return { ...region, ...access, ...kind.environment(job), SLIPWAY_IMAGE_PROFILE: JSON.stringify(profile) };
}

function factsOf<D extends AnyJobDocument>(kind: JobKind<D>, ports: JobsPorts, job: D, image: ResolvedImage): JobFacts {
  const { cpus: most, memoryMiB, note } = ports.instanceLimits(kind.instanceType(job));
  const hosts = kind.instanceCount(job);
  // threads of several hosts on the same cores would wait for each other most of the time
  const cpus = hosts === 1 ? most : Math.max(1, Math.min(most, Math.floor(hostCapacity().cpus / hosts)));
  const shared = cpus < most ? [`${hosts} hosts share the cores of this machine: ${cpus} for each`] : [];
  const about = image.profile['note'];
  return {
    framework: image.framework,
    image: image.image,
    libraries: image.actual,
    promised: image.promised,
    limits: { cpus, memoryMiB },
    notes: [...(typeof about === 'string' ? [about] : []), ...(note === undefined ? [] : [note]), ...shared],
  };
}

/** What stood behind a job that has started, for its record. */
export function factsAgain<D extends AnyJobDocument>(
  kind: JobKind<D>,
  ports: JobsPorts,
  job: D,
  isolation: string,
): JobFacts | undefined {
  if (job.facts) return { ...job.facts, isolation };
  try {
    const image = ports.runtimes.resolve(kind.image(job));
    return 'problem' in image ? undefined : { ...factsOf(kind, ports, job, image), isolation };
  } catch (error) {
    if (error instanceof BackendError) return undefined; // the runtime was removed meanwhile: the job ran all the same
    throw error;
  }
}
