import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { callJson, defaultRoleArn } from './client.ts';
import { type ExecutionDescription, watchExecution } from './execution-watch.ts';
import { runCommand } from './exec/command.ts';
import { CliExit } from './exit.ts';
import type { Session } from './session.ts';

/** Executions looked at per pipeline, newest first: more than a program starts. */
const NEWEST = 20;

/**
 * Runs a SageMaker program as it is, as in a SageMaker notebook: with the pipeline role's rights, all AWS calls reaching the server. With
 * `follow`, executions it started are followed to their end, and given. Throws with the program's own exit code when that is not 0.
 */
export async function runPython(
  session: Session,
  file: string,
  words: readonly string[],
  follow: boolean,
): Promise<ExecutionDescription[]> {
  const { connection, output } = session;
  const before = new Set(await newestExecutions(session));
  const actAs = { roleArn: await defaultRoleArn(connection) };
  const code = await runCommand(connection, [pythonOf(resolve(file)), file, ...words], actAs);
  if (code !== 0) throw new CliExit(code, `slipway run: ${file} ended with exit code ${code}.`);
  const executions: ExecutionDescription[] = [];
  for (const arn of (await newestExecutions(session)).filter((found) => !before.has(found)).reverse()) {
    output.line(`execution  ${arn}`);
    if (follow) executions.push(await watchExecution(connection, arn, output));
  }
  return executions;
}

async function newestExecutions({ connection }: Session): Promise<string[]> {
  const found: string[] = [];
  let NextToken: string | undefined;
  do {
    const pipelines = await callJson(connection, 'sagemaker:ListPipelines', { MaxResults: 100, NextToken });
    for (const { PipelineName = '' } of pipelines.PipelineSummaries ?? []) {
      const page = await callJson(connection, 'sagemaker:ListPipelineExecutions', { PipelineName, MaxResults: NEWEST });
      found.push(...(page.PipelineExecutionSummaries ?? []).flatMap(({ PipelineExecutionArn }) => PipelineExecutionArn ?? []));
    }
    NextToken = pipelines.NextToken;
  } while (NextToken);
  return found;
}

/** An environment of the shell or beside the program (`.venv`), else whatever `python3` is. */
function pythonOf(file: string): string {
  const candidates = [process.env['VIRTUAL_ENV'], join(dirname(file), '.venv')].flatMap((folder) =>
    folder ? [join(folder, 'bin', 'python')] : [],
  );
  return candidates.find((path) => existsSync(path)) ?? 'python3';
}
