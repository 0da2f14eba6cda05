import type { PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import { BackendError } from '../../platform/errors/families.ts';
import type { Reconciler, ReconcileResult } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Commit, TimerChange, Write } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { type Decision, decideExecution, type Observation } from './decide-execution.ts';
import { jobWrite, keptJob } from './jobs.ts';
import { artifactKey, uuidOf } from './names.ts';
import { approvalNotice } from './approval-notice.ts';
import { lookAtAction, type Running, startAction } from './perform.ts';
import type { DeliveryPorts } from './ports.ts';
import {
  type ActionRecord,
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionKey,
  executionWrite,
  incarnationIn,
  isUnsettled,
} from './resources.ts';
import { bucketOf, declarationOf, readLine, readStructure } from './rows.ts';
import { lineParts, merged, rollbackParts } from './start-execution.ts';
import { changeEntry, changeEvent } from './transitions.ts';
import type { Watch } from './watch.ts';

/** Ends wake their execution; should a wake-up be lost by any mistake, this look finds it. */
const LOOK_AGAIN_MS = 2 * 60_000;
/** Others may write the line of a busy pipeline this often in a row. */
const CONFLICTS_MAX = 256;

/** Moves executions on until they are settled. */
export function executionReconciler(ports: DeliveryPorts, watch: Watch): Reconciler {
  const structures = new Map<string, PipelineDeclaration>();
  return {
    name: EXECUTION_RECONCILER,
    async reconcile(key): Promise<ReconcileResult> {
      const waiting = await moveOn(ports, structures, watch, key);
      if (!waiting) watch.set(key, []);
      const running = waiting ? inProgress(waiting) : [];
      return running.length === 0 ? undefined : { retryAtMs: nextLookMs(running, ports.clock.now()) };
    },
  };
}

const inProgress = ({ actions }: ExecutionDocument): ActionRecord[] => actions.filter(({ status }) => status === 'InProgress');

const nextLookMs = (running: readonly ActionRecord[], nowMs: number): number =>
  Math.min(
    nowMs + LOOK_AGAIN_MS,
    ...running.map(({ deadlineMs }) => Math.max(deadlineMs, nowMs)),
    ...running.flatMap(({ againAtMs }) => (againAtMs === undefined ? [] : [Math.max(againAtMs, nowMs)])),
  );

/** Looks, decides, commits and acts until there is nothing to do but wait. Undefined when the execution is settled or gone. */
async function moveOn(
  ports: DeliveryPorts,
  structures: Map<string, PipelineDeclaration>,
  watch: Watch,
  key: ResourceKey,
): Promise<ExecutionDocument | undefined> {
  let observations: Observation[] | undefined;
  let fault: unknown;
  for (let conflicts = 0; conflicts < CONFLICTS_MAX; ) {
    const row = await readRow<ExecutionDocument>(ports.store, key);
    const structure = row && (await structureOf(ports, structures, row));
    if (!row || !structure || !isUnsettled(row.document)) {
      await clearTimer(ports, key, row);
      return undefined;
    }
    if (!observations) {
      watchFor(watch, key, row.document); // before the look, so that no end goes by between the two
      const looked = await lookAround(ports, { key, execution: row.document, structure });
      observations = looked.seen;
      fault = looked.fault; // told at the end: what cannot be looked at can still be given up, or take too long
    }
    const committed = await decideAndCommitOnce(ports, row, structure, observations);
    if (!committed) {
      await clearTimer(ports, key, row);
      return undefined;
    }
    const { decision, outcome } = committed;
    if (outcome === 'conflict') {
      conflicts += 1;
      continue;
    }
    const { execution } = decision;
    if (!isUnsettled(execution)) return undefined;
    watchFor(watch, key, execution);
    const begun = observations.filter(({ seen }) => seen === 'begun').map(({ action }) => action);
    const acted = await act(ports, { key, execution, structure }, begun);
    observations = acted.seen;
    if (observations.length > 0) continue;
    fault = acted.fault ?? fault;
    if (fault !== undefined) throw fault;
    return execution;
  }
  throw new BackendError('storage', 'A pipeline is written by others all the time.', { retryable: true });
}

function watchFor(watch: Watch, key: ResourceKey, execution: ExecutionDocument): void {
  watch.set(
    key,
    inProgress(execution).flatMap(({ externalExecutionId }) => externalExecutionId ?? []),
  );
}

async function structureOf(
  ports: DeliveryPorts,
  structures: Map<string, PipelineDeclaration>,
  { key, document }: Read<ExecutionDocument>,
): Promise<PipelineDeclaration | undefined> {
  const id = `${key.account}|${key.region}|${incarnationIn(key)}|${document.version}`;
  const known = structures.get(id) ?? (await readStructure(ports.store, key, document.version));
  if (structures.size > 1_000) structures.clear();
  if (known) structures.set(id, known);
  return known;
}

interface Acted {
  readonly seen: Observation[];
  readonly fault?: unknown;
}

