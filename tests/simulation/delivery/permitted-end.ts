import type { PipelineDeclaration, StageDeclaration } from '../../../src/contract/generated/codepipeline.ts';

/** One attempt at an action, as a client reads it. */
export interface Attempt {
  readonly stage: string;
  readonly action: string;
  readonly status: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** All that a client can read of an execution that has ended, and what was asked of it. */
export interface Ended {
  readonly structure: PipelineDeclaration;
  readonly status: string;
  readonly isRollback: boolean;
  readonly attempts: readonly Attempt[];
  readonly stopAsked: boolean;
  readonly abandonAsked: boolean;
  /** How often a stage of this name was asked to be retried. */
  retries(stage: string): number;
}

type Came = 'through' | 'failed' | 'broken off' | 'nowhere';

/**
 * Walks through a structure stage by stage and order by order, as AWS's user guide describes a pipeline, with what each action came to; knows
 * nothing of the engine. Returns what the end is not permitted to be.
 */
export function judgeEnd(ended: Ended): string[] {
  const { structure, isRollback, attempts, status, stopAsked } = ended;
  const reached = new Set(attempts.map(({ stage }) => stage));
  const stages = isRollback ? structure.stages.filter(({ name }) => reached.has(name)) : structure.stages;
  if (isRollback && stages.length > 1) return [`rolls ${stages.map(({ name }) => name).join()} back, and not one stage`];
  const problems: string[] = [];
  let came: Came = 'through';
  let [nowMs, last] = [0, undefined as StageDeclaration | undefined];
  for (const stage of stages) {
    const own = attempts.filter((one) => one.stage === stage.name);
    if (came !== 'through') {
      if (own.length > 0) problems.push(`begins ${stage.name}, though ${last?.name} came ${came}`);
      continue;
    }
    problems.push(...own.flatMap((one) => (one.startedAtMs < nowMs ? [`begins ${one.action} before ${last?.name} ended`] : [])));
    came = walkStage(stage, own, ended, problems);
    nowMs = Math.max(nowMs, ...own.map(({ endedAtMs }) => endedAtMs));
    last = stage;
  }
  if (isRollback && stages.length === 0) came = 'nowhere';
  const permitted: Record<Came, readonly string[]> = {
    // a stop that was asked for while the last action was under way
    through: ['Succeeded', ...(stopAsked ? ['Stopped'] : [])],
    failed: ['Failed', ...(stopAsked ? ['Stopped'] : [])],
    'broken off': stopAsked ? ['Stopped'] : [],
    nowhere: ['Superseded', ...(stopAsked ? ['Stopped'] : [])],
  };
  if (!permitted[came].includes(status)) problems.push(`ended ${status}, though it came ${came} at ${last?.name}`);
  return problems;
}

/** What a stage came to by the newest attempt at each of its actions. */
function walkStage(stage: StageDeclaration, own: readonly Attempt[], ended: Ended, problems: string[]): Came {
  if (own.length === 0) return 'nowhere';
  const automatic = stage.onFailure?.result === 'RETRY' ? 1 : 0;
  const orders = [...new Set(stage.actions.map(({ runOrder = 1 }) => runOrder))].sort((a, b) => a - b);
  let came: Came = 'through';
  let failedAtMs = Infinity;
  for (const order of orders) {
    const declared = stage.actions.filter(({ runOrder = 1 }) => runOrder === order);
    const rounds = declared.map(({ name }) =>
      own.filter(({ action }) => action === name).sort((a, b) => a.startedAtMs - b.startedAtMs),
    );
    // a retry after this failure may have come further with an attempt of before, which then is not the newest of its own
    const began = Math.max(...rounds.map((tries) => tries.at(-1)?.startedAtMs ?? -1));
    if (came !== 'through' && began >= failedAtMs)
      problems.push(`begins ${declared.map(({ name }) => name).join()}, though one of lower order failed`);
    for (const [at, tries] of rounds.entries()) {
      const name = declared[at]?.name ?? '';
      const most = 1 + automatic + ended.retries(stage.name);
      if (tries.length > most) problems.push(`tried ${name} ${tries.length} times, where ${most} were asked for`);
      const twice = tries.find((one, nth) => (tries[nth + 1]?.startedAtMs ?? Infinity) < one.endedAtMs);
      if (twice) problems.push(`tried ${name} again before its attempt ended`);
      if (tries.some(({ status }) => status === 'InProgress')) problems.push(`ended while ${name} is in progress`);
      if (!ended.abandonAsked && tries.some(({ status }) => status === 'Abandoned'))
        problems.push(`abandoned ${name}, which nobody asked for`);
    }
    const lasts = rounds.map((tries) => tries.at(-1)?.status);
    if (came !== 'through') continue;
    if (lasts.some((status) => status === 'Failed' || status === 'Abandoned')) came = 'failed';
    else if (lasts.includes(undefined)) came = 'broken off';
    failedAtMs = Math.max(...rounds.map((tries) => tries.at(-1)?.endedAtMs ?? -1));
  }
  if (
    came === 'failed' &&
    automatic > 0 &&
    !ended.stopAsked &&
    !own.some((one) => own.some((other) => other !== one && other.action === one.action))
  )
    problems.push(`failed in ${stage.name} without the retry that it declares`);
  return came === 'failed' && stage.onFailure?.result === 'SKIP' ? 'through' : came;
}
