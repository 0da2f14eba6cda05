import type { OutputOf } from '../contract/operations.ts';
import { callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { dataFlag } from './data-folder-option.ts';
import { createLiveLines, type LiveLines } from './live-lines.ts';
import { duration, type Output, statusWord } from './output.ts';
import { pause } from './wait.ts';
import { waitingReasonOf } from './waiting-reason.ts';

export type StepSummary = NonNullable<OutputOf<'sagemaker:ListPipelineExecutionSteps'>['PipelineExecutionSteps']>[number];
export type ExecutionDescription = OutputOf<'sagemaker:DescribePipelineExecution'>;

/** All steps of an execution, oldest first. */
export async function stepsOf(connection: Connection, executionArn: string): Promise<StepSummary[]> {
  const steps: StepSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn: executionArn,
      SortOrder: 'Ascending',
      MaxResults: 100,
      NextToken: nextToken,
    });
    steps.push(...(page.PipelineExecutionSteps ?? []));
    nextToken = page.NextToken;
  } while (nextToken);
  return steps;
}

const ENDED = new Set(['Succeeded', 'Failed', 'Stopped', 'CompletedWithFailures']);

export const hasEnded = (execution: ExecutionDescription): boolean => ENDED.has(execution.PipelineExecutionStatus ?? '');

/** How long a step took, or has taken so far; '' before it starts. Times on the wire are epoch seconds. */
export function elapsedOf(step: StepSummary): string {
  if (!step.StartTime) return '';
  return duration(((step.EndTime ?? Date.now() / 1000) - step.StartTime) * 1000);
}

/** Prints one line per change until the execution ends; in a terminal only ends stay, what runs is kept live below them. */
export async function watchExecution(
  connection: Connection,
  executionArn: string,
  output: Output,
): Promise<ExecutionDescription> {
  const live = createLiveLines(output);
  const printed = new Map<string, string>();
  try {
    for (;;) {
      // The description first: when it says ended, the steps read after it are the final ones.
      const execution = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn: executionArn });
      const steps = await stepsOf(connection, executionArn);
      printChanges(output, live, steps, printed);
      if (hasEnded(execution)) return execution;
      if (output.terminal) live.show(await runningLines(connection, output, steps));
      await pause(200);
    }
  } finally {
    live.clear();
  }
}

async function runningLines(connection: Connection, output: Output, steps: readonly StepSummary[]): Promise<string[]> {
  const running = steps.filter((step) => !step.EndTime);
  const waiting = await Promise.all(running.map((step) => waitingReasonOf(connection, step)));
  return running.map((step, at) => `${stepLine(output, step)}  ${elapsedOf(step)}  ${waiting[at] ?? ''}`.trimEnd());
}

/** Ctrl-C ends the watching, not what is watched. */
export function sayItGoesOn({ folder }: Connection, executionArn: string): void {
  process.once('SIGINT', () => {
    process.stderr.write(
      `\nThe execution goes on. Follow it: npx slipway wait ${executionArn.split('/').at(-1)}${dataFlag(folder)}\n`,
    );
    process.exit(130);
  });
}

function printChanges(output: Output, live: LiveLines, steps: readonly StepSummary[], printed: Map<string, string>): void {
  live.clear();
  for (const step of steps) {
    const name = step.StepName ?? '';
    const status = step.StepStatus ?? '';
    if (printed.get(name) === status || (output.terminal && !step.EndTime)) continue;
    printed.set(name, status);
    output.line(step.EndTime ? `${stepLine(output, step)}  ${elapsedOf(step)}${outcomeOf(step)}` : stepLine(output, step));
  }
}

const stepLine = (output: Output, step: StepSummary): string =>
  `  ${(step.StepName ?? '').padEnd(24)} ${statusWord(output, step.StepStatus ?? '')}`;

/** From which execution a step's result was taken instead of being computed; '' for steps that ran. */
export function takenNote({ CacheHitResult: cached, SelectiveExecutionResult: reused }: StepSummary): string {
  const source = (cached ?? reused)?.SourcePipelineExecutionArn?.split('/').at(-1);
  if (source === undefined) return '';
  return cached ? `cached, from ${source}` : `taken from ${source}`;
}

function outcomeOf(step: StepSummary): string {
  const taken = takenNote(step);
  const outcome = step.Metadata?.Condition?.Outcome ? `  outcome ${step.Metadata.Condition.Outcome}` : '';
  const reason = step.FailureReason ? `\n    ${step.FailureReason.trimEnd().replaceAll('\n', '\n    ')}` : '';
  return (taken === '' ? '' : `  ${taken}`) + outcome + reason;
}
