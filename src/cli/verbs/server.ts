import { isListening, readServerRecord } from '../connection.ts';
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
  const { runServer } = await import('../../main.ts');
  await runServer({
    folder: dataFolderOf(options.data),
    host: options.host,
    port: portOf('--port', options.port),
    runtimePort: portOf('--runtime-port', options.runtimePort),
    stopJobs: options.stopJobs ?? false,
  });
}

function portOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw wrongUse(`${name} must be 0 to 65535, not "${text}".`);
  return port;
}

/** `slipway down [--jobs]`: stops the server of the data folder and waits until it has ended. */
export async function down(options: GlobalOptions & { jobs?: boolean }): Promise<void> {
  const folder = dataFolderOf(options.data);
  const output = createOutput(options.json ?? false);
  const record = readServerRecord(folder);
  if (!record || !(await isListening(record))) {
    output.line(`slipway: no server is listening for ${folder}`);
    output.result({ stopped: false });
    return;
  }
  process.kill(record.pid, options.jobs ? 'SIGUSR2' : 'SIGTERM'); // SIGUSR2: like SIGTERM, and end running jobs too
  for (let waitedMs = 0; isAlive(record.pid); waitedMs += 100) {
    if (waitedMs > 150_000) throw failed(`slipway: server process ${record.pid} has not ended after 150 s; see its log.`);
    await pause(100);
  }
  output.line(`slipway: stopped (start again: npx slipway serve${dataFlag(folder)})`);
  output.result({ stopped: true, pid: record.pid });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // alive, but another user's
  }
}
