import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import type { Reconciler, ReconcileResult } from '../../platform/reconcile/port.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Write } from '../../platform/store/port.ts';
import { readRow, writeOf } from '../../platform/store/typed-rows.ts';
import type { GraphStep, JsonObject } from '../../../sdk/definition/index.ts';
import { resolve, resolveConditions } from '../../../sdk/definition/index.ts';
import {
  type Decision,
  decideExecution,
  type Effect,
  type Evaluation,
  type Observation,
  type StepChange,
} from './decide-execution.ts';
import { jobName } from './decide-names.ts';
import { type Definitions, digestOf } from './definitions.ts';
import { conclude, evaluateItems } from './iterate.ts';
import { keepDocument, loadRun } from './load-run.ts';
import { isContentUnchanged, lookUp } from './look-up.ts';
import type { PipelinePorts } from './ports.ts';
import { readJsonFile } from './read-files.ts';
import {
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionIndex,
  type StepCacheDocument,
  stepCacheKey,
  type StepDocument,
  stepIndex,
  stepKey,
} from './resources.ts';
import { type ExecutionRun, originOf, scopeOf } from './run.ts';
import { lookAtStep, startStep, stopStep } from './steps/perform.ts';
import { STEP_KINDS } from './steps/table.ts';
import { principalOf } from './steps/work.ts';
import { executionEntry, executionEvent, stepEntry, stepEvent } from './transitions.ts';
import type { Watch } from './watch.ts';

/** Effects of one decision that are under way at the same time. */
const EFFECTS_AT_ONCE = 16;
/** Jobs wake their execution; should a wake-up be lost by any mistake, this look finds it. */
const LOOK_AGAIN_MS = 5 * 60_000;
/** A step whose time is over and that has not ended by it is looked at no more often than this. */
const LOOK_SOON_MS = 1_000;

/** Moves executions on until they are settled. */
export function executionReconciler(ports: PipelinePorts, definitions: Definitions, watch: Watch): Reconciler {
  const runs = new Map<string, ExecutionRun>();
  return {
    name: EXECUTION_RECONCILER,
    async reconcile(key): Promise<ReconcileResult> {
      const id = keyText(key);
      const known = runs.get(id);
      runs.delete(id); // kept only when all went well: whatever interrupts, the rows tell how far it was
      const run = known && (await isCurrent(ports, known)) ? known : await load(ports, definitions, watch, key);
      if (run) lookWhereDue(run, ports.clock.now());
      const waiting = run && (await moveOn(ports, definitions, watch, run));
      if (!waiting) return watch.forget(key);
      runs.set(id, waiting);
      return { retryAtMs: nextLookMs(waiting, ports.clock.now()) };
    },
  };
}

/** Steps whose time is over are looked at though nothing was told of them, and now and then all are. */
function lookWhereDue(run: ExecutionRun, nowMs: number): void {
  const all = run.lookAtMs !== undefined && run.lookAtMs <= nowMs;
  for (const [index, document] of run.active) {
    if (!document.forEach && (all || deadlineOf(document) <= nowMs)) run.changed.add(index);
  }
  if (all) run.lookAtMs = undefined;
}

function nextLookMs(run: ExecutionRun, nowMs: number): number {
  run.lookAtMs ??= nowMs + LOOK_AGAIN_MS;
  let dueMs = Math.min(run.lookAtMs, run.retryAtMs ?? Number.POSITIVE_INFINITY);
  for (const document of run.active.values()) {
    const deadlineMs = deadlineOf(document);
    dueMs = Math.min(dueMs, deadlineMs > nowMs ? deadlineMs : nowMs + LOOK_SOON_MS);
  }
  return dueMs;
}

const deadlineOf = (document: StepDocument): number =>
  STEP_KINDS[document.type]?.deadlineMs?.(document) ?? Number.POSITIVE_INFINITY;

