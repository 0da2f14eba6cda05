import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { askAddress } from '../../platform/ask-address.ts';
import { BackendError } from '../../platform/errors/families.ts';
import type { WorkAdditions } from '../../platform/ports/additions.ts';
import type {
  WorkAddress,
  WorkAnswer,
  WorkBackend,
  WorkOutputTree,
  WorkRequest,
  WorkSpec,
  WorkStatus,
} from '../../platform/ports/work.ts';
import { type AdditionPorts, addArchive, removeAdded } from './additions.ts';
import { removeContainer } from './container-plan.ts';
import { findIsolation, findProgram, type IsolationFound } from './isolation.ts';
import { readStart, walkOutput } from './outputs.ts';
import { ML_ROOT } from './plan-tree.ts';
import { removeTree } from './remove-tree.ts';
import { RunFolders, socketFolder } from './run-folder.ts';
import { RunStager } from './run-stager.ts';
import { RunWatch } from './run-watch.ts';
import type { SandboxOptions } from './sandbox-options.ts';
import { Spawner } from './spawner.ts';
import { stagingMessage } from './stage.ts';

export interface SandboxBackend extends WorkBackend, WorkAdditions {
  /** What isolation jobs get on this host; probed once. */
  isolation(): Promise<IsolationFound>;
  /** Stops watching and lets the spawner go. Work goes on. */
  close(): void;
}

/** Runs work on this machine: each in a sandbox, minded by a supervisor process that needs no server. */
export function createSandboxBackend(options: SandboxOptions): SandboxBackend {
  return new HostSandbox({ ...options, folder: resolve(options.folder) });
}

