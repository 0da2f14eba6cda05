import type {
  PipelineExecutionStatus,
  PipelineExecutionStepMetadata,
  StepStatus,
  UserContext,
} from '../../contract/generated/sagemaker.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import type { Json, JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { RowIndex } from '../../platform/store/port.ts';
import type { ParameterValue, StepType } from '../../../sdk/definition/index.ts';

export const PIPELINE: ResourceDeclaration = {
  kind: 'Pipeline',
  service: 'sagemaker',
  arnType: 'pipeline',
  caseInsensitive: true,
  absent: { code: 'ResourceNotFound', message: (_name, arn) => `Pipeline '${arn}' does not exist.` },
  exists: {
    code: 'ValidationException',
    message: (name) =>
      `Pipeline names must be unique within an AWS account and region. Pipeline with name (${name}) already exists.`,
  },
};

/** Named `<pipeline>/execution/<id>`, which is also what its ARN says after `pipeline/`. */
export const PIPELINE_EXECUTION: ResourceDeclaration = {
  kind: 'PipelineExecution',
  service: 'sagemaker',
  arnType: 'pipeline',
  caseInsensitive: true,
  absent: { code: 'ResourceNotFound', message: (_name, arn) => `Pipeline execution '${arn}' does not exist.` },
  exists: { code: 'ConflictException', message: (_name, arn) => `Pipeline execution '${arn}' already exists.` },
};

export type PipelineDocument = {
  name: string;
  arn: string;
  displayName?: string;
  description?: string;
  roleArn: string;
  /** SHA-256 of the definition's text; the text is the row `PipelineDefinition/<digest>`. */
  definitionDigest: string;
  /** PipelineVersionId of the definition: 1, and one more with each update that changes it. */
  versionId: number;
  maxParallelSteps?: number;
  /** Idempotency token of CreatePipeline. */
  createToken: string;
  /** SHA-256 of that request; pipelines of earlier stores have none. */
  createDigest?: string;
  createdAtMs: number;
  modifiedAtMs: number;
  lastRunAtMs?: number;
  createdBy: UserContext;
  modifiedBy: UserContext;
};

export type VersionDocument = {
  versionId: number;
  definitionDigest: string;
  displayName?: string;
  description?: string;
  createdAtMs: number;
};

export type DefinitionDocument = {
  text: string;
  /** Every version with this text refers to the row. Not so in rows of earlier stores: who uses them is not known, so they stay. */
  referred?: true;
};

export type ExecutionDocument = {
  pipelineName: string;
  pipelineArn: string;
  executionId: string;
  arn: string;
  versionId: number;
  definitionDigest: string;
  status: PipelineExecutionStatus;
  failureReason?: string;
  displayName?: string;
  description?: string;
  /** As given, or the default as text; what ListPipelineParametersForExecution answers. */
  parameters: { Name: string; Value: string }[];
  /** The same values, typed. */
  values: Record<string, ParameterValue>;
  roleArn: string;
  maxParallelSteps?: number;
  /** Who started it: approval rights are asked of this principal, not of the pipeline's role. */
  startedBy: Principal;
  /** SHA-256 of the request, so that its token cannot start something else. */
  requestDigest: string;
  /** How often the execution was retried; steps that did not succeed in an earlier round run again. */
  round?: number;
  /** Only these steps run; what they wait for is taken from the source execution, or from the one that `older` names for it. */
  selective?: { sourceArn?: string; steps: string[]; older?: Record<string, string> };
  /** Inputs count by their content in the cache's keys (tag `slipway:cache` of the pipeline when it started). */
  cacheMode?: 'content';
  createdAtMs: number;
  modifiedAtMs: number;
  createdBy: UserContext;
  modifiedBy: UserContext;
};

/** Of a ForEach step: its items, and the position of its first child among the steps. */
export type ForEachItems = { items: Json[]; base: number; concurrency: number };

