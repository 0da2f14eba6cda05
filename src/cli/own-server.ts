import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failed } from './exit.ts';
import { pause } from './wait.ts';

const MAIN = resolve(import.meta.dirname, 'main.ts');
const START_TIMEOUT_MS = 60_000;

/** A server that a verb starts for what it does, a process of its own as a user's would be. */
export interface OwnServer {
  /** Its address, once it listens; rejects with the end of its log when it never does. */
  readonly listening: Promise<string>;
  /** Ends it and its jobs; resolves when the process has ended. */
  stop(): Promise<void>;
  /** Lets it run on after this process. */
  leave(): void;
}

/** Starts a server on free ports. Its output goes to a file: it may outlive us, and must not write into our closed pipe. */
export function startOwnServer(folder: string): OwnServer {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const logPath = join(folder, 'server.log');
  const log = openSync(logPath, 'a', 0o600);
  const logStart = fstatSync(log).size; // earlier servers of the folder wrote before
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--data', folder], {
    detached: true, // Ctrl-C is for the verb, which then stops the server in order
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    listening: listeningAddress(child, () => readFileSync(logPath).subarray(logStart).toString('utf8'), logPath),
    stop: async () => {
      child.kill('SIGUSR2'); // like SIGTERM, and ends running jobs
      await ended;
    },
    leave: () => child.unref(),
  };
}

async function listeningAddress(child: ChildProcess, log: () => string, logPath: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 20) {
    const url = /^slipway: listening on (\S+)$/m.exec(log())?.[1];
    if (url) return url;
    if (child.exitCode !== null || child.signalCode !== null) {
      const last = log().trimEnd().split('\n').slice(-20).join('\n');
      throw failed(`slipway: the server did not start (exit ${child.exitCode ?? child.signalCode}). Its last words:\n${last}`);
    }
    await pause(20);
  }
  child.kill('SIGTERM');
  throw failed(`slipway: the server was not listening after ${START_TIMEOUT_MS / 1000} s. Its log: ${logPath}`);
}
