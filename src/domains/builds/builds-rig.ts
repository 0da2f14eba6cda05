import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createSandboxBackend, type SandboxBackend } from '../../backends/sandbox/sandbox-backend.ts';
import type { Build, CreateProjectInput, StartBuildInput } from '../../contract/generated/codebuild.ts';
import { createAdmission } from '../../platform/admission/admission.ts';
import { createAuthorizer } from '../../platform/authorization/authorizer.ts';
import { GRANTED_ROLES } from '../../platform/authorization/roles-rig.ts';
import type { WorkAccess } from '../../platform/authorization/work-credentials.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { createTokenReconciler } from '../../platform/idempotency.ts';
import { systemIds } from '../../platform/ids.ts';
import { createLogFiles } from '../../platform/log-files.ts';
import type { WithPipelineOrigin } from '../../platform/ports/build-origin.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { WorkSpec } from '../../platform/ports/work.ts';
import { createReconcileLoop, type RunnableLoop } from '../../platform/reconcile/loop.ts';
import { Death, logUntil, stoppableClock } from '../functions/functions-rig.ts';
import { createLogsRoom } from '../logs/room.ts';
import { createParametersRoom } from '../parameters/room.ts';
import { ACCOUNT, RegistryRig, user } from '../registry/registry-rig.ts';
import { createSecretsRoom } from '../secrets/room.ts';
import { type BuildsRoom, createBuildsRoom } from './room.ts';

export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;
const TOOLS = fileURLToPath(new URL('../../../runtimes/build', import.meta.url));
const KEY = '5c'.repeat(32);

