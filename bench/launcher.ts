import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { resolve } from 'node:path';

const LAUNCHER = resolve(import.meta.dirname, '../bin/slipway.mjs');

/** Runs `slipway ARGS` to its end as a user would; its stdout. Fails with what it said when it fails. */
export async function slipway(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  if (child.exitCode !== 0)
    throw new Error(`slipway ${args.join(' ')} ended with exit code ${child.exitCode}:\n${stdout}${stderr}`);
  return stdout;
}

/** Starts `slipway serve` on free ports; resolves at its listening line. */
export async function serve(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [LAUNCHER, 'serve', '--port', '0', '--data', folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const part of child.stdout) if (String(part).includes('slipway: listening on ')) return child;
  throw new Error(`The server ended with exit code ${child.exitCode} before it listened.`);
}

/** As an operator stops it; resolves when it has ended. */
export async function stop(server: ChildProcess): Promise<void> {
  server.kill('SIGTERM');
  await once(server, 'exit');
}
