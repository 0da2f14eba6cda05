import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, type FSWatcher, mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../platform/clock.ts';
import { BackendError } from '../../platform/errors/families.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { WorkAddress, WorkBackend, WorkOutputTree, WorkSpec, WorkStatus } from '../../platform/ports/work.ts';
import type { Settings } from '../../platform/settings.ts';
import { findIsolation, findProgram, type IsolationFound } from './isolation.ts';
import { walkOutput, readStart } from './outputs.ts';
import { decideAccess, isWithin, ML_ROOT, planTree } from './plan-tree.ts';
import type { Mount, RunPlan } from './plan.ts';
import { RunFolders, socketFolder } from './run-folder.ts';
import type { RuntimeEnvironment } from './runtime-environment.ts';
import { Spawner } from './spawner.ts';
import { diskReserveBytes, stageInputs, stagingMessage, unpackBytesMax } from './stage.ts';
import { COMMON_HOSTS, hostsFile, prepareEtc, systemMounts } from './system-mounts.ts';

export interface SandboxLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface SandboxOptions {
  /** The data folder; runs live in its `runs`. */
  readonly folder: string;
  /** Covered where a system folder would show it. */
  readonly cacheFolder: string;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly settings: Pick<Settings, 'sandbox'>;
  readonly log: SandboxLog;
  readonly locateRuntime: (
    name: string,
  ) => Pick<RuntimeEnvironment, 'folders' | 'environment'> & Partial<Pick<RuntimeEnvironment, 'writeJobPython'>>;
  /** The host's Python for the shim; found on PATH when not given. */
  readonly python?: string;
}

export interface SandboxBackend extends WorkBackend {
  /** What isolation jobs get on this host; probed once. */
  isolation(): Promise<IsolationFound>;
  /** Stops watching and lets the spawner go. Work goes on. */
  close(): void;
}

/** How often supervisors are looked for that vanished without a record; everything else is notified. */
const LIVENESS_MS = 5_000;
/** Where not even notification works, e.g. because the user's inotify instances are used up. */
const LIVENESS_UNWATCHED_MS = 500;

/** A job that is shorter shows its end at once: one file and one notification less. Model servers are waited for. */
const SHOW_START_AFTER_SECONDS = 0.25;

const SOCKET_INSIDE = '/run/slipway';

/** Runs work on this machine: each in a sandbox, minded by a supervisor process that needs no server. */
export function createSandboxBackend(options: SandboxOptions): SandboxBackend {
  return new HostSandbox({ ...options, folder: resolve(options.folder) });
}

