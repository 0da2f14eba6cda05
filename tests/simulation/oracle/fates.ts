import type { StepEnd } from './ends.ts';
import type { ProgramStep, Wait } from './program.ts';

/** Why a step never ran: what it waits for failed, stands in a branch not taken, or did not happen and need not. */
export type Absence = 'blocked' | 'not taken' | 'unneeded';
export type Met = 'yes' | 'perhaps' | Absence;

export interface Fate {
  readonly status: StepEnd;
  readonly why?: Absence;
  /** Of a Condition that succeeded. */
  readonly branch?: boolean;
  /** Of one whose job was stopped, or ran out of its time. */
  readonly byStop?: boolean;
  /** It may have come to this in an earlier round, and not be needed in the last. */
  readonly isLeftover?: boolean;
}

/** Whether what a step waits for has come about. */
export function isMet(
  { on, trigger }: Wait,
  step: ProgramStep,
  fateOf: (name: string) => Fate,
  program: ReadonlyMap<string, ProgramStep>,
): Met {
  const fate = fateOf(on);
  const { status, why = 'blocked', byStop } = fate;
  if (status === 'absent') return why;
  switch (trigger) {
    case 'Completed':
      // stopped in a round before, and perhaps not asked for since: nothing went on from it
      if (status === 'Stopped' && fate.isLeftover) return 'unneeded';
      if (status !== 'Succeeded') return 'blocked';
      return step.type === 'Condition' ? closing(step, fate, fateOf, program) : 'yes';
    case 'Any':
      return status === 'Stopped' ? 'blocked' : isPast(step, fateOf, program) ? 'unneeded' : 'yes';
    case 'Failed':
      if (isPast(step, fateOf, program)) return 'unneeded';
      return status === 'Failed' ? 'yes' : status === 'Stopped' ? 'blocked' : 'unneeded';
    case 'Stopped':
      if (isPast(step, fateOf, program)) return 'unneeded';
      if (status === 'Failed') return byStop === undefined ? 'perhaps' : byStop ? 'yes' : 'unneeded';
      return status === 'Stopped' ? 'blocked' : 'unneeded';
  }
}

/**
 * Who waits for a Condition waits for the branch it took, too. A step in it that waits for a failure, or stands behind such a step, holds
 * nobody up by not running.
 */
export function closing(
  condition: ProgramStep,
  { branch }: Fate,
  fateOf: (name: string) => Fate,
  program: ReadonlyMap<string, ProgramStep>,
): Met {
  for (const step of program.values()) {
    if (step.inside?.condition !== condition.name || step.inside.branch !== branch) continue;
    const inner = isMet({ on: step.name, trigger: 'Completed' }, step, fateOf, program);
    if (inner === 'yes' || inner === 'unneeded' || isPast(step, fateOf, program)) continue;
    if (fateOf(step.name).status === 'absent' && isOptional(step, program)) continue;
    return inner;
  }
  return 'yes';
}

/**
 * Whether a step failed in an earlier round, in answer to what the last one did not bring about again: it was not asked for since, so in that
 * round it neither holds anybody up nor is answered.
 */
function isPast(
  { name, waits }: ProgramStep,
  fateOf: (name: string) => Fate,
  program: ReadonlyMap<string, ProgramStep>,
): boolean {
  const { status, isLeftover } = fateOf(name);
  if (status !== 'Failed' || !isLeftover) return false;
  return waits.some((wait) => {
    const met = isMet(wait, program.get(wait.on) as ProgramStep, fateOf, program);
    return wait.trigger !== 'Completed' && met !== 'yes' && met !== 'perhaps';
  });
}

function isOptional({ waits }: ProgramStep, program: ReadonlyMap<string, ProgramStep>): boolean {
  return waits.some(({ on, trigger }) => trigger !== 'Completed' || isOptional(program.get(on) as ProgramStep, program));
}
