import type { Principal } from '../../platform/authorization/principal.ts';
import type { CallOrigin } from '../../platform/calls/operation.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import {
  childName,
  type FileReading,
  type Json,
  type JsonObject,
  type Scope,
  type WorkStep,
} from '../../../sdk/definition/index.ts';
import type { Evaluation, Run } from './decide-execution.ts';
import type { Selection } from './decide-selection.ts';
import type { Compiled } from './definitions.ts';
import type { ExecutionDocument, StepDocument } from './resources.ts';

/**
 * One unsettled execution as its reconciler holds it in memory: the discardable projection and what goes with it. Whatever fails, it is
 * thrown away and made again from the rows.
 */
export interface ExecutionRun extends Run {
  readonly key: ResourceKey;
  readonly incarnation: string;
  readonly compiled: Compiled;
  execution: ExecutionDocument;
  executionVersion: number;
  /** Version and ordinal of the row of each active step. */
  readonly rows: Map<number, { version: number; ordinal: number }>;
  /** Versions of the rows of `earlier` steps. */
  readonly earlierVersions: Map<number, number>;
  /** Of a selective execution. */
  readonly selection?: Selection;
  /** What looking for a result that is there already came to. */
  readonly lookedUp: Map<number, Evaluation>;
  /** Steps started so far. */
  startedCount: number;
  /** Describe documents of succeeded steps that others refer to, by name. */
  readonly documents: Map<string, JsonObject>;
  /** Files read for the decision at hand. */
  readonly files: Map<string, FileReading>;
  /** Active steps whose job must be looked at. */
  readonly changed: Set<number>;
  /** After loading: active steps of which it is not known whether what their row says was done. */
  readonly unconfirmed: Set<number>;
  /** When all active steps are looked at though nothing was told of them. */
  lookAtMs?: number;
  /** When the next attempt of a step begins. */
  retryAtMs?: number;
  principal?: Principal;
}

/** What ties the ledger entries of one step's calls together. */
export const originOf = (run: ExecutionRun, stepName: string): CallOrigin => ({
  region: run.key.region,
  requestId: `${run.execution.arn}#${stepName}`,
});

/** The step for which something is evaluated; of one that has not begun only the position is known. */
type ScopeStep = Pick<StepDocument, 'index'> & Partial<StepDocument>;

/** What the expressions of a step are evaluated over. */
export function scopeOf(run: ExecutionRun, files: ReadonlyMap<string, FileReading>, step?: ScopeStep, nowMs?: number): Scope {
  const { execution, compiled, documents } = run;
  const variables: Record<string, string> = {
    PipelineName: execution.pipelineName,
    PipelineArn: execution.pipelineArn,
    PipelineExecutionId: execution.executionId,
    PipelineExecutionArn: execution.arn,
    StartDateTime: new Date(execution.createdAtMs).toISOString(),
    CurrentDateTime: new Date(step?.startedAtMs ?? nowMs ?? execution.createdAtMs).toISOString(),
  };
  if (step?.jobName !== undefined && step.type === 'Training') variables['TrainingJobName'] = step.jobName;
  if (step?.jobName !== undefined && step.type === 'Processing') variables['ProcessingJobName'] = step.jobName;
  const iteration = step && run.progress.graph.steps[step.index]?.iteration;
  const items = iteration && itemsOf(run, iteration.forEach);
  return {
    parameters: new Map(Object.entries(execution.values)),
    declared: compiled.parameters,
    execution: variables,
    step: (name) => (iteration && documents.get(childName(name, iteration.number))) ?? documents.get(name),
    ...(items && iteration && { item: items[iteration.number] }),
    propertyFile(name, file) {
      const index = compiled.graph.indexOf.get(name);
      const producer = index === undefined ? undefined : (compiled.graph.steps[index]?.step as WorkStep | undefined);
      return producer?.PropertyFiles?.find(({ PropertyFileName }) => PropertyFileName === file);
    },
    file: (uri) => files.get(uri),
  };
}

function itemsOf({ active, earlier }: ExecutionRun, forEach: number): readonly Json[] {
  return (active.get(forEach)?.forEach?.items ?? earlier.get(forEach)?.forEach?.items ?? []) as Json[];
}