export type StepDocument = {
  stepName: string;
  /** Position in the definition's document order; children of ForEach steps stand behind it. */
  index: number;
  type: StepType;
  status: StepStatus;
  displayName?: string;
  description?: string;
  startedAtMs: number;
  endedAtMs?: number;
  attemptCount: number;
  failureReason?: string;
  metadata?: PipelineExecutionStepMetadata;
  /** Name of what the step makes; deterministic. */
  jobName?: string;
  /** Which job of the step `jobName` names; 1 when absent. */
  serial?: number;
  /** Of the execution when the step started. */
  round?: number;
  /** Retries made, by the position of their policy. */
  retries?: Record<string, number>;
  /** When the next attempt begins. */
  retryAtMs?: number;
  /** Why there was another attempt. */
  retryReason?: string;
  /** Where the step's result will be kept for later executions. */
  cache?: StepCacheKey;
  /** The execution whose result this is, and why it was taken. */
  takenFrom?: { by: 'cache' | 'selection'; executionArn: string };
  /** Which branch a Condition took. */
  outcome?: boolean;
  forEach?: ForEachItems;
  /** Failed since somebody else stopped its job. */
  wasStopped?: true;
  /** The Describe response of what the step made: property references are paths into it. */
  properties?: JsonObject;
};

/** Digests of what a step was asked. */
export type StepCacheKey = {
  /** SHA-256 of the attributes that count. */
  digest: string;
  /** In content mode: SHA-256 over the objects, by URI. */
  content?: Record<string, string>;
};

/** The newest result of a step for one key, kept for later executions of the pipeline. */
export type StepCacheDocument = {
  executionArn: string;
  stepName: string;
  endedAtMs: number;
  metadata?: PipelineExecutionStepMetadata;
  properties?: JsonObject;
};

/** A pipeline made anew under an old name must not inherit the executions of the old one. */
export const incarnationOf = (pipeline: Pick<PipelineDocument, 'name' | 'createdAtMs'>): string =>
  `${pipeline.name.toLowerCase()}@${pipeline.createdAtMs}`;

export const pipelineKey = (place: Place, name: string): ResourceKey => keyOf(PIPELINE, place, name);

export const executionName = (pipelineName: string, executionId: string): string => `${pipelineName}/execution/${executionId}`;

export const executionKey = (place: Place, pipelineName: string, executionId: string): ResourceKey =>
  keyOf(PIPELINE_EXECUTION, place, executionName(pipelineName, executionId));

export const definitionKey = (place: Place, digest: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'PipelineDefinition',
  name: digest,
});

export const versionKey = (
  place: Place,
  pipeline: Pick<PipelineDocument, 'name' | 'createdAtMs'>,
  versionId: number,
): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'PipelineVersion',
  name: `${incarnationOf(pipeline)}/${versionId}`,
});

export const stepKey = (execution: ResourceKey, stepName: string): ResourceKey => ({
  account: execution.account,
  region: execution.region,
  kind: 'PipelineExecutionStep',
  name: `${execution.name}/${stepName}`,
});

/** Looked up by step and key of one pipeline; columns: `parent` the pipeline's incarnation. */
export const stepCacheKey = (place: Place, incarnation: string, stepName: string, digest: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'PipelineStepCache',
  name: `${incarnation}/${stepName}/${digest}`,
});

/** What is left to remove of a deleted pipeline: its executions, their steps and its versions. */
export const remainsKey = (place: Place, pipeline: Pick<PipelineDocument, 'name' | 'createdAtMs'>): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'PipelineRemains',
  name: incarnationOf(pipeline),
});

export const EXECUTION_RECONCILER = 'pipeline-execution';
export const REMAINS_RECONCILER = 'pipeline-remains';

export const UNSETTLED: ReadonlySet<PipelineExecutionStatus> = new Set(['Executing', 'Stopping']);

/** Columns: `parent` the pipeline's incarnation, `status` the execution's. */
export const executionIndex = (document: ExecutionDocument, incarnation: string): RowIndex => ({
  parent: incarnation,
  status: document.status,
  createdAtMs: document.createdAtMs,
  modifiedAtMs: document.modifiedAtMs,
});

/**
 * Columns: `parent` the execution, `ordinal` which step of it this was to start, from 1, `status` that of a Fail step, which is looked for.
 * Nothing else of a step is in an index: what changes with every step an execution makes costs its part of every commit.
 */
export const stepIndex = (document: StepDocument, execution: ResourceKey, ordinal: number): RowIndex => ({
  parent: execution.name,
  ...(document.type === 'Fail' && { status: document.status }),
  createdAtMs: document.startedAtMs,
  modifiedAtMs: document.startedAtMs,
  ordinal,
});
