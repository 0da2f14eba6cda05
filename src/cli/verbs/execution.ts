import { callJson } from '../client.ts';
import { dataFlag } from '../data-folder-option.ts';
import { elapsedOf, sayItGoesOn, stepsOf, type StepSummary, takenNote, watchExecution } from '../execution-watch.ts';
import { statusWord, table } from '../output.ts';
import { executionArnOf } from '../references.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { requireSuccess } from '../start-execution.ts';
import { waitingReasonOf } from '../waiting-reason.ts';

const when = (seconds: number | undefined): string =>
  seconds ? new Date(seconds * 1000).toISOString().replace('T', ' ').slice(0, 19) : '';

/** `slipway status [EXECUTION]`: one execution, or the newest of every pipeline. */
export async function status(reference: string | undefined, options: GlobalOptions): Promise<void> {
  const { connection, output, folder } = await openSession(options);
  if (reference) {
    const arn = await executionArnOf(connection, reference);
    const execution = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn: arn });
    output.line(`${arn}`);
    output.line(`status   ${statusWord(output, execution.PipelineExecutionStatus ?? '')}`);
    output.line(`started  ${when(execution.CreationTime)} UTC`);
    if (execution.FailureReason) output.line(`reason   ${execution.FailureReason}`);
    output.result(execution);
    return;
  }
  const pipelines = (await callJson(connection, 'sagemaker:ListPipelines', { MaxResults: 100 })).PipelineSummaries ?? [];
  const rows = [['PIPELINE', 'NEWEST EXECUTION', 'STATUS', 'STARTED (UTC)']];
  const found: unknown[] = [];
  for (const pipeline of pipelines) {
    const newest = (
      await callJson(connection, 'sagemaker:ListPipelineExecutions', {
        PipelineName: pipeline.PipelineName ?? '',
        SortBy: 'CreationTime',
        SortOrder: 'Descending',
        MaxResults: 1,
      })
    ).PipelineExecutionSummaries?.[0];
    rows.push([
      pipeline.PipelineName ?? '',
      newest?.PipelineExecutionArn?.split('/').at(-1) ?? '-',
      newest?.PipelineExecutionStatus ?? '-',
      when(newest?.StartTime),
    ]);
    found.push({ ...pipeline, NewestExecution: newest ?? null });
  }
  output.line(pipelines.length > 0 ? table(rows) : `No pipeline yet. Create one: npx slipway upsert FILE${dataFlag(folder)}`);
  output.result(found);
}

/** `slipway steps EXECUTION` */
export async function steps(reference: string, options: GlobalOptions): Promise<void> {
  const { connection, output } = await openSession(options);
  const found = await stepsOf(connection, await executionArnOf(connection, reference));
  const rows = found.map((step) => [step.StepName ?? '', step.StepStatus ?? '', elapsedOf(step), whatOf(step)]);
  output.line(table([['STEP', 'STATUS', 'ELAPSED', 'WHAT'], ...rows]));
  for (const step of found) {
    const reason = step.FailureReason ?? (await waitingReasonOf(connection, step));
    if (reason) output.line(`\n${step.StepName}:\n  ${reason.trim().replaceAll('\n', '\n  ')}`);
  }
  output.result(found);
}

/** What the step made (a job's or model's name, or the condition's outcome), and where that was taken from. */
function whatOf(step: StepSummary): string {
  const taken = takenNote(step);
  const made = madeBy(step);
  const attempt = (step.AttemptCount ?? 1) > 1 ? `attempt ${step.AttemptCount}` : '';
  const notes = [taken, attempt].filter((note) => note !== '').join(', ');
  return notes === '' || made === '' ? made + notes : `${made} (${notes})`;
}

function madeBy(step: StepSummary): string {
  const metadata = step.Metadata ?? {};
  if (metadata.Condition) return `outcome ${metadata.Condition.Outcome}`;
  for (const made of Object.values(metadata)) {
    const arn = (made as { Arn?: string } | undefined)?.Arn;
    if (arn) return arn.split(':').at(-1) ?? arn;
  }
  return '';
}

/** `slipway stop EXECUTION` */
export async function stop(reference: string, options: GlobalOptions): Promise<void> {
  const { connection, output } = await openSession(options);
  const arn = await executionArnOf(connection, reference);
  const answer = await callJson(connection, 'sagemaker:StopPipelineExecution', {
    PipelineExecutionArn: arn,
    ClientRequestToken: crypto.randomUUID(),
  });
  output.line(`stopping ${arn}`);
  output.result(answer);
}

/** `slipway wait EXECUTION`: exit 0 only when it succeeded. */
export async function wait(reference: string, options: GlobalOptions): Promise<void> {
  const session = await openSession(options);
  const arn = await executionArnOf(session.connection, reference);
  sayItGoesOn(session.connection, arn);
  const execution = await watchExecution(session.connection, arn, session.output);
  session.output.result(execution);
  requireSuccess(execution);
  session.output.line(`execution ${execution.PipelineExecutionStatus}`);
}
