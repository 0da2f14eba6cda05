import { existsSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { callJson } from '../client.ts';
import { dataFlag } from '../data-folder-option.ts';
import { type ExecutionDescription, sayItGoesOn, watchExecution } from '../execution-watch.ts';
import { failed, wrongUse } from '../exit.ts';
import { runPython } from '../python-program.ts';
import { type RunSession, withServer } from '../run-server.ts';
import { openSession } from '../session.ts';
import { type UpsertOptions, upsertFile } from './pipeline.ts';

export interface RunOptions extends UpsertOptions {
  readonly param: string[];
  readonly wait?: boolean;
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
  const { connection, output, folder } = session;
  const { PipelineExecutionArn: arn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: name,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: options.param.map(parameterOf),
  });
  output.line(arn);
  if (!options.wait && !session.ownServer) {
    output.line(`follow it: npx slipway wait ${arn.split('/').at(-1)}${dataFlag(folder)}`);
    return output.result({ PipelineExecutionArn: arn });
  }
  if (!session.ownServer) sayItGoesOn(connection, arn);
  const execution = await watchExecution(connection, arn, output);
  output.result(execution);
  requireSuccess(execution);
  output.line(`execution ${execution.PipelineExecutionStatus}`);
}

async function runProgram(session: RunSession, file: string, words: readonly string[], options: RunOptions): Promise<void> {
  const executions = await runPython(session, file, words, session.ownServer || options.wait === true);
  session.output.result(executions);
  for (const execution of executions) requireSuccess(execution);
  if (executions.length > 0) session.output.line('Succeeded');
}

function requireSuccess({ PipelineExecutionStatus: status, FailureReason: reason }: ExecutionDescription): void {
  if (status !== 'Succeeded') throw failed(`execution ${status}${reason ? `: ${reason}` : ''}`);
}

/** A pipeline's name has no dot and no slash; a folder that happens to be called like the pipeline is not meant. */
function namesFile(target: string): boolean {
  if (extname(target) !== '' || target.includes('/')) return true;
  return statSync(target, { throwIfNoEntry: false })?.isFile() ?? false;
}

function parameterOf(text: string): { Name: string; Value: string } {
  const at = text.indexOf('=');
  if (at < 1) throw wrongUse(`--param ${text}: write NAME=VALUE.`);
  return { Name: text.slice(0, at), Value: text.slice(at + 1) };
}
