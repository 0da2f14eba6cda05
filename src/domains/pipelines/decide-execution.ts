import type { PipelineExecutionStepMetadata } from '../../contract/generated/sagemaker.ts';
import type { JsonObject } from '../../platform/json.ts';
import { type GraphStep, nth } from '../../../sdk/definition/index.ts';
import type { Progress } from './decide-progress.ts';
import { begin, fail, isExhausted, nextOf, succeed } from './decide-progress.ts';
import type { ExecutionDocument, StepDocument } from './resources.ts';

/** What was seen of a step since the last decision: answers of calls and descriptions of jobs. */
export type Observation =
  /** After a restart: the row says that something was asked, not whether it was done. */
  | { readonly kind: 'unconfirmed'; readonly step: number }
  | { readonly kind: 'started'; readonly step: number; readonly metadata: PipelineExecutionStepMetadata }
  | {
      readonly kind: 'succeeded';
      readonly step: number;
      readonly document: JsonObject;
      readonly metadata: PipelineExecutionStepMetadata;
    }
  | {
      readonly kind: 'failed';
      readonly step: number;
      readonly reason: string;
      readonly metadata?: PipelineExecutionStepMetadata;
    }
  /** Its job was stopped, or never existed when a stop was asked. */
  | { readonly kind: 'stopped'; readonly step: number; readonly reason: string };

/** What to do after the commit; every effect may be repeated. */
export type Effect =
  | { readonly kind: 'start'; readonly step: number; readonly jobName: string }
  | { readonly kind: 'stop'; readonly step: number; readonly jobName: string }
  /** Read the files a Condition or Fail step needs, then decide again. */
  | { readonly kind: 'read'; readonly uris: readonly string[] };

/** What a Condition or Fail step comes to. */
export type Evaluation =
  | { readonly outcome: boolean }
  | { readonly message: string }
  | { readonly problem: string }
  | { readonly files: readonly string[] };

/** An execution as its reconciler knows it. `progress` and `active` are moved on by deciding; discard them when the commit fails. */
export interface Run {
  readonly progress: Progress;
  /** Documents of the steps that are not settled. */
  readonly active: Map<number, StepDocument>;
  /** The first few failures, for the execution's FailureReason. */
  readonly failures: string[];
}

export interface Situation {
  readonly execution: Pick<ExecutionDocument, 'status' | 'maxParallelSteps'>;
  readonly run: Run;
  readonly observations: readonly Observation[];
  readonly nowMs: number;
  evaluate(step: GraphStep): Evaluation;
  jobName(step: GraphStep): string;
}

export interface StepChange {
  readonly index: number;
  /** Undefined for a step that starts. */
  readonly before: StepDocument | undefined;
  readonly after: StepDocument;
}

export interface Decision {
  readonly steps: readonly StepChange[];
  /** The execution is settled. */
  readonly ended?: { readonly status: 'Succeeded' | 'Failed' | 'Stopped'; readonly failureReason?: string };
  readonly effects: readonly Effect[];
}

/** Of StepFailureReason and of the execution's, in the API model. */
const STEP_REASON_MAX = 1024;
const EXECUTION_REASON_MAX = 1300;
const FAILURES_KEPT = 5;

interface Deciding extends Situation {
  readonly changes: Map<number, StepChange>;
  readonly effects: Effect[];
}

/** Decides to a fixpoint: everything that follows from the observations without looking at the world again. */
export function decideExecution(situation: Situation): Decision {
  const deciding: Deciding = { ...situation, changes: new Map(), effects: [] };
  const stopping = situation.execution.status === 'Stopping';
  for (const observation of situation.observations) applyObservation(deciding, observation, stopping);
  if (stopping) stopActive(deciding);
  else startReady(deciding);
  const { run } = deciding;
  const over = stopping ? run.progress.active.size === 0 : isExhausted(run.progress);
  return {
    steps: [...deciding.changes.values()],
    ended: over ? endOf(run, stopping) : undefined,
    effects: deciding.effects,
  };
}

function endOf(run: Run, stopping: boolean): NonNullable<Decision['ended']> {
  if (stopping) return { status: 'Stopped' };
  if (run.failures.length === 0) return { status: 'Succeeded' };
  const text = `Step failure: One or multiple steps failed. ${run.failures.join(' ')}`;
  return { status: 'Failed', failureReason: shorten(text, EXECUTION_REASON_MAX) };
}

