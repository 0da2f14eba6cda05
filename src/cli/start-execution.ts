import { callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { dataFlag } from './data-folder-option.ts';
import { type ExecutionDescription, sayItGoesOn, watchExecution } from './execution-watch.ts';
import { failed, wrongUse } from './exit.ts';
import type { Session } from './session.ts';

/** `NAME=VALUE` of `--param`. */
export function parameterOf(text: string): { Name: string; Value: string } {
  const at = text.indexOf('=');
  if (at < 1) throw wrongUse(`--param ${text}: write NAME=VALUE.`);
  return { Name: text.slice(0, at), Value: text.slice(at + 1) };
}

export interface FollowOptions {
  readonly wait?: boolean;
  /** The server ends with this run, so there is nothing to follow later. */
  readonly ownServer?: boolean;
}

/** Prints an execution that goes on; follows it to its end when asked to, and exits 1 unless it succeeds then. */
export async function followExecution(session: Session, arn: string, { wait, ownServer }: FollowOptions): Promise<void> {
  const { connection, output, folder } = session;
  output.line(arn);
  if (!wait && !ownServer) {
    output.line(`follow it: npx slipway wait ${arn.split('/').at(-1)}${dataFlag(folder)}`);
    return output.result({ PipelineExecutionArn: arn });
  }
  if (!ownServer) sayItGoesOn(connection, arn);
  const execution = await watchExecution(connection, arn, output);
  output.result(execution);
  if (execution.PipelineExecutionStatus !== 'Succeeded') {
    const [flag, id] = [dataFlag(folder), arn.split('/').at(-1)];
    if (ownServer)
      output.line(`\nits logs are kept: npx slipway serve${flag}; in another shell: npx slipway logs ${id} STEP${flag}`);
    output.line(`${ownServer ? '' : '\n'}when it is mended: npx slipway upsert FILE${flag}; npx slipway resume ${id}${flag}`);
  }
  requireSuccess(execution);
  output.line(`execution ${execution.PipelineExecutionStatus}`);
}

export function requireSuccess({ PipelineExecutionStatus: status, FailureReason: reason }: ExecutionDescription): void {
  if (status !== 'Succeeded') throw failed(`execution ${status}${reason ? `: ${reason}` : ''}`);
}

/** What SelectiveExecutionConfig takes as a source: AWS wants an execution that ended by itself. */
const SOURCES = new Set(['Succeeded', 'Failed', 'CompletedWithFailures']);

/** The newest execution whose results a selection can use. */
export async function newestSource(connection: Connection, PipelineName: string): Promise<string | undefined> {
  const { PipelineExecutionSummaries: found = [] } = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
    PipelineName,
    SortBy: 'CreationTime',
    SortOrder: 'Descending',
    MaxResults: 100,
  });
  return found.find(({ PipelineExecutionStatus: status = '' }) => SOURCES.has(status))?.PipelineExecutionArn;
}
