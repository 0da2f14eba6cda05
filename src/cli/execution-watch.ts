import type { OutputOf } from '../contract/operations.ts';
import { callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { duration, type Output, statusWord } from './output.ts';
import { pause } from './wait.ts';

export type StepSummary = NonNullable<OutputOf<'sagemaker:ListPipelineExecutionSteps'>['PipelineExecutionSteps']>[number];
export type ExecutionDescription = OutputOf<'sagemaker:DescribePipelineExecution'>;

/** All steps of an execution, oldest first. */
export async function stepsOf(connection: Connection, executionArn: string): Promise<StepSummary[]> {
  const steps: StepSummary[] = [];
  let nextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn: executionArn, SortOrder: 'Ascending', MaxResults: 100, NextToken: nextToken });
    steps.push(...(page.PipelineExecutionSteps ?? []));
    nextToken = page.NextToken;
  } while (nextToken);
  return steps;
}

const ENDED = new Set(['Succeeded', 'Failed', 'Stopped', 'CompletedWithFailures']);

/**
 * Prints one line per change until the execution ends; in a terminal the running steps with their elapsed time are kept
 * on a live last line.
 */
export async function watchExecution(
  connection: Connection, executionArn: string, output: Output): Promise<ExecutionDescription> {
  const printed = new Map<string, string>();
  for (;;) {
    const execution = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn: executionArn });
    const steps = await stepsOf(connection, executionArn);
    clearLiveLine(output);
    for (const step of steps) {
      const name = step.StepName ?? '';
      if (printed.get(name) === step.StepStatus) continue;
      printed.set(name, step.StepStatus ?? '');
      output.line(stepLine(output, step));
    }
    if (ENDED.has(execution.PipelineExecutionStatus ?? '')) return execution;
    showLiveLine(output, steps);
    await pause(output.terminal ? 250 : 500);
  }
}

function stepLine(output: Output, step: StepSummary): string {
  const ended = step.EndTime && step.StartTime ? `  ${duration((step.EndTime - step.StartTime) * 1000)}` : '';
  const outcome = step.Metadata?.Condition?.Outcome ? `  outcome ${step.Metadata.Condition.Outcome}` : '';
  const reason = step.FailureReason ? `\n    ${step.FailureReason.trimEnd().replaceAll('\n', '\n    ')}` : '';
  return `  ${(step.StepName ?? '').padEnd(28)} ${statusWord(output, step.StepStatus ?? '')}${ended}${outcome}${reason}`;
}

function showLiveLine(output: Output, steps: readonly StepSummary[]): void {
  if (!output.terminal) return;
  const running = steps.filter((step) => step.StartTime && !step.EndTime);
  const text = running.map((step) => `${step.StepName} ${duration(Date.now() - (step.StartTime ?? 0) * 1000)}`).join(', ');
  if (text) process.stdout.write(`  … ${text}`.slice(0, (process.stdout.columns ?? 80) - 1));
}

function clearLiveLine(output: Output): void {
  if (output.terminal) process.stdout.write('\r\u001b[2K');
}
