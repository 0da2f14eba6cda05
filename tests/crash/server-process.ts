import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI } from '../harness/server.ts';
import { storeAdapter } from './store-adapter.ts';

const serving = (folder: string): string[] => [
  ...[CLI, 'serve', '--port', '0', '--data', folder],
  ...storeAdapter.serveArguments(folder),
];

/** A server process from its first moment on, also while it does not listen yet; for tests that kill it at any time. */
export class ServerProcess {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #log: string[] = [];
  readonly #ended: Promise<unknown>;
  /** Its URL once it listens, undefined if it ended before. */
  readonly listening: Promise<string | undefined>;

  /** `slipway serve` of the folder, or another `program` that serves it. */
  constructor(folder: string, args: readonly string[] = [], program: readonly string[] = serving(folder)) {
    this.folder = folder;
    this.#child = spawn(process.execPath, [...program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin?.on('error', () => undefined); // it may be dead by the time it is told something
    this.#ended = once(this.#child, 'close');
    this.#child.stderr?.on('data', (text: Buffer) => this.#log.push(text.toString()));
    this.listening = new Promise((tell) => {
      let printed = '';
      this.#child.stdout?.on('data', (text: Buffer) => {
        printed += text.toString();
        const url = /^slipway: listening on (\S+)$/m.exec(printed)?.[1];
        if (url) tell(url);
      });
      void this.#ended.then(() => tell(undefined));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it has written to stderr. */
  log(): string {
    return this.#log.join('');
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** From now on nobody reads what it writes: the pipes are closed. */
  closeLog(): void {
    this.#child.stderr?.destroy();
    this.#child.stdout?.destroy();
  }

  /** Its URL; fails with its log when it ended before it listened. */
  async url(): Promise<string> {
    const url = await this.listening;
    if (url === undefined)
      throw new Error(`The server ended (${this.#child.exitCode ?? this.#child.signalCode}):\n${this.log()}`);
    return url;
  }

  /** Sends a signal and waits for the end; its exit code, null when a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.running) this.#child.kill(signal);
    return this.ended();
  }

  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }
}

export interface LiveWork {
  readonly id: string;
  /** Supervisor's pid. */
  readonly pid: number;
}

/** Work of a data folder whose process runs at this moment: it was started, has not ended, and its supervisor has a child. */
export function liveWork(folder: string, kind: 'job' | 'service'): LiveWork[] {
  const runs = join(folder, 'runs');
  const records = join(runs, '.records');
  if (!existsSync(records)) return [];
  return readdirSync(records)
    .filter((name) => name.endsWith('.started'))
    .map((name) => name.slice(0, -'.started'.length))
    .filter((id) => isJob(id) === (kind === 'job') && !existsSync(join(records, `${id}.ended`)))
    .map((id) => ({ id, pid: claimant(join(runs, id, 'claim')) }))
    .filter(({ pid }) => childrenOf(pid).length > 0);
}

const isJob = (id: string): boolean => /^(?:processing|training)-job-/.test(id);

function claimant(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]);
  } catch {
    return 0; // released meanwhile
  }
}

export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return []; // gone
  }
}

export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** A process that still runs; one that waits to be reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/** Processes that name a data folder on their command line: its server, router, spawner and supervisors. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.some((word) => word === folder || word.startsWith(`${folder}/`)) ? [`${pid} ${words.join(' ')}`] : [];
      } catch {
        return []; // it has ended
      }
    });
}
