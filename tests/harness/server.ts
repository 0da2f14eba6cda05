import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
export const CLI = join(ROOT, 'src/cli/main.ts');

/** A real server process on free ports. */
export interface TestServer {
  readonly url: string;
  readonly runtimeUrl: string;
  /** Its data folder. */
  readonly folder: string;
  readonly pid: number;
  /** What `slipway env` sets, on top of this process's environment: for AWS clients and the CLI. */
  readonly env: NodeJS.ProcessEnv;
  /** Its stderr so far. */
  log(): string;
  /** As an operator would, jobs too; also after `kill9`. Removes the folder unless it was given. */
  stop(): Promise<void>;
  /** `kill -9` of the server's pid alone; start again with the same folder. */
  kill9(): Promise<void>;
}

export interface StartOptions {
  /** Default: a fresh one, removed by `stop`. */
  readonly folder?: string;
  /** Text of slipway.yaml; written before the start. */
  readonly settings?: string;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** A program that serves the folder in place of `slipway serve`, which it gets as its argument before the others. */
  readonly entry?: string;
}

/** Starts a server and waits for its listening line. Fails with the server's log when it ends before. */
export async function startServer({ folder: given, settings, args = [], entry }: StartOptions = {}): Promise<TestServer> {
  const folder = given ?? mkdtempSync(join(tmpdir(), 'slipway-test-'));
  mkdirSync(folder, { recursive: true });
  if (settings !== undefined) writeFileSync(join(folder, 'slipway.yaml'), settings);
  const words = entry === undefined ? [CLI, 'serve', '--port', '0', '--data', folder] : [entry, folder];
  const child = spawn(process.execPath, [...words, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const log: string[] = [];
  child.stderr.on('data', (text: Buffer) => log.push(text.toString()));
  const url = await listeningUrl(child, () => log.join('')).catch((error: unknown) => {
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const { runtimePort } = JSON.parse(readFileSync(join(folder, 'server.json'), 'utf8')) as { runtimePort: number };
  const runtimeUrl = `http://127.0.0.1:${runtimePort}`;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  return {
    url,
    runtimeUrl,
    folder,
    pid: child.pid ?? 0,
    env: { ...process.env, ...environmentOf(folder, url, runtimeUrl) },
    log: () => log.join(''),
    kill9: () => end('SIGKILL'),
    stop: async () => {
      const killed = child.exitCode !== null || child.signalCode !== null;
      if (killed)
        await (await startServer({ folder })).stop(); // its router and jobs live on: only a server ends them in order
      else await end('SIGUSR2'); // like SIGTERM, and ends running jobs
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listeningUrl(child: ChildProcess, log: () => string): Promise<string> {
  let printed = '';
  return new Promise((found, refuse) => {
    child.stdout?.on('data', (text: Buffer) => {
      printed += text.toString();
      const url = /^slipway: listening on (\S+)$/m.exec(printed)?.[1];
      if (url) found(url);
    });
    child.once('exit', (code, signal) => refuse(new Error(`The server ended (${code ?? signal}) before it listened:\n${log()}`)));
  });
}

/** Without the `AWS_*` and `SLIPWAY_*` settings a developer's shell may have. */
function environmentOf(folder: string, url: string, runtimeUrl: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  for (const name of Object.keys(process.env)) if (/^(AWS|SLIPWAY_DATA)/.test(name)) environment[name] = undefined;
  const value = (file: string, name: string): string =>
    new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? '';
  const region = value('config', 'region');
  return {
    ...environment,
    SLIPWAY_DATA: folder,
    AWS_ENDPOINT_URL: url,
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: runtimeUrl,
    AWS_ACCESS_KEY_ID: value('credentials', 'aws_access_key_id'),
    AWS_SECRET_ACCESS_KEY: value('credentials', 'aws_secret_access_key'),
    AWS_DEFAULT_REGION: region,
    AWS_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
    SAGEMAKER_USER_CONFIG_OVERRIDE: join(folder, 'sagemaker.yaml'),
  };
}
