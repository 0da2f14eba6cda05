import type {
  ExecutionMode,
  ExecutionType,
  PipelineDeclaration,
  PipelineExecutionStatus,
  RetryTrigger,
  SourceRevisionOverride,
  StageExecutionStatus,
  TriggerType,
} from '../../contract/generated/codepipeline.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { Write } from '../../platform/store/port.ts';
import { writeOf } from '../../platform/store/typed-rows.ts';
import type { Watched } from './decide-sources.ts';

export const DELIVERY_PIPELINE: ResourceDeclaration = {
  kind: 'CodePipeline',
  service: 'codepipeline',
  arnType: '',
  absent: {
    code: 'PipelineNotFoundException',
    message: (name, arn) => `Account '${arn.split(':')[4]}' does not have a pipeline with name '${name}'`,
  },
  exists: {
    code: 'PipelineNameInUseException',
    message: (name, arn) => `A pipeline with the name '${name}' already exists in account '${arn.split(':')[4]}'`,
  },
};

export const DELIVERY_WEBHOOK: ResourceDeclaration = {
  kind: 'CodePipelineWebhook',
  service: 'codepipeline',
  arnType: 'webhook',
  arnSeparator: ':',
  absent: { code: 'WebhookNotFoundException', message: (name) => `The webhook ${name} was not found.` },
  exists: { code: 'ConflictException', message: (name) => `A webhook with the name ${name} exists already.` },
};

/** A transition into a stage that somebody disabled, or enabled again. */
type StoredTransition = { enabled: boolean; reason?: string; by: string; atMs: number };

export type PipelineDocument = {
  name: string;
  arn: string;
  /** The structure as it was given, with defaults filled and its version. */
  declaration: PipelineDeclaration;
  version: number;
  /** Its structure came from code in a job: what it does has no more rights than the job. */
  restricted?: boolean;
  createdAtMs: number;
  updatedAtMs: number;
};

/** What each version looked like: an execution keeps to the one it was started with. */
export type VersionDocument = { declaration: PipelineDeclaration };

/** Who is in a stage and who waits before it. Of executions that take turns; parallel ones are in no line. */
export type StageLine = {
  /** Has the stage to itself. */
  holder?: string;
  /** The newest that was in it, for retries and for what GetPipelineState shows. */
  latest?: string;
  /** The newest standard execution that got through it: what an automatic rollback goes back to. */
  succeeded?: string;
  /** First come, first served, but those first that go back to an earlier execution. */
  waiting: { executionId: string; number: number; goesBack?: true }[];
};
export type LineDocument = {
  stages: { [stage: string]: StageLine };
  /** Into stages, by name; a stage that is not here is open. */
  transitions: { [stage: string]: StoredTransition };
  /** Executions started so far: their order. */
  started: number;
};

export type ArtifactRecord = { name: string; bucket: string; key: string };

type RevisionRecord = {
  name: string;
  revisionId: string;
  revisionSummary?: string;
  revisionUrl?: string;
  createdAtMs?: number;
};

type ActionStatus = 'InProgress' | 'Succeeded' | 'Failed' | 'Abandoned';

/** One attempt at an action. */
export type ActionRecord = {
  /** The action execution id. */
  id: string;
  stage: string;
  name: string;
  attempt: number;
  status: ActionStatus;
  /** Whether what it asks of others is known to have been asked; until then asking is repeated. */
  begun: boolean;
  startedAtMs: number;
  updatedAtMs: number;
  deadlineMs: number;
  updatedBy?: string;
  summary?: string;
  token?: string;
  percentComplete?: number;
  externalExecutionId?: string;
  externalExecutionUrl?: string;
  error?: { code: string; message: string };
  /** The configuration with variables resolved, set when it starts. */
  configuration?: { [key: string]: string };
  inputs?: ArtifactRecord[];
  outputs?: ArtifactRecord[];
  outputVariables?: { [key: string]: string };
  revision?: RevisionRecord;
  /** What the kind of action keeps for itself between looks. */
  kept?: JsonObject;
  /** Begun anew at this time: a function that gave a continuation token. */
  againAtMs?: number;
};

export type StageRecord = {
  name: string;
  status?: StageExecutionStatus;
  /** Counts every time the stage is tried, from 1. */
  attempt: number;
  autoRetries: number;
  manualRetries: number;
  latestRetryTrigger?: RetryTrigger;
  startedAtMs?: number;
};

export type ExecutionDocument = {
  pipelineName: string;
  pipelineArn: string;
  executionId: string;
  /** Which execution of its pipeline this is, from 1. */
  number: number;
  version: number;
  mode: ExecutionMode;
  type: ExecutionType;
  rollbackTarget?: string;
  status: PipelineExecutionStatus;
  statusSummary?: string;
  trigger: { type: TriggerType; detail: string };
  variables: { name: string; value: string }[];
  overrides: SourceRevisionOverride[];
  /** Of source actions whose trigger is meant for several branches: the one that was pushed to. */
  branches?: { [action: string]: string };
  requestDigest?: string;
  /** The pipeline is, or code in a job started it. */
  restricted?: boolean;
  stop?: { abandon: boolean; reason?: string };
  /** Index of the stage it is in or before. */
  stage: number;
  /** `arriving`: about to stand in line before the stage; `waiting`: stands there; `inside`: is in it. */
  place: 'arriving' | 'waiting' | 'inside';
  stages: StageRecord[];
  /** The newest attempts at actions. */
  actions: ActionRecord[];
  /** Attempts that a retry replaced. */
  earlier: ActionRecord[];
  /** Outputs and variables of the execution that a rollback goes back to. */
  inherited: ActionRecord[];
  attempt: number;
  createdAtMs: number;
  modifiedAtMs: number;
};

