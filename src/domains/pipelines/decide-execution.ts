import type {
  ForEachSelectorResult,
  ForEachStepMetadata,
  PipelineExecutionStepMetadata,
} from '../../contract/generated/sagemaker.ts';
import type { Json, JsonObject } from '../../platform/json.ts';
import { type GraphStep, nth, type RetryException } from '../../../sdk/definition/index.ts';
import { countsOf, isOver } from './decide-for-each.ts';
import type { Iterations, Progress, Queue } from './decide-progress.ts';
import {
  addIterations,
  begin,
  fail,
  failedSteps,
  isAnswered,
  isExhausted,
  needsWork,
  nextOf,
  openIterations,
  slotsTaken,
  succeed,
} from './decide-progress.ts';
import { decideRetry, isFaultOfCall, type Retry } from './decide-retry.ts';
import type { ExecutionDocument, StepCacheKey, StepDocument } from './resources.ts';

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
      /** What retry policies call it; absent for failures that none covers. */
      readonly exception?: RetryException;
    }
  /** Its job was stopped, or never existed when a stop was asked. */
  | { readonly kind: 'stopped'; readonly step: number; readonly reason: string };

/** What to do after the commit; every effect may be repeated. */
export type Effect =
  | { readonly kind: 'start'; readonly step: number; readonly jobName: string }
  | { readonly kind: 'stop'; readonly step: number; readonly jobName: string }
  /** Read the files a Condition or Fail step needs, then decide again. */
  | { readonly kind: 'read'; readonly uris: readonly string[] }
  /** Look whether there is a result that the step can take, then decide again. */
  | { readonly kind: 'look-up'; readonly step: number };

/** What a step comes to that may need no job. */
export type Evaluation =
  | { readonly outcome: boolean }
  | { readonly message: string }
  | { readonly problem: string }
  | { readonly files: readonly string[] }
  /** Of a ForEach step. */
  | { readonly items: readonly Json[]; readonly concurrency: number }
  | { readonly taken: TakenResult }
  /** There is no result to take; `cache` is where this one's will be kept. */
  | { readonly work: true; readonly cache?: StepCacheKey }
  | { readonly unknown: true };

/** The result of a step in an earlier execution. */
export type TakenResult = Pick<StepDocument, 'metadata' | 'properties' | 'outcome' | 'takenFrom'>;

/** An execution as its reconciler knows it. `progress` and `active` are moved on by deciding; discard them when the commit fails. */
export interface Run {
  readonly progress: Progress;
  /** Documents of the steps that are not settled. */
  readonly active: Map<number, StepDocument>;
  /** The first few failures, for the execution's FailureReason. */
  readonly failures: string[];
  /** Active steps that wait for their next attempt. */
  readonly retrying: Set<number>;
  /** Steps that failed or were stopped before the execution was retried, as they stood then. */
  readonly earlier: Map<number, StepDocument>;
  /** Keys under which results of steps that may start will be kept. */
  readonly cacheKeys: Map<number, StepCacheKey>;
}

/** An execution of which nothing is active. */
export const createRun = (progress: Progress): Run => ({
  progress,
  active: new Map(),
  failures: [],
  retrying: new Set(),
  earlier: new Map(),
  cacheKeys: new Map(),
});

export interface Situation {
  readonly execution: Pick<ExecutionDocument, 'status' | 'maxParallelSteps' | 'round'>;
  readonly run: Run;
  readonly observations: readonly Observation[];
  readonly nowMs: number;
  evaluate(step: GraphStep, index: number): Evaluation;
  /** What the children of a ForEach step come to; `counts` has their numbers and the step's status so far. */
  conclude?(index: number, counts: ForEachStepMetadata): Conclusion;
  /** `serial`: which job of this step it names, from 1. */
  jobName(step: GraphStep, serial: number): string;
}

/** The result of a ForEach step; `problem` fails it. */
export interface Conclusion {
  readonly properties: JsonObject;
  readonly selector?: ForEachSelectorResult;
  readonly problem?: string;
}

export interface StepChange {
  readonly index: number;
  /** Undefined for a step that starts. */
  readonly before: StepDocument | undefined;
  readonly after: StepDocument;
}

type EndStatus = 'Succeeded' | 'CompletedWithFailures' | 'Failed' | 'Stopped';

