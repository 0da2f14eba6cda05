import { join } from 'node:path';
import type { Logger } from 'pino';
import { loadService, serviceIds } from '../models/load.ts';
import { cacheDirectory } from '../toolchain/cache.mjs';
import { functionRuntimes, locateWorkRuntime } from './backends/sandbox/node-runtime.ts';
import { createBuildTools } from './backends/sandbox/build-tools.ts';
import { createGit } from './backends/git/git-folders.ts';
import { createImageTrees } from './backends/sandbox/image-trees.ts';
import { createRuntimeCatalogue } from './backends/sandbox/runtime-catalogue.ts';
import { createSandboxBackend } from './backends/sandbox/sandbox-backend.ts';
import { createImageIndex } from './domains/images/image-index.ts';
import { seedIdentity } from './domains/identity/seed.ts';
import { defaultBucketName, ensureDefaultBucket } from './domains/storage/default-bucket.ts';
import { createForward } from './gateway/forward.ts';
import { createConsoleRoutes } from './gateway/pages/console-routes.ts';
import { createGateway, type Gateway } from './gateway/server.ts';
import { createAdmission, hostCapacity } from './platform/admission/admission.ts';
import { createRegistryTokens } from './platform/authorization/registry-token.ts';
import { readOrCreateSealingKey } from './platform/authorization/sealing-key.ts';
import { writeClientFiles } from './platform/client-files.ts';
import { systemClock } from './platform/clock.ts';
import { type DataFolder, openDataFolder } from './platform/data-folder.ts';
import { decidePort, decideRuntimePort } from './platform/decide-ports.ts';
import { ConfigError, InvariantError } from './platform/errors/families.ts';
import { systemIds } from './platform/ids.ts';
import { createServerLog } from './platform/server-log.ts';
import { createLogFiles } from './platform/log-files.ts';
import { createBlobStore } from './platform/objects/blob-store.ts';
import { createReconcileLoop } from './platform/reconcile/loop.ts';
import { createOutgoingHttp } from './platform/outgoing/outgoing-http-client.ts';
import { createMessageSigner } from './platform/outgoing/message-signer.ts';
import { createSmtpMail } from './platform/outgoing/smtp-mail.ts';
import type { Settings } from './platform/settings.ts';
import { type Decorate, undecorated } from './platform/ports/decorate.ts';
import type { RoutePublisher } from './platform/ports/routes.ts';
import { readSettings } from './platform/settings-file.ts';
import { createSqliteStore } from './platform/store/sqlite/sqlite-store.ts';
import { createRooms, type RoomPorts, startRooms, type WiredRooms } from './rooms.ts';
import { type RouterHandle, startOrAdoptRouter } from './router/control.ts';

export interface ServerOptions {
  /** The data folder, absolute. */
  readonly folder: string;
  readonly host: string;
  /** Undefined: as recorded, else 7600. 0: as recorded, else a free one. */
  readonly port: number | undefined;
  readonly runtimePort: number | undefined;
  /** End running jobs when the server is stopped. */
  readonly stopJobs: boolean;
  readonly decorate?: Decorate;
}

const CLOSE_GRACE_MS = 10_000;
/** A training job may take 120 s after SIGTERM; what is longer is settled by the next start. */
const JOBS_GRACE_MS = 130_000;

