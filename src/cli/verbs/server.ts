import { readServerRecord } from '../../platform/data-folder.ts';
import { AwsError, callJson } from '../client.ts';
import { connect, type Connection, isAlive, runningServer } from '../connection.ts';
import { dataFlag, dataFolderOf } from '../data-folder-option.ts';
import { failed, wrongUse } from '../exit.ts';
import { createOutput } from '../output.ts';
import type { GlobalOptions } from '../session.ts';
import { pause } from '../wait.ts';

export interface ServeOptions extends GlobalOptions {
  readonly port?: string;
  readonly runtimePort?: string;
  readonly host: string;
  readonly stopJobs?: boolean;
}

/** `slipway serve`: runs the server in this process until SIGTERM or Ctrl-C. */
export async function serve(options: ServeOptions): Promise<void> {
  const port = portOf('--port', options.port);
  const runtimePort = portOf('--runtime-port', options.runtimePort);
  const { runServer } = await import('../../main.ts');
  await runServer({
    folder: dataFolderOf(options.data),
    host: options.host,
    port,
    runtimePort,
    stopJobs: options.stopJobs ?? false,
  });
}

function portOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw wrongUse(`${name} must be 0 to 65535, not "${text}".`);
  return port;
}

const STOP_TIMEOUT_MS = 150_000;

/** `slipway down [--jobs]`: stops the server of the data folder and waits until it has ended. */
export async function down(options: GlobalOptions & { jobs?: boolean }): Promise<void> {
  const folder = dataFolderOf(options.data);
  const output = createOutput(options.json ?? false);
  const record = await runningServer(folder);
  if (!record) {
    output.line(`slipway: no server is listening for ${folder}`);
    const routerPid = readServerRecord(folder)?.routerPid;
    if (routerPid !== undefined && isAlive(routerPid))
      output.line(
        `  the router of one that was killed (process ${routerPid}) and its endpoints live on: npx slipway serve${dataFlag(folder)} takes them over, and ends them when it is stopped`,
      );
    output.result({ stopped: false });
    return;
  }
  const left = options.jobs ? [] : await runningJobs(await connect(folder));
  process.kill(record.pid, options.jobs ? 'SIGUSR2' : 'SIGTERM'); // SIGUSR2: like SIGTERM, and end running jobs too
  for (let waitedMs = 0; isAlive(record.pid); waitedMs += 50) {
    if (waitedMs > STOP_TIMEOUT_MS)
      throw failed(`slipway: server process ${record.pid} has not ended after ${STOP_TIMEOUT_MS / 1000} s; see its log.`);
    await pause(50);
  }
  output.line(`slipway: stopped (start again: npx slipway serve${dataFlag(folder)})`);
  if (left.length > 0)
    output.line(
      `  ${left.length} unfinished job(s) stay: what runs goes on, and the next start takes them over: ${left.join(', ')}`,
    );
  output.result({ stopped: true, pid: record.pid, runningJobs: left });
}

/** For the last line only: whoever may not list jobs may still stop the server. */
async function runningJobs(connection: Connection): Promise<string[]> {
  const request = { StatusEquals: 'InProgress', MaxResults: 100 } as const;
  try {
    const training = await callJson(connection, 'sagemaker:ListTrainingJobs', request);
    const processing = await callJson(connection, 'sagemaker:ListProcessingJobs', request);
    return [
      ...(training.TrainingJobSummaries ?? []).map((job) => job.TrainingJobName ?? ''),
      ...(processing.ProcessingJobSummaries ?? []).map((job) => job.ProcessingJobName ?? ''),
    ];
  } catch (error) {
    if (error instanceof AwsError) return [];
    throw error;
  }
}
