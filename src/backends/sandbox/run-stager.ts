import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { BackendError } from '../../platform/errors/families.ts';
import type { WorkSpec } from '../../platform/ports/work.ts';
import { containerPlan, requireContainable } from './container-plan.ts';
import { imageMounts, inOwnFolder, openRuntime, proxyVariables, type Runtime, servePlan } from './image-plan.ts';
import type { IsolationFound } from './isolation.ts';
import { decideAccess, isWithin, ML_ROOT, planTree, type TreePlan } from './plan-tree.ts';
import type { Mount, RunPlan } from './plan.ts';
import { removeTree } from './remove-tree.ts';
import { type RunFolders, socketFolder } from './run-folder.ts';
import type { SandboxOptions } from './sandbox-options.ts';
import { diskReserveBytes, stageInputs, type StagedArchive, unpackBytesMax } from './stage.ts';
import { COMMON_HOSTS, hostsFile, prepareEtc, systemMounts } from './system-mounts.ts';

/** A job that is shorter shows its end at once: one file and one notification less. Model servers are waited for. */
const SHOW_START_AFTER_SECONDS = 0.25;

const SOCKET_INSIDE = '/run/slipway';

/** A socket of another piece of work, which this one talks to: where its folder is here, and inside. */
interface ServiceSocket {
  readonly folder: string;
  readonly inside: string;
}

type Made = Exclude<IsolationFound, { readonly isolation: 'none' }>;

/** Makes a specification into a run's folder and its plan: everything of a run but its process. */
export class RunStager {
  readonly #options: SandboxOptions;
  readonly #runs: RunFolders;
  #systemMounts: readonly Mount[] | undefined;

  constructor(options: SandboxOptions, runs: RunFolders) {
    this.#options = options;
    this.#runs = runs;
  }

