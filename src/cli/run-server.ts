import { dataFlag, dataFolderOf } from './data-folder-option.ts';
import { connect, runningServer } from './connection.ts';
import { createOutput } from './output.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import type { GlobalOptions, Session } from './session.ts';

/** Whether a run has a server of its own, which ends with it. */
export type RunSession = Session & { readonly ownServer: boolean };

/**
 * Does `work` with the server of the data folder, or, when none listens, with one that is started for it and stopped afterwards. What was
 * done stays in the folder.
 */
export async function withServer<T>(
  options: GlobalOptions & { readonly keep?: boolean },
  work: (session: RunSession) => Promise<T>,
): Promise<T> {
  const folder = dataFolderOf(options.data);
  const output = createOutput(options.json ?? false);
  if (await runningServer(folder)) {
    return work({ connection: await connect(folder, options.region), output, folder, ownServer: false });
  }
  const server = startOwnServer(folder);
  const interruption = stopOnSignal(server, folder);
  try {
    output.line(`server     ${await server.listening} for this run, data folder ${folder}`);
    return await work({ connection: await connect(folder, options.region), output, folder, ownServer: true });
  } finally {
    await interruption.settled();
    if (options.keep) leave(server, folder, output.line);
    else await server.stop();
  }
}

function leave(server: OwnServer, folder: string, line: (text: string) => void): void {
  server.leave();
  line(`the server goes on; its page: npx slipway ui${dataFlag(folder)}; stop it: npx slipway down${dataFlag(folder)}`);
}

/** The server is not of the terminal's group, so that it can be stopped in order. */
function stopOnSignal(server: OwnServer, folder: string): { settled(): Promise<void> } {
  let stopping: Promise<void> | undefined;
  const listener = (signal: NodeJS.Signals) => {
    stopping ??= server.stop().then(() => {
      process.stderr.write(
        `\nslipway run: interrupted; its server was stopped, its jobs too. What was done so far is kept: npx slipway serve${dataFlag(folder)}\n`,
      );
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  };
  process.once('SIGINT', listener).once('SIGTERM', listener);
  return { settled: () => stopping ?? Promise.resolve() };
}
