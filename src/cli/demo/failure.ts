import type { Connection } from '../connection.ts';
import type { ExecutionDescription, StepSummary } from '../execution-watch.ts';
import { type CliExit, failed } from '../exit.ts';
import type { Output } from '../output.ts';
import { logPlaceOf, LogReader } from '../step-log.ts';

const LOG_LINES = 15;

/** Prints why the execution did not succeed: each failed step's reason and the end of its log. */
export async function showFailure(
  connection: Connection,
  output: Output,
  execution: ExecutionDescription,
  steps: readonly StepSummary[],
): Promise<CliExit> {
  for (const step of steps.filter(({ StepStatus }) => StepStatus === 'Failed')) {
    const place = logPlaceOf(step);
    if (!place) continue;
    const lines: string[] = [];
    for await (const { message } of new LogReader(connection, place).read()) lines.push(message);
    output.line(`\nlast lines of the log of ${step.StepName}:`);
    for (const line of lines.slice(-LOG_LINES)) output.line(`  ${line}`);
  }
  output.line('');
  const failures = steps
    .filter((step) => step.FailureReason)
    .map((step) => `step ${step.StepName}: ${step.FailureReason?.trim()}`);
  return failed([`execution ${execution.PipelineExecutionStatus}`, ...failures].join('\n').replaceAll('\n', '\n  '));
}