/** Starts what has not begun, each under its own name, and looks once at what just began; a fault of one does not hold up the others. */
function act(ports: DeliveryPorts, running: Running, begun: readonly string[]): Promise<Acted> {
  const nowMs = ports.clock.now();
  const asked = inProgress(running.execution).filter(({ id, begun: isBegun, againAtMs = 0 }) =>
    isBegun ? begun.includes(id) : againAtMs <= nowMs,
  );
  return all(asked, (action) => (action.begun ? lookAtAction : startAction)(ports, running, action));
}

/** Looks at what is under way. */
function lookAround(ports: DeliveryPorts, running: Running): Promise<Acted> {
  const underWay = inProgress(running.execution).filter(({ begun }) => begun);
  return all(underWay, (action) => lookAtAction(ports, running, action));
}

async function all(
  actions: readonly ActionRecord[],
  perform: (action: ActionRecord) => Promise<Observation | undefined>,
): Promise<Acted> {
  const results = await Promise.allSettled(actions.map(perform));
  const seen = results.flatMap((result) => (result.status === 'fulfilled' && result.value ? [result.value] : []));
  const broken = results.find((result) => result.status === 'rejected');
  return { seen, ...(broken && { fault: broken.reason as unknown }) };
}

async function clearTimer(ports: DeliveryPorts, key: ResourceKey, row: Read<ExecutionDocument> | undefined): Promise<void> {
  await ports.store.commit({
    expect: [{ key, version: row?.version ?? 0 }],
    timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: null }],
  });
}

interface Committed {
  readonly decision: Decision;
  readonly outcome: 'done' | 'conflict';
}

async function decideAndCommitOnce(
  ports: DeliveryPorts,
  row: Read<ExecutionDocument>,
  structure: PipelineDeclaration,
  observations: readonly Observation[],
): Promise<Committed | undefined> {
  const { key } = row;
  const nowMs = ports.clock.now();
  const line = await readLine(ports.store, key, incarnationIn(key));
  // every pipeline has a line: it was deleted, and what it was about to do is not done
  if (line.version === 0) return undefined;
  const decision = decideExecution({
    execution: row.document,
    structure,
    line: line.document,
    observations,
    nowMs,
    bucket: bucketOf(structure, key.region),
    actionId: (stage, action, attempt) => uuidOf(key.account, key.region, key.name, stage, action, attempt),
    artifactKey: (artifact, actionId) => artifactKey(row.document.pipelineName, artifact, actionId),
  });
  if (decision.execution === row.document) return { decision, outcome: 'done' };
  const commit = commitOf(ports, row, structure, decision, nowMs);
  const rollback = decision.rollback && (await rollbackParts(ports, row, structure, decision.line, decision.rollback, nowMs));
  const parts: Partial<Commit>[] = rollback ? [commit, rollback.parts] : [commit];
  const lineAfter = rollback?.line ?? decision.line;
  // who comes before a stage is in the line, or in mode PARALLEL writes it as it is: whoever opens the stage just now looks for them anew
  if (lineAfter !== line.document || decision.execution.place === 'waiting') parts.push(lineParts(line, lineAfter, nowMs));
  // and who enters one does so by the transition that was read: whoever closed it just now was told that nobody does
  else if (decision.execution.stages.length > row.document.stages.length)
    parts.push({ expect: [{ key: line.key, version: line.version }] });
  const { outcome } = await ports.store.commit(merged(...parts));
  if (outcome === 'unknown') throw new BackendError('storage', 'A commit was not answered.', { retryable: true });
  return { decision, outcome };
}

function commitOf(
  ports: DeliveryPorts,
  row: Read<ExecutionDocument>,
  structure: PipelineDeclaration,
  { execution, changes, wake }: Decision,
  nowMs: number,
): Commit {
  const { key, version, document: before } = row;
  const timers: TimerChange[] = wake.map((id) => ({
    reconciler: EXECUTION_RECONCILER,
    key: executionKey(key, incarnationIn(key), id),
    dueAtMs: nowMs,
  }));
  if (!isUnsettled(execution)) timers.push({ reconciler: EXECUTION_RECONCILER, key, dueAtMs: null });
  const write: Write[] = [executionWrite(key, execution)];
  for (const action of execution.actions) {
    const earlier = before.actions.find(({ id }) => id === action.id);
    if (action.status !== 'InProgress') continue;
    if (!earlier && declarationOf(structure, action)?.actionTypeId.provider === 'Lambda')
      write.push(jobWrite(ports.sealingKey, key, action.id, keptJob(action).serial, nowMs));
    const notice = earlier?.token === action.token ? undefined : approvalNotice(key, execution, action, ports.serverUrl(), nowMs);
    if (!notice) continue;
    write.push(notice.write);
    timers.push(notice.timer);
  }
  return {
    expect: [{ key, version }],
    write,
    timers,
    events: changes.map((change) => changeEvent(key, execution, structure, change, nowMs)),
    ledger: changes.map((change) => changeEntry(key, execution, change, nowMs)),
  };
}