function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3)}...`;
}

function change(deciding: Deciding, index: number, members: Partial<StepDocument>): void {
  const before = deciding.changes.get(index)?.before ?? deciding.run.active.get(index);
  const now = deciding.run.active.get(index);
  const step = nth(deciding.run.progress.graph.steps, index);
  const after: StepDocument = { ...(now ?? newDocument(step, index, deciding.nowMs)), ...members };
  const known = deciding.changes.get(index);
  deciding.changes.set(index, { index, before: known ? known.before : before, after });
  deciding.run.active.set(index, after);
}

function newDocument(step: GraphStep, index: number, nowMs: number): StepDocument {
  return {
    stepName: step.name,
    index,
    type: step.type,
    status: 'Starting',
    ...(step.step.DisplayName ? { displayName: step.step.DisplayName } : {}),
    ...(step.step.Description ? { description: step.step.Description } : {}),
    startedAtMs: nowMs,
    attemptCount: 1,
  };
}

function settle(deciding: Deciding, index: number, members: Partial<StepDocument>): void {
  change(deciding, index, { ...members, endedAtMs: deciding.nowMs });
  deciding.run.active.delete(index);
}

function failStep(deciding: Deciding, index: number, reason: string, members: Partial<StepDocument> = {}): void {
  const { run } = deciding;
  settle(deciding, index, { status: 'Failed', failureReason: shorten(reason, STEP_REASON_MAX), ...members });
  const name = nth(run.progress.graph.steps, index).name;
  if (run.failures.length < FAILURES_KEPT) run.failures.push(describeFailure(name, reason));
  fail(run.progress, index);
}

/** How a step's failure reads in the execution's FailureReason. */
export function describeFailure(stepName: string, reason: string | undefined): string {
  return `Step '${stepName}': ${reason ?? 'failed without a reason.'}`;
}

function applyObservation(deciding: Deciding, observation: Observation, stopping: boolean): void {
  const { run, effects } = deciding;
  const index = observation.step;
  const document = run.active.get(index);
  if (!document) return; // settled meanwhile
  const { metadata } = observation as { metadata?: PipelineExecutionStepMetadata };
  switch (observation.kind) {
    case 'unconfirmed': {
      const jobName = document.jobName ?? '';
      if (document.status === 'Stopping') effects.push({ kind: 'stop', step: index, jobName });
      else if (document.status === 'Starting' && !stopping) effects.push({ kind: 'start', step: index, jobName });
      break;
    }
    case 'started':
      if (document.status === 'Starting') change(deciding, index, { status: 'Executing', metadata });
      else if (!document.metadata) change(deciding, index, { metadata });
      break;
    case 'succeeded':
      settle(deciding, index, { status: 'Succeeded', metadata, properties: observation.document });
      succeed(run.progress, index);
      break;
    case 'failed':
      failStep(deciding, index, observation.reason, metadata ? { metadata } : {});
      break;
    case 'stopped':
      if (stopping) {
        settle(deciding, index, { status: 'Stopped' });
        fail(run.progress, index);
      } else failStep(deciding, index, observation.reason);
  }
}

/** Running jobs are stopped; a step still `Starting` may have a job already, so it is stopped like the others. */
function stopActive(deciding: Deciding): void {
  for (const [index, document] of deciding.run.active) {
    if (document.status === 'Stopping') continue;
    change(deciding, index, { status: 'Stopping' });
    deciding.effects.push({ kind: 'stop', step: index, jobName: document.jobName ?? '' });
  }
}

/** Starts what may start: Conditions first, since they take no slot and may release steps that do. */
function startReady(deciding: Deciding): void {
  const { run, execution, effects } = deciding;
  const { progress } = run;
  const { instant, ready } = progress;
  const waiting: number[] = [];
  for (let index = nextOf(progress, instant); index !== undefined; index = nextOf(progress, instant)) {
    instant.head++;
    if (!decideAtOnce(deciding, index, nth(progress.graph.steps, index))) waiting.push(index);
  }
  instant.steps.push(...waiting);
  const most = execution.maxParallelSteps ?? Number.POSITIVE_INFINITY;
  for (let index = nextOf(progress, ready); index !== undefined && progress.active.size < most; index = nextOf(progress, ready)) {
    const jobName = deciding.jobName(nth(progress.graph.steps, index));
    begin(progress, index);
    change(deciding, index, { status: 'Starting', jobName });
    effects.push({ kind: 'start', step: index, jobName });
  }
}

/** Condition and Fail steps take no time and need no job. False when a file must be read first. */
function decideAtOnce(deciding: Deciding, index: number, step: GraphStep): boolean {
  const { progress } = deciding.run;
  const evaluation = deciding.evaluate(step);
  if ('files' in evaluation) {
    deciding.effects.push({ kind: 'read', uris: evaluation.files });
    return false;
  }
  begin(progress, index);
  if ('problem' in evaluation) failStep(deciding, index, evaluation.problem);
  else if ('message' in evaluation) {
    failStep(deciding, index, evaluation.message, { metadata: { Fail: { ErrorMessage: evaluation.message } } });
  } else {
    const metadata = { Condition: { Outcome: evaluation.outcome ? 'True' : 'False' } } as const;
    settle(deciding, index, { status: 'Succeeded', metadata, outcome: evaluation.outcome });
    succeed(progress, index, evaluation.outcome);
  }
  return true;
}
