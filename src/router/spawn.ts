import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSocketPath } from './socket-path.ts';

export interface RouterCommand {
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly build: string;
}

export type RouterStart = { readonly listening: true } | { readonly listening: false; readonly exitCode: number };

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const LOG_BYTES_MAX = 4 * 1024 * 1024;
const POLL_MS = 10;

/** Starts the router in a session of its own, so that nothing that ends the server ends it. Resolves when it listens or died. */
export function spawnRouter({ folder, host, port, build }: RouterCommand): Promise<RouterStart> {
  const socketPath = join(folder, 'control.sock');
  const logFile = openLog(join(folder, 'router.log'));
  const { NODE_COMPILE_CACHE, PATH } = process.env;
  const child = spawn(
    process.execPath,
    // two cores at most serve requests here; more heap or helper threads would only cost memory
    [
      '--max-semi-space-size=4',
      '--disable-warning=ExperimentalWarning',
      MAIN,
      '--folder',
      folder,
      '--host',
      host,
      '--port',
      String(port),
      '--build',
      build,
    ],
    {
      cwd: folder,
      detached: true,
      stdio: ['ignore', logFile, logFile],
      env: { PATH, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) },
    },
  );
  closeSync(logFile);
  child.unref();
  return new Promise((resolve) => {
    let exited = false;
    child.once('error', () => settle({ listening: false, exitCode: -1 }));
    child.once('exit', (code) => settle({ listening: false, exitCode: code ?? -1 }));
    const settle = (start: RouterStart) => {
      exited = true;
      resolve(start);
    };
    const poll = async () => {
      while (!exited) {
        if (existsSync(socketPath) && (await accepts(socketPath))) return settle({ listening: true });
        await new Promise((again) => setTimeout(again, POLL_MS));
      }
    };
    void poll();
  });
}

function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

function accepts(socketPath: string): Promise<boolean> {
  const address = openSocketPath(socketPath);
  return new Promise((resolve) => {
    const socket = connect(address.path);
    const settle = (accepted: boolean) => {
      socket.destroy();
      address.close();
      resolve(accepted);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** Folders whose code the router runs. */
const CODE = ['.', '../gateway/signature', '../platform/authorization'];

/** Changes when the router's code does, so that an upgraded server replaces the router instead of taking it over. */
export function routerBuild(): string {
  const digest = createHash('sha256').update(process.version);
  for (const folder of CODE) {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    for (const name of readdirSync(path).sort()) {
      if (name.endsWith('.ts') && !name.endsWith('.test.ts')) digest.update(name).update(readFileSync(join(path, name)));
    }
  }
  return digest.digest('hex').slice(0, 16);
}
