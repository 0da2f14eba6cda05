import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Cursor, Store } from '../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../platform/store/typed-rows.ts';
import { cacheExpiryMs, type Graph, type JsonObject, nth } from '../../../sdk/definition/index.ts';
import { createRun, describeFailure } from './decide-execution.ts';
import { addIterations, begin, createProgress, fail, openIterations, succeed } from './decide-progress.ts';
import { type Selection, selectionOf } from './decide-selection.ts';
import type { Definitions } from './definitions.ts';
import { type ExecutionDocument, type StepDocument, UNSETTLED } from './resources.ts';
import type { ExecutionRun } from './run.ts';

const STEPS_PAGE = 1_000;
const FAILURES_KEPT = 5;

/** Makes the projection of an unsettled execution from its rows, in O(steps). Undefined when it is settled or gone. */
export async function loadRun(store: Store, definitions: Definitions, key: ResourceKey): Promise<ExecutionRun | undefined> {
  const row = await readRow<ExecutionDocument>(store, key);
  if (!row || !UNSETTLED.has(row.document.status)) return undefined;
  const compiled = await definitions.compiled(key, row.document.definitionDigest);
  const selection = row.document.selective && selectionOf(compiled.graph, row.document.selective.steps);
  const run: ExecutionRun = {
    key,
    incarnation: row.index.parent ?? '',
    compiled,
    execution: row.document,
    executionVersion: row.version,
    selection,
    ...createRun(createProgress(compiled.graph, { selection, looksUp: (graph, step) => looksUp(graph, selection, step) })),
    earlierVersions: new Map(),
    lookedUp: new Map(),
    rows: new Map(),
    startedCount: 0,
    documents: new Map(),
    files: new Map(),
    changed: new Set(),
    unconfirmed: new Set(),
  };
  const rows: Read<StepDocument>[] = [];
  let after: Cursor | undefined;
  do {
    const page = await listRows<StepDocument>(store, {
      account: key.account,
      region: key.region,
      kind: 'PipelineExecutionStep',
      parent: key.name,
      sortBy: 'ordinal',
      order: 'ascending',
      after,
      limit: STEPS_PAGE,
    });
    rows.push(...page.rows);
    after = page.next;
  } while (after);
  restoreIterations(run, rows);
  for (const { document, version, index } of rows) replay(run, document, version, index.ordinal ?? 0);
  return run;
}

/** Children take the places they had, in the order in which they got them. */
function restoreIterations({ progress }: ExecutionRun, rows: readonly Read<StepDocument>[]): void {
  const begun = rows.flatMap(({ document: { index, forEach } }) => (forEach ? [{ index, ...forEach }] : []));
  for (const { index, items } of begun.sort((a, b) => a.base - b.base)) addIterations(progress, index, items.length);
}

/** Whether a step may have a result that is there already: taken from the source execution, or kept in the cache. */
const looksUp = (graph: Graph, selection: Selection | undefined, step: number): boolean =>
  selection?.reuse.has(step) === true || cacheExpiryMs(nth(graph.steps, step).step) !== undefined;

/** Steps started in this order, so everything a step waited for comes before it. */
function replay(run: ExecutionRun, document: StepDocument, version: number, ordinal: number): void {
  const { index, status } = document;
  run.startedCount = Math.max(run.startedCount, ordinal);
  if ((status === 'Failed' || status === 'Stopped') && (document.round ?? 0) < (run.execution.round ?? 0)) {
    run.earlier.set(index, document);
    run.earlierVersions.set(index, version);
    return;
  }
  begin(run.progress, index);
  if (document.forEach) openIterations(run.progress, index);
  if (status === 'Succeeded') {
    keepDocument(run, index, document.properties as JsonObject | undefined);
    succeed(run.progress, index, document.outcome);
  } else if (status === 'Failed' || status === 'Stopped') {
    keepDocument(run, index, document.properties as JsonObject | undefined); // of a ForEach step
    fail(run.progress, index, { status, wasStopped: document.wasStopped });
    // of a ForEach step its children tell
    if (status === 'Failed' && !tellsByChildren(run, document) && run.failures.length < FAILURES_KEPT) {
      run.failures.push(describeFailure(document.stepName, document.failureReason));
    }
  } else {
    run.active.set(index, document);
    run.rows.set(index, { version, ordinal });
    if (document.retryAtMs !== undefined) run.retrying.add(index);
    if (document.forEach) return; // its children are looked at
    // one that is starting, too: its job's end may have been told already, to a run that is no more
    if (status !== 'Stopping') run.changed.add(index);
    if (status !== 'Executing') run.unconfirmed.add(index);
  }
}

/** Keeps what a step made at hand if another step refers to it, or the ForEach step whose child it is may. */
export function keepDocument(run: ExecutionRun, index: number, document: JsonObject | undefined): void {
  const step = run.progress.graph.steps[index];
  if (document && step && (step.iteration || run.compiled.referenced.has(index))) run.documents.set(step.name, document);
}

const tellsByChildren = ({ progress }: ExecutionRun, { index, forEach }: StepDocument): boolean => {
  const { failed = 0, stopped = 0 } = progress.iterations.get(index) ?? {};
  return forEach !== undefined && failed + stopped > 0;
};