/** Whether nobody but us wrote the execution; a stop or an update asks for a new look at everything. */
async function isCurrent(ports: PipelinePorts, run: ExecutionRun): Promise<boolean> {
  const row = await readRow<ExecutionDocument>(ports.store, run.key);
  return row?.version === run.executionVersion;
}

async function load(
  ports: PipelinePorts,
  definitions: Definitions,
  watch: Watch,
  key: ResourceKey,
): Promise<ExecutionRun | undefined> {
  const run = await loadRun(ports.store, definitions, key);
  for (const [index, document] of run?.active ?? []) {
    const id = run && awaitedId(run, document);
    if (id !== undefined) watch.add(id, key, index);
  }
  return run;
}

/** Under which id the end of what a step made will be told. */
function awaitedId(run: ExecutionRun, { type, index, jobName: name }: StepDocument): string | undefined {
  return name === undefined ? undefined : STEP_KINDS[type]?.end?.idOf(run, index, name);
}

/** Decides, commits and acts until there is nothing to do but wait. Undefined when the execution is settled. */
async function moveOn(
  ports: PipelinePorts,
  definitions: Definitions,
  watch: Watch,
  first: ExecutionRun,
): Promise<ExecutionRun | undefined> {
  let run: ExecutionRun = first;
  let seen: Observation[] = [];
  for (;;) {
    seen.push(...unconfirmed(run, seen), ...(await lookAround(ports, run, watch, seen)));
    for (const observation of seen) {
      if (observation.kind !== 'succeeded') continue;
      keepDocument(run, observation.step, observation.document as JsonObject);
      await confirmContent(ports, run, observation.step);
    }
    const decision = decide(ports, run, seen);
    if (!decision.effects.some(({ kind }) => kind === 'read')) run.files.clear();
    if (!(await commit(ports, watch, run, decision))) {
      // somebody else wrote the execution: decide anew on it; what was seen of the steps stays true
      const again = await load(ports, definitions, watch, run.key);
      if (!again) return undefined;
      run = again;
      continue;
    }
    if (decision.ended) return undefined;
    seen = await performAll(ports, watch, run, decision.effects);
    if (seen.length > 0 || decision.effects.some(({ kind }) => kind === 'read' || kind === 'look-up')) continue;
    if (lookable(run).length > 0) continue;
    run.retryAtMs = decision.retryAtMs;
    return run;
  }
}

/** In content mode a result is kept only for inputs that did not change while the step may have been reading them. */
async function confirmContent(ports: PipelinePorts, run: ExecutionRun, step: number): Promise<void> {
  const document = run.active.get(step);
  if (!document?.cache?.content || (await isContentUnchanged(ports, run, document))) return;
  const { cache: _let, ...rest } = document;
  run.active.set(step, rest);
}

function unconfirmed(run: ExecutionRun, seen: readonly Observation[]): Observation[] {
  const steps = [...run.unconfirmed].filter((step) => !seen.some((observation) => observation.step === step));
  run.unconfirmed.clear();
  return steps.map((step) => ({ kind: 'unconfirmed', step }));
}

/** What ended before its start was recorded is looked at once it is. */
const lookable = ({ changed, active }: ExecutionRun): number[] =>
  [...changed].filter((step) => active.has(step) && active.get(step)?.status !== 'Starting');

const isEnd = ({ kind }: Observation): boolean => kind === 'succeeded' || kind === 'failed' || kind === 'stopped';

/** Looks at the jobs that may have ended, and were not seen since the last commit: a failure that is seen twice counts twice. */
async function lookAround(
  ports: PipelinePorts,
  run: ExecutionRun,
  watch: Watch,
  seen: readonly Observation[],
): Promise<Observation[]> {
  for (const step of watch.take(run.key)) run.changed.add(step);
  const steps = lookable(run).filter((step) => !seen.some((observation) => observation.step === step && isEnd(observation)));
  for (const step of run.changed) if (run.active.get(step)?.status !== 'Starting') run.changed.delete(step);
  return inTurn(steps, (step) => lookAtStep(ports, run, step));
}