export interface Decision {
  readonly steps: readonly StepChange[];
  /** The execution is settled. */
  readonly ended?: { readonly status: EndStatus; readonly failureReason?: string };
  readonly effects: readonly Effect[];
  /** When a step is to be tried again. */
  readonly retryAtMs?: number;
}

/** Of StepFailureReason and of the execution's, in the API model. */
const STEP_REASON_MAX = 1024;
const EXECUTION_REASON_MAX = 1300;
const FAILURES_KEPT = 5;
/** Results that are taken are copied: a wide pipeline takes them in commits of some megabytes. */
const LOOK_UPS_AT_ONCE = 200;

interface Deciding extends Situation {
  readonly changes: Map<number, StepChange>;
  readonly effects: Effect[];
  lookUps: number;
}

/** Decides to a fixpoint: everything that follows from the observations without looking at the world again. */
export function decideExecution(situation: Situation): Decision {
  const deciding: Deciding = { ...situation, changes: new Map(), effects: [], lookUps: 0 };
  const stopping = situation.execution.status === 'Stopping';
  for (const observation of situation.observations) applyObservation(deciding, observation, stopping);
  if (stopping) stopActive(deciding);
  else {
    startRetries(deciding);
    startReady(deciding);
  }
  const { run } = deciding;
  const over = stopping ? run.progress.active.size === 0 : isExhausted(run.progress);
  return {
    steps: [...deciding.changes.values()],
    ended: over ? endOf(run, stopping) : undefined,
    // one found Stopping after a restart may have been seen to have ended in the same look
    effects: deciding.effects.filter((effect) => effect.kind !== 'stop' || run.active.has(effect.step)),
    retryAtMs: nextRetryMs(run),
  };
}

function nextRetryMs({ retrying, active }: Run): number | undefined {
  const times = [...retrying].map((index) => active.get(index)?.retryAtMs ?? 0);
  return times.length === 0 ? undefined : Math.min(...times);
}

function endOf(run: Run, stopping: boolean): NonNullable<Decision['ended']> {
  if (stopping) return { status: 'Stopped' };
  if (run.failures.length === 0) return { status: 'Succeeded' };
  const text = `Step failure: One or multiple steps failed. ${run.failures.join(' ')}`;
  // what failed was expected to: other steps ran because of it
  const answered = failedSteps(run.progress).every((step) => isAnswered(run.progress, step));
  return { status: answered ? 'CompletedWithFailures' : 'Failed', failureReason: shorten(text, EXECUTION_REASON_MAX) };
}