/** A source that is watched for a pipeline. Index: `parent` is the place that is watched. */
export type SourceDocument = {
  pipelineName: string;
  incarnation: string;
  watched: Watched;
  /** The execution whose own look at the source is what later changes are compared with. */
  baseline?: string;
  /** By branch, or under "" for an object: the newest revision that was taken up. Absent until the first look. */
  heads?: { [ref: string]: string };
};

/** A job that a function (or another worker) answers; key: the job's id. */
export type JobDocument = { executionKey: string; actionId: string; serial: number; status: 'open' | 'Succeeded' | 'Failed' };

export const SOURCE_KIND = 'CodePipelineSource';
export const EXECUTION_KIND = 'CodePipelineExecution';
export const VERSION_KIND = 'CodePipelineVersion';
export const JOB_KIND = 'CodePipelineJob';

export const EXECUTION_RECONCILER = 'delivery-execution';
export const SOURCE_RECONCILER = 'delivery-source';
export const REMAINS_RECONCILER = 'delivery-remains';

export const UNSETTLED: ReadonlySet<PipelineExecutionStatus> = new Set(['InProgress', 'Stopping']);

/** Whether an answer still counts: what ran out of time has failed, also before anybody looked. */
export const isOpen = ({ status, deadlineMs }: ActionRecord, nowMs: number): boolean =>
  status === 'InProgress' && nowMs < deadlineMs;

export const isUnsettled = ({ status }: Pick<ExecutionDocument, 'status'>): boolean => UNSETTLED.has(status);

/** A pipeline made anew under an old name must not inherit the executions of the old one. */
export const incarnationOf = (pipeline: Pick<PipelineDocument, 'name' | 'createdAtMs'>): string =>
  `${pipeline.name}@${pipeline.createdAtMs}`;

const plainKey = ({ account, region }: Place, kind: string, name: string): ResourceKey => ({ account, region, kind, name });

export const pipelineKey = (place: Place, name: string): ResourceKey => keyOf(DELIVERY_PIPELINE, place, name);
export const pipelineArn = (place: Place, name: string): string => arnOf(DELIVERY_PIPELINE, place, name);
export const webhookKey = (place: Place, name: string): ResourceKey => keyOf(DELIVERY_WEBHOOK, place, name);
export const webhookArn = (place: Place, name: string): string => arnOf(DELIVERY_WEBHOOK, place, name);
export const versionKey = (place: Place, incarnation: string, version: number): ResourceKey =>
  plainKey(place, VERSION_KIND, `${incarnation}/${version}`);
export const lineKey = (place: Place, incarnation: string): ResourceKey => plainKey(place, 'CodePipelineLine', incarnation);
export const executionKey = (place: Place, incarnation: string, executionId: string): ResourceKey =>
  plainKey(place, EXECUTION_KIND, `${incarnation}/${executionId}`);
export const jobKey = (place: Place, jobId: string): ResourceKey => plainKey(place, JOB_KIND, jobId);
/** What a source is watched at: `git/<repository>` or `s3/<bucket>/<key>`. */
export const sourcePlaceKey = (place: Place, watchedPlace: string): ResourceKey =>
  plainKey(place, 'CodePipelineSourcePlace', watchedPlace);
export const sourceKey = (place: Place, incarnation: string, action: string): ResourceKey =>
  plainKey(place, SOURCE_KIND, `${incarnation}/${action}`);
export const remainsKey = (place: Place, incarnation: string): ResourceKey => plainKey(place, 'CodePipelineRemains', incarnation);

/** The incarnation in the key of an execution. */
export const incarnationIn = (execution: ResourceKey): string => execution.name.slice(0, execution.name.lastIndexOf('/'));

/** Columns: `parent` the pipeline's incarnation, `status` the execution's, `facet` while it is unsettled, `ordinal` its number. */
export const executionWrite = (key: ResourceKey, document: ExecutionDocument): Write =>
  writeOf(key, document, {
    parent: incarnationIn(key),
    status: document.status,
    ...(isUnsettled(document) && { facet: 'unsettled' }),
    createdAtMs: document.createdAtMs,
    modifiedAtMs: document.modifiedAtMs,
    ordinal: document.number,
  });

export const pipelineWrite = (place: Place, document: PipelineDocument): Write =>
  writeOf(pipelineKey(place, document.name), document, { createdAtMs: document.createdAtMs, modifiedAtMs: document.updatedAtMs });

export const stageArn = (arn: string, stage: string): string => `${arn}/${stage}`;
export const actionArn = (arn: string, stage: string, action: string): string => `${arn}/${stage}/${action}`;