function decide(ports: PipelinePorts, run: ExecutionRun, observations: readonly Observation[]): Decision {
  const nowMs = ports.clock.now();
  return decideExecution({
    execution: run.execution,
    run,
    observations,
    nowMs,
    evaluate: (step, index) => evaluate(run, step, index, nowMs),
    conclude: (index, counts) => conclude(run, index, counts),
    jobName: (step, serial) => nameOf(run, step, serial),
  });
}

function evaluate(run: ExecutionRun, graphStep: GraphStep, index: number, nowMs: number): Evaluation {
  const { step, name } = graphStep;
  if (run.progress.course.looksUp(run.progress.graph, index)) return run.lookedUp.get(index) ?? { unknown: true };
  if (step.Type === 'ForEach') return evaluateItems(run, graphStep, index, nowMs);
  const scope = scopeOf(run, run.files, { index }, nowMs);
  if (step.Type === 'Condition') {
    const { value, files, problem } = resolveConditions(step.Arguments.Conditions, scope);
    if (problem !== undefined) return { problem: `ClientError: ${problem}` };
    return files ? { files } : { outcome: value };
  }
  const given = (step.Arguments as JsonObject | undefined)?.['ErrorMessage'] ?? `The Fail step '${name}' was reached.`;
  const { value, files, problem } = resolve(given, scope);
  if (problem !== undefined) return { problem: `ClientError: ${problem}` };
  return files ? { files } : { message: String(value) };
}

function nameOf(run: ExecutionRun, { name, type, step }: GraphStep, serial: number): string {
  const member = STEP_KINDS[type]?.nameMember;
  const prefix = member === undefined ? undefined : (step.Arguments as JsonObject)[member];
  const digest = digestOf(`${run.execution.arn}/${name}${serial === 1 ? '' : `#${serial}`}`);
  return jobName(run.execution.executionId, name, digest, typeof prefix === 'string' ? prefix : undefined);
}

/** False when the execution was written by somebody else meanwhile. */
async function commit(ports: PipelinePorts, watch: Watch, run: ExecutionRun, decision: Decision): Promise<boolean> {
  if (decision.steps.length === 0 && !decision.ended) return true;
  const { key, execution } = run;
  const nowMs = ports.clock.now();
  const after: ExecutionDocument = { ...execution, ...decision.ended, modifiedAtMs: nowMs };
  const rows = decision.steps.map((change) => ({ change, ...rowOf(run, change) }));
  const result = await ports.store.commit({
    expect: [{ key, version: run.executionVersion }, ...rows.map(({ write, version }) => ({ key: write.key, version }))],
    write: [
      ...rows.map(({ write }) => write),
      ...cacheWrites(run, decision),
      ...(decision.ended ? [writeOf(key, after, executionIndex(after, run.incarnation))] : []),
    ],
    ...(decision.ended && { timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: null }] }),
    events: [
      ...decision.steps.map((change) => stepEvent(execution, key, change.before, change.after, nowMs)),
      ...(decision.ended ? [executionEvent(key, execution, after, nowMs)] : []),
    ],
    ledger: [
      ...decision.steps.map((change) => stepEntry(execution, key, change.before, change.after, nowMs)),
      ...(decision.ended ? [executionEntry(key, execution, after, nowMs)] : []),
    ],
  });
  if (result.outcome === 'conflict') return false;
  if (result.outcome === 'unknown')
    throw new BackendError('storage', `A commit was not answered: ${result.reason}`, { retryable: true });
  for (const { change, version, ordinal } of rows) {
    run.startedCount = Math.max(run.startedCount, ordinal);
    run.lookedUp.delete(change.index);
    run.earlierVersions.delete(change.index);
    if (isAnotherJob(change)) forgetWork(run, watch, change.before);
    const now = version === 0 ? result.firstVersion : version + 1;
    if (run.active.has(change.index)) run.rows.set(change.index, { version: now, ordinal });
    else forgetStep(run, watch, change);
  }
  return true;
}