function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3)}...`;
}

function change(deciding: Deciding, index: number, members: Partial<StepDocument>): void {
  const now = deciding.run.active.get(index);
  const before = now ?? deciding.run.earlier.get(index);
  const step = nth(deciding.run.progress.graph.steps, index);
  const after: StepDocument = { ...(now ?? newDocument(deciding, step, index)), ...members };
  const known = deciding.changes.get(index);
  deciding.changes.set(index, { index, before: known ? known.before : before, after });
  deciding.run.active.set(index, after);
}

function newDocument({ run, execution, nowMs }: Deciding, step: GraphStep, index: number): StepDocument {
  const serial = run.earlier.get(index)?.serial;
  return {
    stepName: step.name,
    index,
    type: step.type,
    status: 'Starting',
    ...(step.step.DisplayName ? { displayName: step.step.DisplayName } : {}),
    ...(step.step.Description ? { description: step.step.Description } : {}),
    startedAtMs: nowMs,
    attemptCount: 1,
    ...(execution.round !== undefined && { round: execution.round }),
    ...(serial !== undefined && { serial }),
  };
}

function settle(deciding: Deciding, index: number, members: Partial<StepDocument>): void {
  change(deciding, index, { ...members, endedAtMs: deciding.nowMs, retryAtMs: undefined });
  deciding.run.active.delete(index);
  deciding.run.retrying.delete(index);
}

function failStep(deciding: Deciding, index: number, reason: string, members: Partial<StepDocument> = {}): void {
  const { run } = deciding;
  settle(deciding, index, { status: 'Failed', failureReason: shorten(reason, STEP_REASON_MAX), ...members });
  const name = nth(run.progress.graph.steps, index).name;
  if (run.failures.length < FAILURES_KEPT) run.failures.push(describeFailure(name, reason));
  fail(run.progress, index, { status: 'Failed', wasStopped: members.wasStopped });
  closeAround(deciding, index);
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
      else if (document.status === 'Starting' && document.retryAtMs === undefined && !stopping)
        effects.push({ kind: 'start', step: index, jobName });
      break;
    }
    case 'started':
      if (document.status === 'Starting') change(deciding, index, { status: 'Executing', metadata });
      else if (!document.metadata) change(deciding, index, { metadata });
      break;
    case 'succeeded':
      settle(deciding, index, { status: 'Succeeded', metadata, properties: observation.document });
      succeed(run.progress, index);
      closeAround(deciding, index);
      break;
    case 'failed': {
      const retry = stopping ? undefined : retryOf(deciding, document, observation.exception);
      if (retry) retryStep(deciding, document, observation, retry);
      else failStep(deciding, index, observation.reason, metadata ? { metadata } : {});
      break;
    }
    case 'stopped':
      if (stopping) {
        settle(deciding, index, { status: 'Stopped' });
        fail(run.progress, index, { status: 'Stopped' });
        closeAround(deciding, index);
      } else failStep(deciding, index, observation.reason, { wasStopped: true });
  }
}

function retryOf(deciding: Deciding, document: StepDocument, exception: RetryException | undefined): Retry | undefined {
  if (exception === undefined) return undefined;
  const { step } = nth(deciding.run.progress.graph.steps, document.index);
  const { retries = {}, startedAtMs } = document;
  return decideRetry(step, exception, { retries, startedAtMs }, deciding.nowMs);
}

/** What failed has a name that is taken, so the next job gets a new one; a call that did not get through is made again as it was. */
function retryStep(
  deciding: Deciding,
  document: StepDocument,
  { reason, exception }: Extract<Observation, { kind: 'failed' }>,
  { atMs, retries }: Retry,
): void {
  const { index } = document;
  const isSameJob = exception !== undefined && isFaultOfCall(exception);
  const serial = (document.serial ?? 1) + (isSameJob ? 0 : 1);
  change(deciding, index, {
    status: 'Starting',
    attemptCount: document.attemptCount + 1,
    retries: { ...retries },
    retryAtMs: atMs,
    retryReason: shorten(reason, STEP_REASON_MAX),
    metadata: undefined,
    ...(!isSameJob && { serial, jobName: deciding.jobName(nth(deciding.run.progress.graph.steps, index), serial) }),
  });
  deciding.run.retrying.add(index);
}

/** Begins the attempts whose time has come. */
function startRetries(deciding: Deciding): void {
  const { run, nowMs } = deciding;
  for (const index of run.retrying) {
    const { retryAtMs = 0, jobName = '' } = run.active.get(index) ?? {};
    if (retryAtMs > nowMs) continue;
    run.retrying.delete(index);
    change(deciding, index, { retryAtMs: undefined });
    deciding.effects.push({ kind: 'start', step: index, jobName });
  }
}

/** Running jobs are stopped; a step still `Starting` may have a job already, so it is stopped like the others. */
function stopActive(deciding: Deciding): void {
  for (const [index, document] of deciding.run.active) {
    if (document.status === 'Stopping') continue;
    change(deciding, index, { status: 'Stopping', retryAtMs: undefined });
    deciding.run.retrying.delete(index);
    if (!document.forEach) deciding.effects.push({ kind: 'stop', step: index, jobName: document.jobName ?? '' });
  }
  for (const forEach of deciding.run.progress.iterations.keys()) closeIterations(deciding, forEach);
}

/** Starts what may start: Conditions first, since they take no slot and may release steps that do. */
function startReady(deciding: Deciding): void {
  const { run, execution } = deciding;
  const { progress } = run;
  const { instant, ready } = progress;
  const waiting: number[] = [];
  for (let index = nextOf(progress, instant); index !== undefined; index = nextOf(progress, instant)) {
    instant.head++;
    if (!decideAtOnce(deciding, index, nth(progress.graph.steps, index))) waiting.push(index);
  }
  instant.steps.push(...waiting);
  const most = execution.maxParallelSteps ?? Number.POSITIVE_INFINITY;
  startFrom(deciding, ready, () => slotsTaken(progress) < most);
  for (const [forEach, iterations] of progress.iterations) {
    const concurrency = run.active.get(forEach)?.forEach?.concurrency ?? 0; // of one that is over, nothing starts
    startFrom(deciding, iterations.ready, () => iterations.running < concurrency && slotsTaken(progress) < most);
  }
}

function startFrom(deciding: Deciding, queue: Queue, hasRoom: () => boolean): void {
  const { run, effects } = deciding;
  const { progress } = run;
  for (let index = nextOf(progress, queue); index !== undefined && hasRoom(); index = nextOf(progress, queue)) {
    const earlier = run.earlier.get(index);
    const serial = earlier ? (earlier.serial ?? 1) + 1 : 1;
    const jobName = deciding.jobName(nth(progress.graph.steps, index), serial);
    const cache = run.cacheKeys.get(index);
    run.cacheKeys.delete(index);
    begin(progress, index);
    change(deciding, index, { status: 'Starting', jobName, ...(serial > 1 && { serial }), ...(cache && { cache }) });
    effects.push({ kind: 'start', step: index, jobName });
  }
}

/** A ForEach step begins: its children take their places, or take them again. */
function beginIterations(deciding: Deciding, index: number, items: readonly Json[], concurrency: number): void {
  const { run } = deciding;
  const { progress } = run;
  const known = run.earlier.get(index)?.forEach;
  const iterations = progress.iterations.get(index) ?? addIterations(progress, index, items.length);
  const forEach = known ? { ...known, concurrency } : { items: [...items], base: iterations.base, concurrency };
  begin(progress, index);
  const metadata = { ForEach: countsOf(forEach.items.length, iterations) };
  change(deciding, index, { status: 'Executing', forEach, metadata });
  openIterations(progress, index);
  closeIterations(deciding, index);
}

/** What the end of a child means for the ForEach step that made it. */
function closeAround(deciding: Deciding, child: number): void {
  const forEach = deciding.run.progress.graph.steps[child]?.iteration?.forEach;
  if (forEach !== undefined) closeIterations(deciding, forEach);
}

/** Settles a ForEach step whose children are through. */
function closeIterations(deciding: Deciding, index: number): void {
  const { run, execution } = deciding;
  const { progress } = run;
  const stopping = execution.status === 'Stopping';
  const iterations = progress.iterations.get(index);
  const known = run.active.get(index)?.forEach;
  if (!iterations || !known || !isOver(iterations, stopping)) return;
  const Status = stopping ? 'Stopped' : iterations.failed + iterations.stopped > 0 ? 'Failed' : 'Succeeded';
  const counts = { ...countsOf(known.items.length, iterations), Status } as const;
  const { properties, selector, problem } = deciding.conclude?.(index, counts) ?? { properties: {} };
  const ForEach = {
    ...counts,
    ...(problem !== undefined && { Status: 'Failed' as const }),
    ...(selector && { Selector: selector }),
  };
  const members = { metadata: { ForEach }, properties };
  if (problem !== undefined) {
    failStep(deciding, index, `ClientError: ${problem}`, members);
    return;
  }
  settle(deciding, index, { status: Status, ...members, ...(Status === 'Failed' && { failureReason: failureOf(iterations) }) });
  if (Status === 'Succeeded') succeed(progress, index);
  else fail(progress, index, { status: Status });
}

const failureOf = ({ failed, stopped, total }: Iterations): string =>
  `${failed + stopped} of ${total} steps of the iterations failed.`;

/**
 * Condition and Fail steps take no time and need no job, nor do steps whose result is there already. False when something must be read
 * first.
 */
function decideAtOnce(deciding: Deciding, index: number, step: GraphStep): boolean {
  const { progress } = deciding.run;
  const evaluation = deciding.evaluate(step, index);
  if ('files' in evaluation) {
    deciding.effects.push({ kind: 'read', uris: evaluation.files });
    return false;
  }
  if ('unknown' in evaluation) {
    if (deciding.lookUps++ < LOOK_UPS_AT_ONCE) deciding.effects.push({ kind: 'look-up', step: index });
    return false;
  }
  if ('work' in evaluation) {
    if (evaluation.cache) deciding.run.cacheKeys.set(index, evaluation.cache);
    needsWork(progress, index);
    return true;
  }
  if ('items' in evaluation) {
    beginIterations(deciding, index, evaluation.items, evaluation.concurrency);
    return true;
  }
  begin(progress, index);
  if ('taken' in evaluation) {
    settle(deciding, index, { status: 'Succeeded', ...evaluation.taken });
    succeed(progress, index, evaluation.taken.outcome);
    closeAround(deciding, index);
    return true;
  }
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
