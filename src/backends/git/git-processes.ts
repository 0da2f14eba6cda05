import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { BackendError } from '../../platform/errors/families.ts';
import type { GitResult, GitRun } from '../../platform/ports/git.ts';

/** Runs of the host's git, each in a repository's folder and in an environment that is ours alone. */

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const ERROR_CHARS_MAX = 8_000;
/** By this variable a later server finds runs that outlived the one that started them. */
export const MARK = 'SLIPWAY_GIT';

/** What no repository and no machine may say otherwise: on the command line, which wins over every file. */
const CONFIG: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.fsync': 'all',
  'core.fsyncMethod': 'fsync',
  'core.askPass': '/bin/false',
  'safe.directory': '*',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'receive.autogc': 'false',
  'receive.fsckObjects': 'true',
  'receive.unpackLimit': '1',
  'receive.updateServerInfo': 'false',
  'receive.advertisePushOptions': 'false',
  'fetch.fsckObjects': 'true',
  'fetch.unpackLimit': '1',
  'fetch.recurseSubmodules': 'false',
  'fastimport.unpackLimit': '1',
  'transfer.hideRefs': 'refs/slipway',
  'uploadpack.allowFilter': 'true',
  'uploadpack.allowReachableSHA1InWant': 'true',
  'http.followRedirects': 'false',
  'http.lowSpeedLimit': '100',
  'http.lowSpeedTime': '60',
  'credential.helper': '',
};

const CONFIG_WORDS = Object.entries(CONFIG).flatMap(([name, value]) => ['-c', `${name}=${value}`]);

function start(root: string, folder: string, words: readonly string[], options: GitRun): ChildProcess {
  return spawn('git', [...CONFIG_WORDS, ...words], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: '/nonexistent',
      LANG: 'C',
      TZ: 'UTC',
      GIT_DIR: '.',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_LITERAL_PATHSPECS: '1',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_TERMINAL_PROMPT: '0',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_ALLOW_PROTOCOL: 'http:https',
      GIT_PROTOCOL_FROM_USER: '0',
      ...options.environment,
      [MARK]: root,
    },
  });
}

interface Started {
  readonly child: ChildProcess;
  /** Settled when it has ended: the exit code, 128 for a signal. Rejects when there is no git. */
  readonly ended: Promise<number>;
  errors(): string;
}

function started(root: string, folder: string, words: readonly string[], options: GitRun): Started {
  const child = start(root, folder, words, options);
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-ERROR_CHARS_MAX);
  });
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGTERM'), options.timeoutMs);
  const ended = once(child, 'close').then(
    ([code]) => (code as number | null) ?? 128,
    (error: Error) => {
      throw new BackendError('runtime', `git cannot be run: ${error.message}. Install git 2.36 or later.`, { cause: error });
    },
  );
  ended.catch(() => undefined).finally(() => clearTimeout(timer));
  feed(child, options.input);
  return { child, ended, errors: () => errors.trim() };
}

function feed(child: ChildProcess, input: GitRun['input']): void {
  const { stdin } = child;
  if (!stdin) return;
  // it may end without having read all: its exit code tells, not the pipe
  stdin.on('error', () => undefined);
  if (input === undefined || input instanceof Uint8Array) stdin.end(input);
  else pipeline(input, stdin).catch(() => child.kill('SIGTERM'));
}

export async function runGit(root: string, folder: string, words: readonly string[], options: GitRun = {}): Promise<GitResult> {
  const { child, ended, errors } = started(root, folder, words, options);
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  child.stdout?.on('data', (piece: Buffer) => {
    sizeBytes += piece.length;
    if (sizeBytes <= (options.outputBytesMax ?? OUTPUT_BYTES_MAX)) pieces.push(piece);
    else child.kill('SIGTERM');
  });
  const exitCode = await ended;
  if (sizeBytes > (options.outputBytesMax ?? OUTPUT_BYTES_MAX)) {
    throw new BackendError('storage', `git ${words[0]} had more to say than is taken (${sizeBytes} bytes).`);
  }
  return { exitCode, output: Buffer.concat(pieces), errors: errors() };
}

export async function* streamGit(
  root: string,
  folder: string,
  words: readonly string[],
  options: GitRun = {},
): AsyncGenerator<Uint8Array> {
  const { child, ended, errors } = started(root, folder, words, options);
  ended.catch(() => undefined); // told below, unless the reader leaves first
  let read = false;
  try {
    if (child.stdout) for await (const piece of child.stdout) yield piece as Uint8Array;
    read = true;
  } finally {
    if (!read) child.kill('SIGTERM');
  }
  const exitCode = await ended;
  if (exitCode !== 0) throw new BackendError('runtime', `git ${words[0]} failed with ${exitCode}: ${errors()}`);
}
