import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Cursor, Store } from '../../platform/store/port.ts';
import { listRows, readRow } from '../../platform/store/typed-rows.ts';
import { cacheExpiryMs, type Graph, type JsonObject, nth } from '../../../sdk/definition/index.ts';
import { createRun, describeFailure } from './decide-execution.ts';
import { begin, createProgress, fail, succeed } from './decide-progress.ts';
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
    ...createRun(createProgress(compiled.graph, { selection, looksUp: (step) => looksUp(compiled.graph, selection, step) })),
    earlierVersions: new Map(),
    lookedUp: new Map(),
    rows: new Map(),
    startedCount: 0,
    documents: new Map(),
    files: new Map(),
    changed: new Set(),
    unconfirmed: new Set(),
  };
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
    for (const { document, version, index } of page.rows) replay(run, document, version, index.ordinal ?? 0);
    after = page.next;
  } while (after);
  return run;
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
  if (status === 'Succeeded') {
    keepDocument(run, index, document.properties as JsonObject | undefined);
    succeed(run.progress, index, document.outcome);
  } else if (status === 'Failed' || status === 'Stopped') {
    fail(run.progress, index);
    if (status === 'Failed' && run.failures.length < FAILURES_KEPT) {
      run.failures.push(describeFailure(document.stepName, document.failureReason));
    }
  } else {
    run.active.set(index, document);
    run.rows.set(index, { version, ordinal });
    if (document.retryAtMs !== undefined) run.retrying.add(index);
    if (status === 'Executing') run.changed.add(index);
    else run.unconfirmed.add(index);
  }
}

/** Keeps what a step made at hand if another step refers to it. */
export function keepDocument(run: ExecutionRun, index: number, document: JsonObject | undefined): void {
  const name = run.compiled.graph.steps[index]?.name;
  if (document && name !== undefined && run.compiled.referenced.has(index)) run.documents.set(name, document);
}
