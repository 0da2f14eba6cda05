import type { Principal } from '../../platform/authorization/principal.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { ResolvedImage } from '../../platform/ports/runtime.ts';
import type { WorkEnd, WorkOutput } from '../../platform/ports/work.ts';
import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { ChannelRequest } from './decide-channel.ts';
import type { JobHost } from './decide-hosts.ts';
import type { EndDecision } from './decide-end.ts';
import type { SyncedOutput } from './synced-outputs.ts';
import type { JobsPorts } from './ports.ts';
import type { AnyJobDocument, AnyJobRecord, JobFacts, JobStatus } from './resources.ts';

/** What the records of all kinds of job differ in: names, events, what describe says. */
export interface JobRecordKind<D extends AnyJobRecord = AnyJobRecord> {
  readonly declaration: ResourceDeclaration;
  readonly noun: 'TrainingJob' | 'ProcessingJob' | 'TransformJob';
  /** For messages, e.g. `training job`. */
  readonly words: string;
  /** Name of the reconciler, and prefix of work ids. */
  readonly reconciler: string;
  readonly eventType: string;
  describe(job: D): object;
  stopping(job: D, atMs: number): D;
  /** Of all hosts and attempts; the document's own `workId` when not given. */
  workIds?(job: D): readonly string[];
  /** Of kinds that run one image. */
  image?(job: D): string;
  /** Digests of content that the record keeps alive. */
  blobs?(job: D): readonly string[];
}

/** What differs between training and processing; everything else is one reconciler. */
export interface JobKind<D extends AnyJobDocument = AnyJobDocument> extends JobRecordKind<D> {
  readonly noun: 'TrainingJob' | 'ProcessingJob';
  workIds(job: D): readonly string[];
  readonly graceSeconds: number;
  image(job: D): string;
  instanceType(job: D): string;
  instanceCount(job: D): number;
  /** How often a job that failed for no fault of its own is begun anew. */
  retries(job: D): number;
  networkIsolation(job: D): boolean;
  runtimeSeconds(job: D): number;
  channels(job: D): readonly ChannelRequest[];
  command(job: D, image: ResolvedImage): readonly string[] | { readonly problem: string };
  environment(job: D): Record<string, string>;
  files(job: D, hosts: HostNames): { path: string; text: string }[];
  outputs(job: D): readonly WorkOutput[];
  /** Those of the outputs that are kept in S3 while the job runs. */
  synced(job: D): readonly SyncedOutput[];
  /** The job waits; `reason` is for users. */
  waiting(job: D, reason: string, atMs: number): D;
  /** It is begun anew for `reason`, as if it had never started. */
  restarting(job: D, reason: string, atMs: number): D;
  running(job: D, started: Started): D;
  /** Shows that outputs are being written, where the API has a status for it. */
  uploading?(job: D, atMs: number): D;
  /** Writes the outputs and gathers what the job left. */
  collect(context: EndContext, job: D): Promise<Collected<D>>;
  settled(job: D, settlement: Settlement, collected: Partial<D>): D;
}

/** A host's own name, and all names sorted. */
export interface HostNames {
  readonly current: string;
  readonly all: readonly string[];
}

export interface Started {
  /** When its files began to be put in place, as far as this process knows. */
  readonly stagedAtMs: number;
  readonly startedAtMs: number;
}

export interface EndContext {
  readonly ports: JobsPorts;
  readonly principal: Principal;
  readonly origin: CallOrigin;
  readonly hosts: readonly JobHost[];
  readonly logStreams: readonly LogStreamName[];
  readonly end: WorkEnd;
  readonly decision: EndDecision;
  /** Says to users that outputs are being written; for uploads that take a while. */
  uploading(): Promise<void>;
}

export interface Collected<D> {
  readonly members: Partial<D>;
  /** Outputs were refused by S3: the job fails for that. */
  readonly problem?: string;
}

export interface Settlement {
  readonly status: Extract<JobStatus, 'Completed' | 'Failed' | 'Stopped'>;
  readonly failureReason?: string;
  readonly timedOut: boolean;
  /** The moment the process ended; undefined when none ran. */
  readonly workEndedAtMs?: number;
  readonly startedAtMs?: number;
  readonly atMs: number;
  readonly facts?: JobFacts;
  readonly end?: Pick<WorkEnd, 'reason' | 'exitCode'>;
}