class HostSandbox implements SandboxBackend {
  readonly name = 'sandbox';
  readonly #options: SandboxOptions;
  readonly #runs: RunFolders;
  readonly #stager: RunStager;
  readonly #watch: RunWatch;
  readonly #spawner: Spawner;
  readonly #starting = new Map<string, Promise<void>>();
  readonly #python: string;
  #isolation: Promise<IsolationFound> | undefined;

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#python = options.python ?? findProgram('python3') ?? '/usr/bin/python3';
    this.#runs = new RunFolders(options.folder);
    this.#stager = new RunStager(options, this.#runs);
    this.#watch = new RunWatch(this.#runs, options.log);
    this.#spawner = new Spawner({
      python: this.#python,
      runsFolder: this.#runs.folder,
      log: options.log,
      onUncertain: (id) => this.#watch.tell(id),
    });
  }

  isolation(): Promise<IsolationFound> {
    this.#isolation ??= findIsolation({
      sandbox: this.#options.settings.sandbox,
      python: this.#python,
      folder: this.#runs.folder,
    });
    return this.#isolation;
  }

  async start(spec: WorkSpec): Promise<void> {
    const underWay = this.#starting.get(spec.id);
    if (underWay) return underWay;
    const started = this.#start(spec).finally(() => this.#starting.delete(spec.id));
    this.#starting.set(spec.id, started);
    return started;
  }

  async #start(spec: WorkSpec): Promise<void> {
    const { id } = spec;
    requireId(id);
    if (this.#runs.ended(id) || this.#runs.isClaimed(id)) return;
    this.#watch.watchOver(id);
    this.#spawner.warm(); // its interpreter starts while the inputs are staged
    if (!this.#runs.isStaged(id)) {
      try {
        await this.#stager.stage(spec, await this.isolation());
      } catch (error) {
        this.#failStart(id, stagingMessage(error), error);
        return;
      }
    }
    this.#spawner.submit(id);
  }

  /** The end of a run that never got as far as a supervisor. */
  #failStart(id: string, message: string, error: unknown): void {
    this.#options.log.warn({ id, err: error }, 'a run could not be staged');
    this.#endByServer(id, 'failed-to-start', message);
    this.#watch.tell(id);
  }

  #endByServer(id: string, reason: 'failed-to-start' | 'lost', message: string): void {
    const started = this.#runs.started(id);
    this.#runs.writeEnd(id, {
      reason,
      message,
      endedAtMs: this.#options.clock.now(),
      isolation: started?.isolation ?? 'none',
      ...(started && { startedAtMs: started.startedAtMs }),
    });
  }

  async status(id: string): Promise<WorkStatus> {
    requireId(id);
    await this.#removeOrphan(id);
    const status = this.#status(id);
    if (status.phase === 'ended' || status.phase === 'absent') this.#watch.forget(id);
    else this.#watch.watchOver(id);
    return status;
  }

  #status(id: string): WorkStatus {
    const ended = this.#runs.ended(id);
    if (ended) {
      this.#spawner.forget(id); // once released it is absent, not on its way
      return ended;
    }
    const supervisor = this.#runs.supervisor(id);
    if (supervisor === 'none') return this.#starting.has(id) ? { phase: 'preparing' } : this.#unclaimed(id);
    this.#spawner.forget(id);
    const started = this.#runs.started(id);
    if (supervisor === 'alive') return started ? { phase: 'running', ...started } : { phase: 'preparing' };
    const late = this.#runs.ended(id); // it may have written its record and gone since the first look
    if (late) return late;
    this.#endByServer(id, 'lost', 'The process that minded the work vanished without a record, and the work ended with it.');
    return this.#runs.ended(id) ?? { phase: 'absent' };
  }

  /** A container, unlike another sandbox, outlives its supervisor. Nobody is told of the end while it may still be there. */
  async #removeOrphan(id: string): Promise<void> {
    if (this.#runs.supervisor(id) !== 'gone' || this.#runs.ended(id)) return;
    const container = this.#runs.plan(id)?.container;
    if (container) await removeContainer(container);
  }

  /** Handed to a spawner that lives: on its way. Otherwise nobody will run it unless it is started again. */
  #unclaimed(id: string): WorkStatus {
    return this.#spawner.has(id) ? { phase: 'preparing' } : { phase: 'absent' };
  }

  async stop(id: string): Promise<void> {
    requireId(id);
    if (!existsSync(this.#runs.of(id)) || this.#runs.ended(id)) return;
    writeFileSync(join(this.#runs.of(id), 'stop'), '');
    // a supervisor that has not started the work yet looks for the file before it does
    const pid = this.#runs.supervisorPid(id);
    if (pid === undefined) return;
    try {
      process.kill(pid, 'SIGUSR1'); // means: look again
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has just ended
    }
  }

  onChange(listener: (id: string) => void): () => void {
    return this.#watch.onChange(listener);
  }

  async outputs(id: string, output: string): Promise<WorkOutputTree> {
    requireId(id);
    const folder = this.#runs.plan(id)?.outputs[output];
    if (folder === undefined) return { files: [], skipped: [] };
    return walkOutput(this.#runs.of(id), folder);
  }

  async readText(id: string, path: string, sizeBytesMax: number): Promise<string | undefined> {
    requireId(id);
    const run = this.#runs.of(id);
    const place = `ml${path.slice(ML_ROOT.length)}`;
    if (!path.startsWith(`${ML_ROOT}/`) || !existsSync(join(run, place))) return undefined;
    return readStart(run, place, sizeBytesMax);
  }

  address(id: string): WorkAddress {
    requireId(id);
    return { kind: 'unix', socketPath: join(socketFolder(this.#options.folder, id), 'serve.sock') };
  }

  ask(id: string, asked: WorkRequest): Promise<WorkAnswer> {
    return askAddress(this.address(id), asked);
  }

  async release(id: string): Promise<void> {
    const { phase } = await this.status(id);
    if (phase === 'running' || phase === 'preparing') {
      throw new BackendError('runtime', `Work ${id} is still ${phase}: stop it and wait for its end before releasing it.`, {
        retryable: true,
      });
    }
    this.#watch.forget(id);
    await removeTree(this.#runs.of(id));
    await removeTree(socketFolder(this.#options.folder, id));
    // last: as long as a record exists the run is known to have ended
    for (const suffix of ['started', 'ended']) rmSync(join(this.#runs.records, `${id}.${suffix}`), { force: true });
  }

  addArchive(id: string, path: string, place: string, digest: string): Promise<void> {
    return addArchive(this.#additions(id), path, place, digest);
  }

  removeAdded(id: string, path: string, place: string): Promise<void> {
    return removeAdded(this.#additions(id), path, place);
  }

  #additions(id: string): AdditionPorts {
    requireId(id);
    const plan = this.#runs.plan(id);
    if (!plan) throw new BackendError('runtime', `There is no work ${id} that files could be added to.`, { retryable: true });
    return { blobs: this.#options.blobs, python: this.#python, runFolder: this.#runs.of(id), plan };
  }

  close(): void {
    this.#watch.close();
    this.#spawner.close();
  }
}

function requireId(id: string): void {
  if (!/^[a-z0-9-]{1,120}$/.test(id))
    throw new BackendError('runtime', `"${id}" is no id of work: it has 1 to 120 of a-z, 0-9 and -.`);
}
