import { invariant, ServiceError } from '../../../platform/errors/families.ts';
import type { Observation } from '../decide-execution.ts';
import { exceptionOf, isCovered } from '../decide-retry.ts';
import { isPassing, passingFault } from '../../../platform/errors/passing.ts';
import type { PipelinePorts } from '../ports.ts';
import { type ExecutionRun, originOf } from '../run.ts';
import type { StepKind, Work } from './step-kind.ts';
import { STEP_KINDS } from './table.ts';
import { principalOf } from './work.ts';

/** Asks for what a step makes, under its deterministic name: asking again finds what is there. */
export const startStep = (ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Observation> =>
  perform(ports, run, index, (kind, work) => kind.start(work), true);

/** Looks whether what a step made has ended. Undefined while it has not. */
export const lookAtStep = (ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Observation | undefined> =>
  perform(ports, run, index, async (kind, work) => kind.look?.(work));

/** Asks what a step made to stop. What was never made, or has ended, is told as such. */
export const stopStep = (ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Observation | undefined> =>
  perform(ports, run, index, (kind, work) => kind.stop(work));

/** Says of a failure what retry policies call it. */
function withException<F extends Extract<Observation, { kind: 'failed' }>>(
  seen: F,
  failure: { code?: string; reason?: string },
): F {
  const exception = exceptionOf(failure);
  return exception === undefined ? seen : { ...seen, exception };
}

async function perform<O extends Observation | undefined>(
  ports: PipelinePorts,
  run: ExecutionRun,
  index: number,
  effect: (kind: StepKind, work: Work) => Promise<O>,
  isAttempt = false,
): Promise<O | Extract<Observation, { kind: 'failed' }>> {
  const step = run.progress.graph.steps[index];
  const document = run.active.get(index);
  invariant(step && document, 'an effect concerns an active step', { execution: run.execution.arn });
  const kind = STEP_KINDS[step.type];
  invariant(kind, 'only executed step types come this far', { type: step.type });
  try {
    const principal = await principalOf(ports, run);
    const seen = await effect(kind, { ports, run, index, step, document, principal, origin: originOf(run, step.name) });
    return seen?.kind === 'failed' ? withException(seen, { reason: seen.reason }) : seen;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const { code } = error;
    const exception = exceptionOf({ code });
    // a fault that passes is waited out, unless the step's own policy says how
    const hasPolicy = isAttempt && exception !== undefined && isCovered(step.step, exception);
    if (isPassing(error) && !hasPolicy) throw passingFault(error);
    return withException({ kind: 'failed', step: index, reason: `ClientError: ${error.message}` }, { code });
  }
}