  /** Done again from nothing when it was interrupted; the plan comes last and says that all is there. */
  async stage(asked: WorkSpec, isolation: IsolationFound): Promise<void> {
    if (isolation.isolation === 'none') throw new BackendError('runtime', isolation.problem);
    const runtime = await openRuntime(this.#options, asked, isolation.isolation);
    const spec = decideAccess(inOwnFolder(asked, runtime), isolation.isolation);
    if (isolation.container) requireContainable(spec);
    const runFolder = this.#runs.of(spec.id);
    if (existsSync(runFolder)) await removeTree(runFolder);
    mkdirSync(runFolder, { mode: 0o700 });
    const tree = planTree(spec, runFolder);
    const archives = await stageInputs(this.#options.blobs, runFolder, spec.inputs, tree.inputFolders);
    runtime.writeJobPython?.(join(runFolder, 'home'));
    this.#runs.writePlan(spec.id, this.#plan(spec, isolation, tree, archives, runtime));
  }

  #plan(spec: WorkSpec, made: Made, tree: TreePlan, archives: readonly StagedArchive[], runtime: Runtime): RunPlan {
    const runFolder = this.#runs.of(spec.id);
    const plain = made.isolation === 'plain';
    const sockets = spec.kind === 'service' ? socketFolder(this.#options.folder, spec.id) : null;
    const services = this.#serviceSockets(spec, plain);
    const { image } = runtime;
    // engines write one of their own wherever none is given
    const ownHosts = image !== undefined || made.container !== undefined || spec.hosts.join() !== COMMON_HOSTS.join();
    const environment = environmentOf(spec, runtime, plain, runFolder, sockets);
    return {
      isolation: made.isolation,
      bubblewrap: made.bubblewrap,
      container: made.container ? containerPlan(this.#options.folder, runFolder, spec.id, made.container) : null,
      hostname: spec.hostname,
      command: spec.command,
      workingDirectory: plain ? plainFolder(spec.workingDirectory, runFolder) : spec.workingDirectory,
      environment: { ...environment, ...servicesVariable(services) },
      network: runtime.servesOnPort && spec.kind === 'service' ? 'none' : spec.network,
      sharedNetwork: spec.network === 'none' && spec.hosts.length > 1 ? (spec.cluster ?? null) : null,
      image: image ? { tree: image.folder, folders: [spec.workingDirectory, '/tmp', '/var/tmp', '/root'] } : null,
      serve: runtime.servesOnPort && sockets !== null ? servePlan(spec, environment, sockets) : null,
      mounts: plain
        ? []
        : [
            ...(image
              ? [...imageMounts(runFolder), ...tree.mounts]
              : this.#mounts(runFolder, runtime.folders, tree.mounts, sockets, ownHosts)),
            ...(runtime.mounts ?? []),
            ...services.map(socketMount),
          ],
      root: this.#runs.emptyFolder,
      tree: join(runFolder, 'ml'),
      ownsPlainRoot: plain && spec.kind === 'job',
      diskReserveBytes: diskReserveBytes(runFolder),
      directories: tree.directories,
      files: [...tree.files, ...(ownHosts ? [{ path: 'hosts', text: hostsFile(spec.hosts, spec.cluster ?? spec.id) }] : [])],
      archives,
      streams: tree.streams,
      unpackBytesMax: archives.length > 0 ? unpackBytesMax(runFolder) : 0,
      socketFolder: sockets,
      logFile: spec.logFile,
      preamble: spec.preamble?.map((line) => line.replace('{isolation}', isolationText(made))) ?? [],
      maxRuntimeSeconds: spec.limits.maxRuntimeSeconds ?? null,
      graceSeconds: spec.limits.graceSeconds,
      peers: spec.peers ?? [],
      memoryBytes: spec.limits.memoryBytes,
      cpus: processorsFor(spec),
      showStartAfterSeconds: spec.kind === 'job' ? SHOW_START_AFTER_SECONDS : 0,
      outputs: tree.outputs,
    };
  }

  /** The folders are made here: what is mounted must be there, even when the service starts later. */
  #serviceSockets({ services = [] }: WorkSpec, plain: boolean): ServiceSocket[] {
    return services.map((id, index) => {
      const folder = socketFolder(this.#options.folder, id);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return { folder, inside: plain ? folder : `${SOCKET_INSIDE}-services/${index}` };
    });
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
}

const socketMount = ({ folder, inside }: ServiceSocket): Mount => ({ kind: 'read-only', from: folder, to: inside });

const servicesVariable = (services: readonly ServiceSocket[]): Record<string, string> =>
  services.length === 0 ? {} : { SLIPWAY_SERVICES: JSON.stringify(services.map(({ inside }) => `unix:${inside}/serve.sock`)) };

/** The whole environment of the process: what the runtime needs, below what was asked for, below where to serve. */
function environmentOf(
  spec: WorkSpec,
  runtime: Runtime,
  plain: boolean,
  runFolder: string,
  sockets: string | null,
): Record<string, string> {
  const proxy = runtime.servesOnPort ? proxyVariables(spec) : {};
  if (runtime.image) return { HOME: '/root', HOSTNAME: spec.hostname, ...proxy, ...runtime.environment, ...spec.environment };
  return {
    HOME: plain ? join(runFolder, 'home') : '/root',
    HOSTNAME: spec.hostname,
    LANG: 'C.UTF-8',
    ...proxy,
    ...runtime.environment,
    ...spec.environment,
    ...(sockets !== null && { SLIPWAY_SERVE_SOCKET: `${plain ? sockets : SOCKET_INSIDE}/serve.sock` }),
    // one /opt/ml per host: a model server, which never ends, must not hold it
    ...(plain && spec.kind === 'service' && { SAGEMAKER_BASE_DIR: join(runFolder, 'ml') }),
  };
}

/** Without isolation there is no /root of the work's own, and /opt/ml is the run's tree. */
function plainFolder(path: string, runFolder: string): string {
  return isWithin(path, ML_ROOT) ? path : join(runFolder, 'home');
}

const isolationText = ({ isolation, container }: Made): string =>
  container ? `isolated by a container engine (${container.engine})` : ISOLATION_TEXT[isolation];

const ISOLATION_TEXT = {
  bubblewrap: 'isolated by bubblewrap',
  unshare: 'isolated by Linux namespaces (unshare)',
  container: 'isolated by a container engine',
  plain: 'NOT ISOLATED (sandbox: plain)',
} as const;

/** Which processors work may use when its instance type has fewer than this host; spread by its id, hosts of a job side by side. */
function processorsFor({ id, cluster = id, hosts, hostname, limits }: WorkSpec): number[] {
  const all = availableParallelism();
  const count = Math.max(1, Math.ceil(limits.cpus));
  if (count >= all) return [];
  const first = createHash('sha256').update(cluster).digest().readUInt16BE(0) + count * Math.max(0, hosts.indexOf(hostname));
  return Array.from({ length: count }, (_, n) => (first + n) % all);
}
