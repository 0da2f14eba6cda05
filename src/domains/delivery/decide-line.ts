import type { ExecutionMode } from '../../contract/generated/codepipeline.ts';
import type { LineDocument, StageLine } from './resources.ts';

/** Executions of modes SUPERSEDED and QUEUED have a stage to themselves and wait in line before it. Pure. */

interface Arrival {
  readonly executionId: string;
  readonly number: number;
  readonly mode: ExecutionMode;
  readonly goesBack?: true;
}

const EMPTY: StageLine = { waiting: [] };

export const stageLine = (line: LineDocument, stage: string): StageLine =>
  Object.hasOwn(line.stages, stage) ? (line.stages[stage] ?? EMPTY) : EMPTY;

const withStage = (line: LineDocument, stage: string, after: StageLine): LineDocument => ({
  ...line,
  stages: { ...line.stages, [stage]: after },
});

export const isOpen = (line: LineDocument, stage: string): boolean =>
  !Object.hasOwn(line.transitions, stage) || line.transitions[stage]?.enabled !== false;

/**
 * An execution comes before a stage. In mode SUPERSEDED it takes the place of older ones that wait there, and gives way to a newer one; in
 * mode QUEUED it stands behind those that were started before it. One that goes back is no newer change: it goes first and takes nobody's
 * place, else what is older would be there in the end.
 */
export function arrive(
  line: LineDocument,
  stage: string,
  { executionId, number, mode, goesBack }: Arrival,
): { readonly line: LineDocument; readonly superseded: readonly string[] } {
  const before = stageLine(line, stage);
  if (before.waiting.some((waiting) => waiting.executionId === executionId)) return { line, superseded: [] };
  const first = before.waiting.filter((waiting) => waiting.goesBack);
  const others = before.waiting.filter((waiting) => !waiting.goesBack);
  if (goesBack) {
    return {
      line: withStage(line, stage, { ...before, waiting: [...first, { executionId, number, goesBack }, ...others] }),
      superseded: [],
    };
  }
  if (mode === 'SUPERSEDED' && others.some((waiting) => waiting.number > number)) return { line, superseded: [executionId] };
  const kept = mode === 'SUPERSEDED' ? [] : others;
  const waiting = [...first, ...[...kept, { executionId, number }].sort((a, b) => a.number - b.number)];
  const superseded = mode === 'SUPERSEDED' ? others.map((one) => one.executionId) : [];
  return { line: withStage(line, stage, { ...before, waiting }), superseded };
}

/** The line once the execution has the stage; undefined while it must wait. */
export function enter(line: LineDocument, stage: string, executionId: string): LineDocument | undefined {
  const before = stageLine(line, stage);
  if (before.holder === executionId) return line;
  if (before.holder !== undefined || before.waiting[0]?.executionId !== executionId || !isOpen(line, stage)) return undefined;
  return withStage(line, stage, { ...before, holder: executionId, latest: executionId, waiting: before.waiting.slice(1) });
}

/** Takes a stage for the execution that was last in it; undefined when another has it, or was in it since. */
export function reenter(line: LineDocument, stage: string, executionId: string): LineDocument | undefined {
  const before = stageLine(line, stage);
  if (before.latest !== executionId || (before.holder !== undefined && before.holder !== executionId)) return undefined;
  return withStage(line, stage, { ...before, holder: executionId });
}

/** The execution is done with the stage, in it or before it; and who is next. */
export function leave(
  line: LineDocument,
  stage: string,
  executionId: string,
  succeeded = false,
): { readonly line: LineDocument; readonly next: readonly string[] } {
  const before = stageLine(line, stage);
  const { holder, ...rest } = before;
  const waiting = before.waiting.filter((one) => one.executionId !== executionId);
  const isHolder = holder === executionId;
  if (!isHolder && waiting.length === before.waiting.length && !succeeded) return { line, next: [] };
  const after: StageLine = {
    ...rest,
    ...(holder !== undefined && !isHolder && { holder }),
    ...(succeeded && { succeeded: executionId }),
    waiting,
  };
  const next = after.holder === undefined ? waiting.slice(0, 1).map((one) => one.executionId) : [];
  return { line: withStage(line, stage, after), next };
}

export const isInLine = (line: LineDocument, stage: string, executionId: string): boolean => {
  const { holder, waiting } = stageLine(line, stage);
  return holder === executionId || waiting.some((one) => one.executionId === executionId);
};
