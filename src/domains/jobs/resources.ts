import type {
  CreateProcessingJobRequest,
  CreateTrainingJobRequest,
  CreateTransformJobRequest,
  MetricData,
  SecondaryStatus,
  SecondaryStatusTransition,
} from '../../contract/generated/sagemaker.ts';
import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import type { PinnedContainer } from '../../platform/serving/pinned-container.ts';

const noun = (word: string, arnType: string, kind: string): ResourceDeclaration => ({
  kind,
  service: 'sagemaker',
  arnType,
  absent: { code: 'ValidationException', message: (name) => `Could not find requested job with name: ${name}` },
  exists: {
    code: 'ResourceInUse',
    message: (_name, arn) =>
      `${word} job names must be unique within an AWS account and region, and a ${word.toLowerCase()} job with this name already exists (${arn})`,
  },
});

export const TRAINING_JOB = noun('Training', 'training-job', 'TrainingJob');
export const PROCESSING_JOB = noun('Processing', 'processing-job', 'ProcessingJob');
export const TRANSFORM_JOB = noun('Transform', 'transform-job', 'TransformJob');

/** Common to the statuses of all kinds of job. */
export type JobStatus = 'InProgress' | 'Completed' | 'Failed' | 'Stopping' | 'Stopped';

export const isSettled = (status: JobStatus): boolean => status === 'Completed' || status === 'Failed' || status === 'Stopped';

/** What both kinds of job keep; `request` is the create call without its tags. */
export interface JobDocument<R> {
  readonly name: string;
  readonly arn: string;
  readonly request: R;
  readonly status: JobStatus;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  readonly failureReason?: string;
  /** Why the job does not start yet. */
  readonly waitingReason?: string;
  /** Name of the work in the backend. */
  readonly workId: string;
  /** With whom it takes turns in admission: the execution that made it, else whoever called. */
  readonly owner?: string;
  /** Which library versions stand behind the image, which limits hold, how the job was isolated. */
  readonly facts?: JobFacts;
  readonly end?: Pick<WorkEnd, 'reason' | 'exitCode'>;
  /** How often it was begun anew after a fault that was not its own. */
  readonly attempt?: number;
  /** It cannot go on for this reason; it fails with it once its hosts have ended. */
  readonly failing?: string;
  /** What the inputs of a job on several hosts were when the first was started: the others must get the same. */
  readonly inputsDigest?: string;
  /** The name of an image of this data folder with the digest it had when the job was made. */
  readonly pinnedImage?: string;
  /** The create call that made it: recognises our own write when a commit's answer was lost. */
  readonly requestId: string;
}

export interface JobFacts {
  readonly framework: string;
  readonly image: string;
  readonly libraries: Readonly<Record<string, string>>;
  readonly promised: Readonly<Record<string, string>>;
  readonly limits: { readonly cpus: number; readonly memoryMiB: number };
  /** Sentences for the log's head and status messages. */
  readonly notes: readonly string[];
  readonly isolation?: string;
}

export interface TrainingJobDocument extends JobDocument<Omit<CreateTrainingJobRequest, 'Tags'>> {
  readonly secondaryStatus: SecondaryStatus;
  readonly transitions: readonly SecondaryStatusTransition[];
  readonly modelArtifacts?: string;
  readonly metrics?: readonly MetricData[];
}

export interface ProcessingJobDocument extends JobDocument<Omit<CreateProcessingJobRequest, 'Tags'>> {
  readonly exitMessage?: string;
}

/** Jobs whose image runs to its end by itself, one work per host. */
export type AnyJobDocument = TrainingJobDocument | ProcessingJobDocument;

/** A model as it was when the job was made: no later change or deletion reaches it. */
export interface TransformModel {
  readonly arn: string;
  /** Reads inputs, writes outputs, and is what code in the model server acts by. */
  readonly roleArn: string;
  readonly networkIsolation: boolean;
  /** In the order in which they answer. */
  readonly containers: readonly PinnedContainer[];
}

export interface TransformFile {
  readonly uri: string;
  /** What its output is called, without `.out`. */
  readonly relativePath: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** A batch transform: per host a driver and the model servers that it asks. */
export interface TransformJobDocument extends JobDocument<Omit<CreateTransformJobRequest, 'Tags'>> {
  readonly model: TransformModel;
  /** What the inputs were when the first work was started; sorted by URI. */
  readonly files?: readonly TransformFile[];
}

export type AnyJobRecord = AnyJobDocument | TransformJobDocument;

/** The log group of a kind of job and the stream of one host. */
export const logStreamOf = (
  kind: 'TrainingJob' | 'ProcessingJob',
  job: { readonly name: string; readonly createdAtMs: number },
  host: string,
) => ({
  group: `/aws/sagemaker/${kind}s`,
  stream: `${job.name}/${host}-${Math.floor(job.createdAtMs / 1000)}`,
});
