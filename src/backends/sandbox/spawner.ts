import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SandboxLog } from './sandbox-options.ts';

const PROGRAM = fileURLToPath(new URL('./shim/spawner.py', import.meta.url));

export interface SpawnerOptions {
  /** The host's Python, 3.9 or newer. */
  readonly python: string;
  readonly runsFolder: string;
  readonly log: SandboxLog;
  /** A run was not forked, or its fate is unknown because the process went: look at it again. */
  onUncertain(id: string): void;
}

/** The process that forks supervisors (shim/spawner.py); started when first needed, again when it is gone. */
export class Spawner {
  readonly #options: SpawnerOptions;
  #child: ChildProcess | undefined;
  /** Handed over since the process started and not yet seen claimed. */
  readonly #handed = new Set<string>();

  constructor(options: SpawnerOptions) {
    this.#options = options;
  }

  /** Starts the process early, so that the first job does not wait for an interpreter. */
  warm(): void {
    this.#child ??= this.#start();
  }

  submit(id: string): void {
    this.warm();
    this.#handed.add(id);
    this.#child?.stdin?.write(`${id}\n`);
  }

  /** The run is claimed: its fate no longer depends on this process. */
  forget(id: string): void {
    this.#handed.delete(id);
  }

  has(id: string): boolean {
    return this.#handed.has(id);
  }

  close(): void {
    this.#handed.clear();
    this.#child?.stdin?.end();
    this.#child = undefined;
  }

  #start(): ChildProcess {
    const { python, runsFolder, log } = this.#options;
    const child = spawn(python, ['-I', '-S', '-B', PROGRAM, runsFolder], {
      cwd: '/',
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    child.stdin?.on('error', () => undefined); // EPIPE: the exit below tells it
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log.warn({ text }, 'sandbox spawner'));
    child.once('error', (error) => this.#gone(child, error.message));
    child.once('exit', (code, signal) => this.#gone(child, `exit ${code ?? signal}`));
    child.unref();
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
    return child;
  }

  #hear(text: string): void {
    for (const line of text.split('\n')) {
      const [word, id, ...rest] = line.split(' ');
      if (word !== 'refused' || !id) continue;
      this.#options.log.warn({ id, why: rest.join(' ') }, 'no process could be made for a run');
      this.#handed.delete(id);
      this.#options.onUncertain(id);
    }
  }

  #gone(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#handed.size > 0)
      this.#options.log.warn({ why }, 'the sandbox spawner ended; its unclaimed runs are looked at again');
    const handed = [...this.#handed];
    this.#handed.clear();
    for (const id of handed) this.#options.onUncertain(id);
  }
}
