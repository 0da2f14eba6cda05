/**
 * What becomes of a piece of simulated work is written into the step that asks for it, so that the machine that "runs" it and the
 * oracle that judges it read the same words and nobody has to be told. Jobs and model servers read the environment of their process,
 * functions the event they are given, who answers a Callback step the message's arguments.
 */

/** Environment variable of a Processing, Training or Transform job and of a model's container. */
export const OUTCOME_VARIABLE = 'SIM_OUTCOME';
/** Environment variable of a job: JSON `{ "<output name>/<path>": "<text>" }` of what it leaves in its outputs when it ends well. */
export const FILES_VARIABLE = 'SIM_FILES';
/** Members of a function's event and of a Callback message's arguments. */
export const OUTCOME_MEMBER = 'simOutcome';
/** What the function returns, or what the Callback is answered with. */
export const RETURNS_MEMBER = 'simReturns';

/**
 * `ok` exit code 0; `fail` exit code 1; `oom` killed for its memory; `timeout` ended after its time; `lost` its supervisor vanished;
 * `hang` runs until it is stopped or out of time. The two last forms: as said up to the attempt before `n`, then `ok`. An attempt is
 * one job of the same step of the same execution, counted from 1, whoever asked for it.
 */
export type Outcome =
  | 'ok'
  | 'fail'
  | 'oom'
  | 'timeout'
  | 'lost'
  | 'hang'
  | `fail-until-attempt-${number}`
  | `lost-until-attempt-${number}`;
export type AttemptOutcome = 'ok' | 'fail' | 'oom' | 'timeout' | 'lost' | 'hang';

/** What becomes of the attempt of this number. Work that says nothing ends well. */
export function outcomeOf(text: string | undefined, attempt: number): AttemptOutcome {
  const [, until, number] = /^(fail|lost)-until-attempt-(\d+)$/.exec(text ?? '') ?? [];
  if (until !== undefined) return attempt < Number(number) ? (until as 'fail' | 'lost') : 'ok';
  const plain: readonly (string | undefined)[] = ['fail', 'oom', 'timeout', 'lost', 'hang'];
  return plain.includes(text) ? (text as AttemptOutcome) : 'ok';
}

/**
 * Attempts are jobs `pipelines-<execution id>-<step>-<hash>` of one step, and their works' ids begin with the job's name in some form:
 * a machine counts the distinct jobs of what this returns. Undefined for work that no pipeline asked for, each of which is attempt 1.
 */
export function attemptGroup(jobName: string): string | undefined {
  return /^(pipelines-[a-z0-9]{12}-.+)-[a-z0-9]{10}$/.exec(jobName)?.[1];
}
