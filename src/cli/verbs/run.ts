import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { callJson } from '../client.ts';
import { chooseCacheMode } from '../cache-mode.ts';
import { wrongUse } from '../exit.ts';
import { namesFile } from '../pipeline-file.ts';
import { runPython } from '../python-program.ts';
import { type RunSession, withServer } from '../run-server.ts';
import { openSession } from '../session.ts';
import { followExecution, newestSource, parameterOf, requireSuccess } from '../start-execution.ts';
import { type UpsertOptions, upsertFile } from './pipeline.ts';

export interface RunOptions extends UpsertOptions {
  readonly param: string[];
  readonly wait?: boolean;
  /** Only these steps run. */
  readonly select: string[];
  /** What the pipeline's cache compares from now on: `content` or `documented`. */
  readonly cache?: string;
  /** Leave the server on that was started for this run. */
  readonly keep?: boolean;
}

/**
 * `slipway run FILE|PIPELINE [--param K=V]… [--wait] [-- WORDS]`. A file needs no server beforehand: without one it is run to its end with a
 * server of its own. A Python program is run as it is, `words` are its arguments.
 */
export async function run(target: string, words: readonly string[], options: RunOptions): Promise<void> {
  if (!namesFile(target)) {
    refuseWords(target, words);
    return start({ ...(await openSession(options)), ownServer: false }, target, options);
  }
  if (!existsSync(target)) throw wrongUse(`${target}: there is no such file.`); // before a server is started for it
  if (extname(target) === '.py') {
    if (options.param.length > 0) {
      throw wrongUse(`--param: give a Python program its own arguments, after --: run ${target} -- ...`);
    }
    if (options.select.length > 0 || options.cache !== undefined) {
      throw wrongUse(
        `${target} starts its executions itself: use --select and --cache with the pipeline's name, once it is there.`,
      );
    }
    return withServer(options, (session) => runProgram(session, target, words, options));
  }
  refuseWords(target, words);
  return withServer(options, async (session) =>
    start(session, (await upsertFile(session.connection, target, options)).name, options),
  );
}

function refuseWords(target: string, words: readonly string[]): void {
  if (words.length > 0) throw wrongUse(`${words.join(' ')}: only a Python program takes arguments; ${target} takes --param K=V.`);
}

async function start(session: RunSession, name: string, options: RunOptions): Promise<void> {
  const { connection } = session;
  if (options.cache !== undefined) await chooseCacheMode(connection, name, options.cache);
  const { PipelineExecutionArn: arn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: name,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: options.param.map(parameterOf),
    ...(options.select.length > 0 && {
      SelectiveExecutionConfig: {
        SourcePipelineExecutionArn: await newestSource(connection, name),
        SelectedSteps: options.select.map((StepName) => ({ StepName })),
      },
    }),
  });
  await followExecution(session, arn, { wait: options.wait, ownServer: session.ownServer });
}

async function runProgram(session: RunSession, file: string, words: readonly string[], options: RunOptions): Promise<void> {
  const executions = await runPython(session, file, words, session.ownServer || options.wait === true);
  session.output.result(executions);
  for (const execution of executions) requireSuccess(execution);
  if (executions.length > 0) session.output.line('Succeeded');
}
