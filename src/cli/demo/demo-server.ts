import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failed } from '../exit.ts';
import { pause } from '../wait.ts';

const MAIN = resolve(import.meta.dirname, '../main.ts');
const START_TIMEOUT_MS = 60_000;

/** The demo's own server, a process of its own as a user's would be. */
export interface DemoServer {
  /** Its address, once it listens; rejects with the end of its log when it never does. */
  readonly listening: Promise<string>;
  /** Ends it and its jobs; resolves when the process has ended. */
  stop(): Promise<void>;
  /** Lets it run on after this process. */
  leave(): void;
}

/** Starts a server on free ports. Its output goes to a file: it may outlive us, and must not write into our closed pipe. */
export function startDemoServer(folder: string): DemoServer {
  const logPath = join(folder, 'server.log');
  const log = openSync(logPath, 'a', 0o600);
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--data', folder], {
    detached: true, // Ctrl-C is for the demo, which then stops the server in order
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    listening: listeningAddress(child, logPath),
    stop: async () => {
      child.kill('SIGUSR2'); // like SIGTERM, and ends running jobs
      await ended;
    },
    leave: () => child.unref(),
  };
}

async function listeningAddress(child: ChildProcess, logPath: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 20) {
    const url = /^slipway: listening on (\S+)$/m.exec(readFileSync(logPath, 'utf8'))?.[1];
    if (url) return url;
    if (child.exitCode !== null || child.signalCode !== null) {
      const last = readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-20).join('\n');
      throw failed(
        `slipway demo: the server did not start (exit ${child.exitCode ?? child.signalCode}). Its last words:\n${last}`,
      );
    }
    await pause(20);
  }
  child.kill('SIGTERM');
  throw failed(`slipway demo: the server was not listening after ${START_TIMEOUT_MS / 1000} s. Its log: ${logPath}`);
}