function rowOf(run: ExecutionRun, { index, after }: StepChange): { write: Write; version: number; ordinal: number } {
  const known = run.rows.get(index);
  const ordinal = known?.ordinal ?? ++run.startedCount;
  const key = stepKey(run.key, after.stepName);
  const write = writeOf(key, after, stepIndex(after, run.key, ordinal));
  return { write, version: known?.version ?? run.earlierVersions.get(index) ?? 0, ordinal };
}

/** Results that were computed are kept under their key, the newest in the place of an older one. */
function cacheWrites(run: ExecutionRun, { steps }: Decision): Write[] {
  return steps.flatMap(({ after }) => {
    const { cache, stepName, endedAtMs = 0, metadata, properties } = after;
    if (after.status !== 'Succeeded' || !cache || after.takenFrom) return [];
    const kept: StepCacheDocument = { executionArn: run.execution.arn, stepName, endedAtMs, metadata, properties };
    const key = stepCacheKey(run.key, run.incarnation, stepName, cache.digest);
    return [writeOf(key, kept, { parent: run.incarnation, createdAtMs: endedAtMs, modifiedAtMs: endedAtMs })];
  });
}

/** The step is tried again by a job of another name. */
const isAnotherJob = ({ before, after }: StepChange): boolean =>
  before?.jobName !== undefined && after.status === 'Starting' && before.jobName !== after.jobName;

function forgetStep(run: ExecutionRun, watch: Watch, { index, after }: StepChange): void {
  run.rows.delete(index);
  forgetWork(run, watch, after);
}

function forgetWork(run: ExecutionRun, watch: Watch, document: StepDocument | undefined): void {
  const id = document && awaitedId(run, document);
  if (document && id !== undefined) watch.remove(id, run.key, document.index);
}

/** Performs every effect, also when one of them fails: a fault of the world ends this look only after the others are through. */
async function performAll(
  ports: PipelinePorts,
  watch: Watch,
  run: ExecutionRun,
  effects: readonly Effect[],
): Promise<Observation[]> {
  return inTurn(effects, async (effect) => {
    if (effect.kind === 'read') return readAll(ports, run, effect.uris);
    if (effect.kind === 'look-up') return look(ports, run, effect.step);
    if (effect.kind === 'stop') return stopStep(ports, run, effect.step);
    const document = run.active.get(effect.step);
    const id = document && awaitedId(run, document);
    // before the job exists, so that its end cannot go by unseen
    if (id !== undefined) watch.add(id, run.key, effect.step);
    return startStep(ports, run, effect.step);
  });
}

async function look(ports: PipelinePorts, run: ExecutionRun, step: number): Promise<undefined> {
  const found = await lookUp(ports, run, step);
  if ('taken' in found) keepDocument(run, step, found.taken.properties as JsonObject | undefined);
  run.lookedUp.set(step, found);
}

async function readAll(ports: PipelinePorts, run: ExecutionRun, uris: readonly string[]): Promise<undefined> {
  try {
    const reader = { calls: ports.calls, principal: await principalOf(ports, run), origin: originOf(run, 'files') };
    for (const uri of uris) run.files.set(uri, await readJsonFile(reader, uri));
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    for (const uri of uris) run.files.set(uri, { problem: `The file ${uri} could not be read: ${error.message}` });
  }
}

/** A few at a time. Throws the first fault, a passing one last, when all have ended. */
async function inTurn<T>(items: readonly T[], effect: (item: T) => Promise<Observation | undefined>): Promise<Observation[]> {
  const seen: Observation[] = [];
  const faults: unknown[] = [];
  for (let start = 0; start < items.length; start += EFFECTS_AT_ONCE) {
    const results = await Promise.allSettled(items.slice(start, start + EFFECTS_AT_ONCE).map(effect));
    for (const result of results) {
      if (result.status === 'rejected') faults.push(result.reason);
      else if (result.value) seen.push(result.value);
    }
  }
  if (faults.length > 0) throw faults.find((fault) => !(fault instanceof BackendError)) ?? faults[0];
  return seen;
}