class HostSandbox implements SandboxBackend {
  readonly name = 'sandbox';
  readonly #options: SandboxOptions;
  readonly #runs: RunFolders;
  readonly #spawner: Spawner;
  readonly #watcher: FSWatcher | undefined;
  #livenessMs = LIVENESS_MS;
  readonly #listeners = new Set<(id: string) => void>();
  /** Work that has not been seen ended. */
  readonly #live = new Set<string>();
  readonly #starting = new Map<string, Promise<void>>();
  readonly #python: string;
  #isolation: Promise<IsolationFound> | undefined;
  #systemMounts: readonly Mount[] | undefined;
  #cancelLiveness: (() => void) | undefined;

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#python = options.python ?? findProgram('python3') ?? '/usr/bin/python3';
    this.#runs = new RunFolders(options.folder);
    this.#spawner = new Spawner({
      python: this.#python,
      runsFolder: this.#runs.folder,
      log: options.log,
      onUncertain: (id) => this.#tell(id),
    });
    this.#watcher = this.#watchRecords();
  }

  /** Records appear whole, by one rename each. A host without watches left is looked at instead. */
  #watchRecords(): FSWatcher | undefined {
    const lookOften = (error: unknown) => {
      this.#options.log.warn(
        { err: error },
        'the ends of jobs cannot be watched on this host; they are looked for twice a second',
      );
      this.#livenessMs = LIVENESS_UNWATCHED_MS;
    };
    try {
      const watcher = watch(this.#runs.records, { persistent: false }, (_, name) => {
        const id = /^(.+)\.(?:started|ended)$/.exec(name ?? '')?.[1];
        if (id !== undefined && this.#live.has(id)) this.#tell(id);
      });
      return watcher.on('error', lookOften);
    } catch (error) {
      lookOften(error);
      return undefined;
    }
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
    this.#watchOver(id);
    this.#spawner.warm(); // its interpreter starts while the inputs are staged
    if (!this.#runs.isStaged(id)) {
      try {
        await this.#stage(spec);
      } catch (error) {
        this.#failStart(id, stagingMessage(error), error);
        return;
      }
    }
    this.#spawner.submit(id);
  }

  /** Everything of a run but its process. Done again from nothing when it was interrupted. */
  async #stage(asked: WorkSpec): Promise<void> {
    const found = await this.isolation();
    if (found.isolation === 'none') throw new BackendError('runtime', found.problem);
    const plain = found.isolation === 'plain';
    const spec = decideAccess(asked, !plain);
    const runFolder = this.#runs.of(spec.id);
    if (existsSync(runFolder)) await removeTree(runFolder);
    mkdirSync(runFolder, { mode: 0o700 });
    const tree = planTree(spec, runFolder);
    const archives = await stageInputs(this.#options.blobs, runFolder, spec.inputs, tree.inputFolders);
    const runtime = this.#options.locateRuntime(spec.runtime.name);
    runtime.writeJobPython?.(join(runFolder, 'home'));
    const sockets = spec.kind === 'service' ? socketFolder(this.#options.folder, spec.id) : null;
    const ownHosts = spec.hosts.join() !== COMMON_HOSTS.join();
    const plan: RunPlan = {
      isolation: found.isolation,
      bubblewrap: found.bubblewrap,
      hostname: spec.hostname,
      command: spec.command,
      workingDirectory: plain ? plainFolder(spec.workingDirectory, runFolder) : spec.workingDirectory,
      environment: {
        HOME: plain ? join(runFolder, 'home') : '/root',
        HOSTNAME: spec.hostname,
        LANG: 'C.UTF-8',
        ...runtime.environment,
        ...spec.environment,
        ...(sockets !== null && { SLIPWAY_SERVE_SOCKET: plain ? `${sockets}/serve.sock` : `${SOCKET_INSIDE}/serve.sock` }),
        // one /opt/ml per host: a model server, which never ends, must not hold it
        ...(plain && spec.kind === 'service' && { SAGEMAKER_BASE_DIR: join(runFolder, 'ml') }),
      },
      network: spec.network,
      mounts: plain ? [] : this.#mounts(runFolder, runtime.folders, tree.mounts, sockets, ownHosts),
      root: this.#runs.emptyFolder,
      tree: join(runFolder, 'ml'),
      ownsPlainRoot: plain && spec.kind === 'job',
      diskReserveBytes: diskReserveBytes(runFolder),
      directories: tree.directories,
      files: [...tree.files, ...(ownHosts ? [{ path: 'hosts', text: hostsFile(spec.hosts) }] : [])],
      archives,
      unpackBytesMax: archives.length > 0 ? unpackBytesMax(runFolder) : 0,
      socketFolder: sockets,
      logFile: spec.logFile,
      preamble: spec.preamble?.map((line) => line.replace('{isolation}', ISOLATION_TEXT[found.isolation])) ?? [],
      maxRuntimeSeconds: spec.limits.maxRuntimeSeconds ?? null,
      graceSeconds: spec.limits.graceSeconds,
      memoryBytes: spec.limits.memoryBytes,
      cpus: processorsFor(spec.id, spec.limits.cpus),
      showStartAfterSeconds: spec.kind === 'job' ? SHOW_START_AFTER_SECONDS : 0,
      outputs: tree.outputs,
    };
    this.#runs.writePlan(spec.id, plan);
  }

  #mounts(
    runFolder: string,
    runtimeFolders: readonly string[],
    tree: readonly Mount[],
    sockets: string | null,
    ownHosts: boolean,
  ): Mount[] {
    const { folder, cacheFolder } = this.#options;
    this.#systemMounts ??= systemMounts([folder, resolve(cacheFolder)], prepareEtc(join(this.#runs.folder, '.etc')));
    return [
      ...this.#systemMounts,
      ...(ownHosts ? [{ kind: 'read-only', from: `${runFolder}/hosts`, to: '/etc/hosts' } as const] : []),
      { kind: 'writable', from: `${runFolder}/tmp`, to: '/tmp' },
      { kind: 'symlink', from: '/tmp', to: '/var/tmp' },
      { kind: 'writable', from: `${runFolder}/home`, to: '/root' },
      ...runtimeFolders.map((path): Mount => ({ kind: 'read-only', from: path, to: path })),
      ...tree,
      ...(sockets === null ? [] : [{ kind: 'writable', from: sockets, to: SOCKET_INSIDE } as const]),
    ];
  }

  /** The end of a run that never got as far as a supervisor. */
  #failStart(id: string, message: string, error: unknown): void {
    this.#options.log.warn({ id, err: error }, 'a run could not be staged');
    this.#endByServer(id, 'failed-to-start', message);
    this.#tell(id);
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
    const status = this.#status(id);
    if (status.phase === 'ended' || status.phase === 'absent') this.#live.delete(id);
    else this.#watchOver(id);
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
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
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

  async release(id: string): Promise<void> {
    const { phase } = await this.status(id);
    if (phase === 'running' || phase === 'preparing') {
      throw new BackendError('runtime', `Work ${id} is still ${phase}: stop it and wait for its end before releasing it.`, {
        retryable: true,
      });
    }
    this.#live.delete(id);
    await removeTree(this.#runs.of(id));
    await removeTree(socketFolder(this.#options.folder, id));
    // last: as long as a record exists the run is known to have ended
    for (const suffix of ['started', 'ended']) rmSync(join(this.#runs.records, `${id}.${suffix}`), { force: true });
  }

  close(): void {
    this.#watcher?.close();
    this.#cancelLiveness?.();
    this.#spawner.close();
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  #watchOver(id: string): void {
    this.#live.add(id);
    if (this.#cancelLiveness) return;
    const timer = setInterval(() => this.#checkLiveness(), this.#livenessMs);
    timer.unref();
    this.#cancelLiveness = () => clearInterval(timer);
  }

  #checkLiveness(): void {
    for (const id of this.#live) {
      if (this.#runs.supervisor(id) === 'gone' || this.#runs.ended(id)) this.#tell(id);
    }
  }
}

/** Without isolation there is no /root of the work's own, and /opt/ml is the run's tree. */
function plainFolder(path: string, runFolder: string): string {
  return isWithin(path, ML_ROOT) ? path : join(runFolder, 'home');
}

const ISOLATION_TEXT = {
  bubblewrap: 'isolated by bubblewrap',
  unshare: 'isolated by Linux namespaces (unshare)',
  plain: 'NOT ISOLATED (sandbox: plain)',
} as const;

function requireId(id: string): void {
  if (!/^[a-z0-9-]{1,120}$/.test(id))
    throw new BackendError('runtime', `"${id}" is no id of work: it has 1 to 120 of a-z, 0-9 and -.`);
}

/** Which processors work may use when its instance type has fewer than this host; spread by its id. */
function processorsFor(id: string, cpus: number): number[] {
  const all = availableParallelism();
  const count = Math.max(1, Math.ceil(cpus));
  if (count >= all) return [];
  const first = createHash('sha256').update(id).digest().readUInt16BE(0) % all;
  return Array.from({ length: count }, (_, n) => (first + n) % all);
}

/** Removes a tree whose folders work may have made unwritable to their owner. */
async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // deeper than a path may be long; `rm` goes from folder to folder
    if (code === 'ENAMETOOLONG') await promisify(execFile)('rm', ['-rf', '--', path]);
    else if (code === 'EACCES' || code === 'EPERM') await openFolders(path);
    else throw error;
    await rm(path, { recursive: true, force: true });
  }
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(path, entry.name));
  }
}