/** Runs the server until SIGTERM, SIGINT or SIGUSR2 (which ends jobs too). Resolves when everything is down. */
export async function runServer(options: ServerOptions): Promise<void> {
  if (!['127.0.0.1', 'localhost', '::1'].includes(options.host)) {
    throw new ConfigError(
      '--host',
      `${options.host} is not a loopback address, and this version has no TLS. Use 127.0.0.1, or put a proxy with TLS before it.`,
    );
  }
  const log = createServerLog();
  const data = openDataFolder(options.folder);
  const stopped = nextSignal(); // from here on: a signal during the start must not leave a router behind
  try {
    const server = await startServer(options, data, log);
    process.stdout.write(`slipway: listening on ${server.url}\n`);
    const signal = await stopped;
    log.info({ signal }, 'Stopping.');
    await server.stop(options.stopJobs || signal === 'SIGUSR2');
  } finally {
    data.close();
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR2', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
}

interface RunningServer {
  readonly url: string;
  stop(endJobs: boolean): Promise<void>;
}

async function startServer(options: ServerOptions, data: DataFolder, log: Logger): Promise<RunningServer> {
  const settings = await readSettings(data.paths.folder);
  const late: LateParts = { url: '', router: undefined };
  const record = () =>
    late.router &&
    data.writeServerRecord({
      pid: process.pid,
      routerPid: late.router.pid,
      port: Number(new URL(late.url).port),
      runtimePort: late.router.port,
      url: late.url,
    });
  const recorded = data.readServerRecord();
  const wantedPort = decidePort(options, recorded);
  // a process of its own: it starts while the rooms are wired
  const router = startOrAdoptRouter({
    dataFolder: data.paths.folder,
    host: options.host,
    port: decideRuntimePort(options, recorded, wantedPort),
    log,
    onRestart: record,
  });
  router.catch(() => undefined); // told below
  const undo: (() => Promise<void>)[] = [async () => (await router.catch(() => undefined))?.abandon()];
  try {
    const base = await openFoundation(data, settings, log, options.decorate ?? undecorated);
    undo.unshift(() => base.close());
    const wired = createRooms(portsOf(base, late));
    const { promise: ready, resolve: open } = Promise.withResolvers<void>();
    const gateway = createServerGateway(base, late, wired, ready);
    undo.unshift(() => gateway.close(0));
    late.url = `http://${options.host}:${await listen(gateway, wantedPort, options.host)}`;
    late.router = await router;
    await prepare(base, wired, late);
    await startRooms(base.loop, base, wired.rooms);
    base.blobs.start();
    record();
    open();
    return { url: late.url, stop: (endJobs) => stopServer(base, late, gateway, wired, endJobs) };
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

/** What is known only once ports are bound; rooms ask for it when they need it. */
interface LateParts {
  url: string;
  router: RouterHandle | undefined;
}

const runtimeUrlOf = (late: LateParts): string => `http://${new URL(late.url).hostname}:${late.router?.port ?? 0}`;

type Foundation = Awaited<ReturnType<typeof openFoundation>>;

async function openFoundation(data: DataFolder, settings: Settings, log: Logger, decorate: Decorate) {
  const { paths } = data;
  const clock = systemClock;
  const ids = systemIds;
  const sealingKey = await readOrCreateSealingKey(join(paths.keys, 'sealing.key'), ids);
  const store = decorate('store', createSqliteStore({ path: paths.database, clock }));
  const quotaBytes = settings.storage.totalMiB * 1024 * 1024;
  const blobs = decorate('blobs', createBlobStore({ folder: paths.blobs, clock, store, quotaBytes }));
  const logFiles = decorate('logFiles', createLogFiles({ folder: paths.logs }));
  const loop = createReconcileLoop({ store, clock, log });
  const capacity = hostCapacity();
  const admission = createAdmission({ capacity });
  const imageIndex = createImageIndex({ store, account: settings.account });
  const trees = createImageTrees({ cacheFolder: cacheDirectory(), blobs });
  const registryTokens = createRegistryTokens(sealingKey, ids);
  const sandbox = createSandboxBackend({
    folder: paths.folder,
    cacheFolder: cacheDirectory(),
    blobs,
    clock,
    settings,
    log,
    locateRuntime: locateWorkRuntime,
    openImage: (digest, root) => trees.open(digest, (wanted) => root ?? imageIndex.root(wanted)),
  });
  const backend = decorate('backend', sandbox);
  const runtimes = createRuntimeCatalogue(settings.images, undefined, imageIndex);
  const close = async () => {
    await loop.stop();
    backend.close();
    await blobs.stop();
    await store.close();
  };
  const images = { imageIndex, trees, registryTokens };
  return {
    paths,
    settings,
    log,
    clock,
    ids,
    sealingKey,
    store,
    blobs,
    logFiles,
    loop,
    admission,
    capacity,
    decorate,
    backend,
    runtimes,
    ...images,
    close,
  };
}

function portsOf(base: Foundation, late: LateParts): RoomPorts {
  const router = (): RouterHandle => {
    if (!late.router) throw new InvariantError('The router was used before it was started.');
    return late.router;
  };
  const routes: RoutePublisher = {
    publishEndpoints: (endpoints) => router().publishEndpoints(endpoints),
    publishIdentities: (identities) => router().publishIdentities(identities),
    drained: (instances, timeoutMs) => router().drained(instances, timeoutMs),
    usage: (instances) => router().usage(instances),
    answer: (questions) => router().answer(questions),
  };
  const { mail, outgoing: rules } = base.settings;
  const ownPorts = () => [Number(new URL(late.url).port), router().port];
  return {
    ...base,
    routes: base.decorate('routes', routes),
    functionRuntimes,
    git: base.decorate('git', createGit({ folder: base.paths.git, ids: base.ids })),
    buildTools: createBuildTools(base.log),
    outgoing: createOutgoingHttp({ rules, ownPorts }),
    signer: createMessageSigner(join(base.paths.keys, 'messages.pem')),
    ...(mail && { mail: createSmtpMail(mail) }),
    serverUrl: () => late.url,
    runtimeUrl: () => runtimeUrlOf(late),
  };
}

function createServerGateway(
  base: Foundation,
  late: LateParts,
  { dispatcher, functions, identity, credentials, repositories, topics, builds, delivery, reviews }: WiredRooms,
  ready: Promise<void>,
): Gateway {
  const services = serviceIds.map(loadService);
  const address = () => (late.router ? { host: new URL(late.url).hostname, port: late.router.port } : undefined);
  const consoleRoutes = createConsoleRoutes({
    ...base,
    dispatcher,
    services,
    identities: identity.directory,
    sessionKey: Buffer.from(base.sealingKey, 'hex'),
    consoleFolder: join(import.meta.dirname, '../console'),
    ownUrl: () => new URL(late.url),
    runtimeUrl: () => new URL(runtimeUrlOf(late)),
    log: (event, fields) => base.log.error(fields, event),
  });
  return createGateway({
    ...base,
    dispatcher,
    services,
    identities: identity.directory,
    region: base.settings.region,
    webRoutes: [
      ...consoleRoutes,
      credentials.route,
      functions.route,
      delivery.route,
      reviews.route,
      ...(builds ? [builds.route] : []),
      ...(topics ? [topics.route] : []),
    ],
    ...(repositories && { git: { service: repositories.service, serviceCredential: identity.serviceCredential } }),
    runtimeForward: createForward(address),
    ready,
  });
}

async function listen(gateway: Gateway, port: number, host: string): Promise<number> {
  try {
    return await gateway.listen(port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EADDRINUSE' ? 'is in use by another program' : 'may not be used by this user';
    throw new ConfigError('--port', `port ${port} ${why}. Choose another: --port N, or --port 0 for a free one.`);
  }
}

/** What must exist before the first request: identities here and at the router, the default bucket, the clients' files. */
async function prepare(base: Foundation, { identity }: WiredRooms, late: LateParts): Promise<void> {
  const { settings, paths, clock } = base;
  const key = await seedIdentity({ ...base, account: settings.account });
  await ensureDefaultBucket(base.store, settings, clock.now());
  await identity.publish();
  writeClientFiles(paths, { key, region: settings.region, url: late.url, bucket: defaultBucketName(settings) });
}

async function stopServer(
  base: Foundation,
  late: LateParts,
  gateway: Gateway,
  { rooms, jobs, functions }: WiredRooms,
  endJobs: boolean,
): Promise<void> {
  for (const room of rooms) room.release?.();
  await gateway.close(CLOSE_GRACE_MS);
  if (endJobs) functions.endAll();
  if (endJobs) await jobs.endAll(JOBS_GRACE_MS);
  base.log.info({ jobs: await jobs.running() }, 'Jobs that run on without the server.');
  await base.loop.stop();
  // the router first: what it has in flight still needs the model servers that the hosting room is about to end
  await late.router?.stop();
  for (const room of [...rooms].reverse()) await room.stop?.();
  await base.close();
}
