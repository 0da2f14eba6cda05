import type { ResourceKey } from '../../../src/platform/resource-key.ts';
import { type Check, listOf, shown, textOf, type Watched } from './check.ts';
import { isUnsettled } from './statuses.ts';

/** Things to do that are rows of their own: as long as the row is there, it is to be done. */
const TO_DO = new Set(['FunctionEnvironment', 'Notice', 'CodePipelineRemains', 'CodePipelineSourcePlace']);
/** Timers that may stay though nothing is to be done now: what serves is looked at at every start. */
const STAYING = new Set(['Endpoint']);

/** After a kill only timers tell that something is to be done. */
export function checkUnsettledHaveTimers({ disk, nowMs }: Watched): Check {
  const isRemoved = (key: ResourceKey): boolean =>
    key.kind === 'CodePipelineExecution' &&
    disk.rows.get({ ...key, kind: 'CodePipelineRemains', name: key.name.slice(0, key.name.lastIndexOf('/')) }) !== undefined;
  const isToDo = (key: ResourceKey, document: unknown): boolean =>
    TO_DO.has(key.kind) ||
    // a step goes on with its execution; deliveries of a pipeline that is gone only wait to be removed
    (key.kind !== 'PipelineExecutionStep' && isUnsettled(key.kind, document) && !isRemoved(key)) ||
    (key.kind === 'Endpoint' && listOf(document, 'retiring').length > 0);
  const lacks = (key: ResourceKey): string[] => {
    const row = disk.rows.get(key);
    return row && isToDo(key, row.document) && disk.timersOf(key).length === 0
      ? [`${shown(key)} has no timer, so that nobody would go on with it after a kill`]
      : [];
  };
  return {
    promise: 'whatever is not settled has a timer; what is settled has none that is due',
    onCommit: ({ commit, changes }) => [
      ...changes.flatMap(({ key }) => lacks(key)),
      ...(commit.timers ?? []).flatMap(({ key, dueAtMs }) => (dueAtMs === null ? lacks(key) : [])),
    ],
    atRest() {
      const problems: string[] = [];
      for (const kind of ['PipelineExecution', 'CodePipelineExecution', 'TrainingJob', 'ProcessingJob', 'TransformJob']) {
        for (const row of disk.rows.all(kind)) {
          for (const { reconciler, dueAtMs } of isToDo(row.key, row.document) ? [] : disk.timersOf(row.key)) {
            // the files of a job go a while after its end
            if (dueAtMs <= nowMs())
              problems.push(`${shown(row.key)} is ${textOf(row.document, 'status')} and still has a timer of ${reconciler}`);
          }
        }
      }
      for (const { key, reconciler } of disk.timers()) {
        const gone = OF_ROWS.has(key.kind) && !STAYING.has(key.kind) && disk.rows.get(key) === undefined;
        if (gone) problems.push(`${shown(key)} is gone and still has a timer of ${reconciler}`);
      }
      return problems;
    },
  };
}

const OF_ROWS = new Set([
  'PipelineExecution',
  'CodePipelineExecution',
  'CodePipelineRemains',
  'CodePipelineSourcePlace',
  'TrainingJob',
  'ProcessingJob',
  'TransformJob',
  'Function',
  'FunctionInvocation',
  'FunctionEnvironment',
  'Notice',
  'Schedule',
]);