/** Where drivers ask, whichever server lives: they find it under the same address after a restart. */
export class Front {
  route: WebRoute | undefined;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Front> {
    const server = createServer((request, response) => {
      const { route } = front;
      if (!route) response.writeHead(503).end();
      else void route.handle(request, response, new URL(request.url ?? '/', 'http://localhost'));
    });
    const front = new Front(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get url(): string {
    const address = this.#server.address();
    assert.ok(typeof address === 'object' && address);
    return `http://127.0.0.1:${address.port}`;
  }

  /** The server behind it dies: whoever waits for its answer hears that the connection is gone. */
  drop(): void {
    this.route = undefined;
    this.#server.closeAllConnections();
  }

  close(): void {
    this.drop();
    this.#server.close();
  }
}

/** A build on the image `hasty` has seconds for the minutes that the API counts. */
const hastened = (spec: WorkSpec): WorkSpec =>
  spec.image === 'hasty'
    ? { ...spec, limits: { ...spec.limits, maxRuntimeSeconds: (spec.limits.maxRuntimeSeconds ?? 0) / 300 } }
    : spec;

export interface RigOptions {
  readonly front: Front;
  readonly folder?: string;
  /** The server dies at this commit or effect (each counts twice: before it, and after it). */
  readonly dieAt?: number;
  readonly cpus?: number;
}

/** One server's worth of builds on a data folder: real store, blobs, sandbox and driver. */
export class BuildsRig extends RegistryRig {
  readonly backend: SandboxBackend;
  readonly loop: RunnableLoop;
  readonly death: Death;
  /** Whose rights each build was started with. */
  readonly accesses: WorkAccess[] = [];
  /** The role of builds is gone once the next build has been given its credentials. */
  losesRole = false;
  #roleIsGone = false;
  readonly #room: BuildsRoom;
  readonly #front: Front;
  readonly #clock = stoppableClock();
  #closed = false;

  private constructor({ front, folder = mkdtempSync(join(tmpdir(), 'slipway-builds-')), dieAt, cpus = 4 }: RigOptions) {
    super(folder);
    this.#front = front;
    this.death = new Death(dieAt);
    const clock = this.#clock;
    const log = logUntil(() => this.#closed);
    const logFiles = createLogFiles({ folder: join(folder, 'logs') });
    this.loop = createReconcileLoop({ store: this.store, clock, log });
    this.backend = createSandboxBackend({
      folder,
      cacheFolder: join(folder, 'cache'),
      blobs: this.blobs,
      clock,
      settings: { sandbox: 'auto' },
      log,
      locateRuntime: () => ({ folders: [TOOLS], environment: { PATH: `${TOOLS}/bin:/usr/bin:/bin` } }),
    });
    const { death, store, backend } = this;
    this.#room = createBuildsRoom({
      store: { ...store, commit: death.until((commit) => store.commit(commit)) },
      blobs: this.blobs,
      calls: this.calls,
      clock,
      ids: systemIds,
      loop: this.loop,
      backend: Object.assign(Object.create(backend) as SandboxBackend, {
        start: death.until((spec: WorkSpec) => backend.start(hastened(spec))),
        stop: death.until((id: string) => backend.stop(id)),
        release: death.until((id: string) => backend.release(id)),
        // the class keeps its state to itself
        status: (id: string) => backend.status(id),
        onChange: (listener: (id: string) => void) => backend.onChange(listener),
        outputs: (id: string, output: string) => backend.outputs(id, output),
        readText: (id: string, path: string, sizeBytesMax: number) => backend.readText(id, path, sizeBytesMax),
      }),
      admission: createAdmission({ capacity: { cpus, memoryMiB: 8192 } }),
      logFiles,
      authorizer: createAuthorizer({ policiesOf: async ({ name }) => this.policies.get(name) ?? [] }),
      roles: {
        ...GRANTED_ROLES,
        assume: async (request) => {
          if (this.#roleIsGone) throw new ServiceError('AccessDenied', `The role ${request.roleArn} does not exist.`);
          return GRANTED_ROLES.assume(request);
        },
      },
      credentials: {
        environment: async (access) => {
          this.accesses.push(access);
          this.#roleIsGone = this.losesRole;
          return {};
        },
      },
      instanceLimits: () => ({ cpus: 2, memoryMiB: 1024 }),
      tools: { prepared: () => true, prepare: async () => ({ versions: { python: '3.11.2', nodejs: '24.0.0' } }) },
      settings: { reservations: { job: { cpus: 1, memoryMiB: 512 }, modelServer: { cpus: 0, memoryMiB: 0 } }, sandbox: 'auto' },
      sealingKey: KEY,
      serverUrl: () => front.url,
    });
    const sealed = { store: this.store, ids: systemIds, sealingKey: KEY, clock };
    this.open([
      this.#room,
      createLogsRoom({ store: this.store, files: logFiles, clock }),
      createSecretsRoom(sealed),
      createParametersRoom({ ...sealed, calls: this.calls }),
    ]);
  }

  static async start(options: RigOptions): Promise<BuildsRig> {
    const rig = new BuildsRig(options);
    options.front.route = rig.#room.route;
    rig.loop.register([...(rig.#room.reconcilers ?? []), createTokenReconciler(rig.store, rig.#clock)]);
    await rig.#room.start?.();
    await rig.loop.start();
    return rig;
  }

  /** As `kill -9` would: memory is gone, builds are not told. */
  async abandon(): Promise<string> {
    this.#front.drop();
    const stopped = this.loop.stop();
    if (!this.death.isDead) await stopped; // what a dead one has under way never ends
    await this.death.settled();
    this.#closed = true;
    this.#clock.stop();
    await this.#room.stop?.();
    this.backend.close();
    await this.blobs.stop();
    await this.store.close();
    return this.folder;
  }

  override async close(): Promise<void> {
    rmSync(await this.abandon(), { recursive: true, force: true });
  }

  /** The role is there again. */
  restoreRole(): void {
    this.losesRole = false;
    this.#roleIsGone = false;
  }

  project(name: string, buildspec: string, more: Partial<CreateProjectInput> = {}) {
    return this.call('codebuild:CreateProject', {
      name,
      source: { type: 'NO_SOURCE', buildspec },
      artifacts: { type: 'NO_ARTIFACTS' },
      environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
      serviceRole: ROLE,
      ...more,
    });
  }

  async startBuild(input: StartBuildInput & WithPipelineOrigin, principal = user('admin')): Promise<string> {
    const { build } = await this.call('codebuild:StartBuild', input, principal);
    return build?.id ?? '';
  }

  async build(id: string): Promise<Build> {
    const { builds = [] } = await this.call('codebuild:BatchGetBuilds', { ids: [id] });
    assert.ok(builds[0], `no build ${id}`);
    return builds[0];
  }

  async until(id: string, holds: (build: Build) => boolean): Promise<Build> {
    for (;;) {
      const build = await this.build(id);
      if (holds(build)) return build;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  ended(id: string): Promise<Build> {
    return this.until(id, ({ buildComplete }) => buildComplete === true);
  }

  async run(input: StartBuildInput & WithPipelineOrigin): Promise<Build> {
    return this.ended(await this.startBuild(input));
  }

  async log({ logs }: Build): Promise<string[]> {
    const { events = [] } = await this.call('logs:GetLogEvents', {
      logGroupName: logs?.groupName ?? '',
      logStreamName: logs?.streamName ?? '',
      startFromHead: true,
    });
    return events.map(({ message = '' }) => message);
  }

  /** The text of an object. */
  async text(Bucket: string, Key: string): Promise<Buffer> {
    const { Body } = await this.call('s3:GetObject', { Bucket, Key });
    const chunks: Uint8Array[] = [];
    for await (const chunk of Body as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}

/** `INSTALL SUCCEEDED, BUILD FAILED, …` from DOWNLOAD_SOURCE on. */
export const phasesOf = ({ phases = [] }: Build): string =>
  phases
    .slice(3)
    .map(({ phaseType, phaseStatus }) => [phaseType, phaseStatus].filter((word) => word !== undefined).join(' '))
    .join(', ');

/** Names in a zip file, and the text of each. */
export function unzipped(content: Uint8Array): Record<string, string> {
  const program = `
import io, json, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
print(json.dumps({name: archive.read(name).decode() for name in archive.namelist()}))`;
  return JSON.parse(execFileSync('python3', ['-c', program], { input: content, encoding: 'utf8' })) as Record<string, string>;
}

/** One server for all tests of a file, closed after them. */
export async function rigOfFile(): Promise<BuildsRig> {
  const front = await Front.open();
  const rig = await BuildsRig.start({ front });
  after(async () => {
    await rig.close();
    front.close();
  });
  return rig;
}
