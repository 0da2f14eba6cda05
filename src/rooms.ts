import { loadService, serviceIds } from '../models/load.ts';
import { type BuildsRoom, createBuildsRoom } from './domains/builds/room.ts';
import { createNoticesRoom } from './domains/notices/room.ts';
import type { FunctionRuntimes } from './domains/functions/ports.ts';
import { createDeliveryRoom, type DeliveryRoom } from './domains/delivery/room.ts';
import { createEventsRoom } from './domains/events/room.ts';
import { createFunctionsRoom, type FunctionsRoom } from './domains/functions/room.ts';
import { createHostingRoom } from './domains/hosting/room.ts';
import { createIdentityRoom, type IdentityRoom } from './domains/identity/room.ts';
import type { ImageIndex } from './domains/images/image-index.ts';
import { createImagesRoom } from './domains/images/room.ts';
import type { Archiver } from './domains/jobs/artifact-archive.ts';
import { createJobsRoom, type JobsRoom } from './domains/jobs/room.ts';
import { createLogsRoom } from './domains/logs/room.ts';
import { createParametersRoom } from './domains/parameters/room.ts';
import { createPipelinesRoom } from './domains/pipelines/room.ts';
import { createQueuesRoom } from './domains/queues/room.ts';
import { createRegistryRoom } from './domains/registry/room.ts';
import { createRepositoriesRoom, type RepositoriesRoom } from './domains/repositories/room.ts';
import { createSchedulesRoom } from './domains/schedules/room.ts';
import { createReviewsRoom, type ReviewsRoom } from './domains/reviews/room.ts';
import { createSecretsRoom } from './domains/secrets/room.ts';
import { createStorageRoom } from './domains/storage/room.ts';
import { createStudioRoom } from './domains/studio/room.ts';
import { createTaggingRoom } from './domains/tagging/room.ts';
import { createTopicsRoom, type TopicsRoom } from './domains/topics/room.ts';
import { createInstanceLimits } from './platform/admission/instance-sizes.ts';
import type { Admission, Reservation } from './platform/admission/port.ts';
import { createAuthorizer } from './platform/authorization/authorizer.ts';
import type { RegistryTokens } from './platform/authorization/registry-token.ts';
import { createWorkCredentials, type WorkCredentials } from './platform/authorization/work-credentials.ts';
import { createCalls, createDispatcher, type Dispatcher } from './platform/calls/dispatch.ts';
import type { Calls, Room } from './platform/calls/operation.ts';
import { createUniversalCalls } from './platform/calls/universal-calls.ts';
import type { Clock } from './platform/clock.ts';
import { InvariantError } from './platform/errors/families.ts';
import { createTokenReconciler } from './platform/idempotency.ts';
import type { Ids } from './platform/ids.ts';
import type { Log } from './platform/log.ts';
import type { BlobStore } from './platform/objects/port.ts';
import type { WorkAdditions } from './platform/ports/additions.ts';
import type { BuildTools } from './platform/ports/build-tools.ts';
import { type Decorate, undecorated } from './platform/ports/decorate.ts';
import type { Git } from './platform/ports/git.ts';
import type { ImageTrees } from './platform/ports/images.ts';
import type { LogFiles } from './platform/ports/log-files.ts';
import type { Mail } from './platform/ports/mail.ts';
import type { MessageSigner } from './platform/ports/message-signer.ts';
import type { OutgoingHttp } from './platform/ports/outgoing-http.ts';
import type { RoutePublisher } from './platform/ports/routes.ts';
import type { RuntimeCatalogue } from './platform/ports/runtime.ts';
import type { WorkBackend } from './platform/ports/work.ts';
import type { RunnableLoop } from './platform/reconcile/loop.ts';
import type { Settings } from './platform/settings.ts';
import type { Store } from './platform/store/port.ts';

/** What rooms stand on: everything that is outside of them. `main.ts` gives the real parts, a simulator its own. */
export interface RoomPorts {
  readonly settings: Settings;
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Hex, 32 bytes; see platform/authorization/sealing-key.ts. */
  readonly sealingKey: string;
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly logFiles: LogFiles;
  readonly loop: RunnableLoop;
  readonly admission: Admission;
  /** Of this host: what an instance type may use is clipped to it. */
  readonly capacity: Reservation;
  readonly backend: WorkBackend & Partial<WorkAdditions>;
  readonly routes: RoutePublisher;
  readonly runtimes: RuntimeCatalogue;
  readonly functionRuntimes: FunctionRuntimes;
  /** What builds run on; without it there are no builds. */
  readonly buildTools?: BuildTools;
  readonly archive?: Archiver;
  readonly imageIndex: ImageIndex;
  readonly trees: ImageTrees;
  readonly registryTokens: RegistryTokens;
  /** Requests to addresses of users; without it nothing is sent anywhere. */
  readonly outgoing?: OutgoingHttp;
  /** Without it there are no topics. */
  readonly signer?: MessageSigner;
  /** Absent where no SMTP server is named. */
  readonly mail?: Mail;
  /** Where clients and work reach the main port and the runtime port; known once they are bound. */
  readonly serverUrl: () => string;
  readonly runtimeUrl: () => string;
  /** Runs git; without it there is no CodeCommit. */
  readonly git?: Git;
  readonly decorate?: Decorate;
}

export interface WiredRooms {
  readonly rooms: readonly Room[];
  readonly jobs: JobsRoom;
  readonly functions: FunctionsRoom;
  readonly builds?: BuildsRoom;
  readonly delivery: DeliveryRoom;
  readonly identity: IdentityRoom;
  readonly repositories?: RepositoriesRoom;
  readonly reviews: ReviewsRoom;
  readonly topics?: TopicsRoom;
  readonly dispatcher: Dispatcher;
  readonly credentials: WorkCredentials;
}

/** Every room, wired; and the one dispatcher that clients and rooms call through. */
export function createRooms(ports: RoomPorts): WiredRooms {
  const { decorate = undecorated } = ports;
  let dispatcher: Dispatcher | undefined;
  const wired = () => {
    if (!dispatcher) throw new InvariantError('A room called another before the server was wired.');
    return dispatcher;
  };
  const all: Room[] = [];
  const callsOf = (room: string): Calls =>
    decorate(
      'calls',
      createCalls(wired, ports.ids, () => all.find(({ name }) => name === room)?.calls ?? []),
    );
  const identity = createIdentityRoom(ports);
  const resources = () => all.flatMap((room) => room.resources);
  const authorizer = createAuthorizer(identity.directory, resources);
  const credentials = createWorkCredentials({ ...ports, roles: identity.sessions, key: ports.sealingKey });
  const shared = {
    ...ports,
    authorizer,
    credentials,
    workCredentials: credentials,
    roles: identity.sessions,
    instanceLimits: createInstanceLimits(ports.settings.instances, ports.capacity),
  };
  const jobs = createJobsRoom({ ...shared, calls: callsOf('jobs') });
  const builds = ports.buildTools && createBuildsRoom({ ...shared, tools: ports.buildTools, calls: callsOf('builds') });
  const functions = createFunctionsRoom({ ...shared, runtimes: ports.functionRuntimes, calls: callsOf('functions') });
  const services = serviceIds.map(loadService);
  const universal = createUniversalCalls(services, () => all.flatMap((room) => room.operations));
  const delivery = createDeliveryRoom({ ...shared, calls: callsOf('delivery') });
  const { signer } = ports;
  const topics = signer && createTopicsRoom({ ...shared, signer });
  const events = createEventsRoom(shared);
  all.push(
    ...(topics ? [topics] : []),
    identity,
    ...createKeepingRooms(ports, callsOf),
    events,
    createStudioRoom(shared),
    createRegistryRoom({ ...shared, calls: callsOf('registry') }),
    createHostingRoom({ ...shared, calls: callsOf('hosting') }),
    jobs,
    functions,
    ...(builds ? [builds] : []),
    createPipelinesRoom({ ...shared, calls: callsOf('pipelines'), model: loadService('sagemaker').model }),
    delivery,
  );
  const { git } = ports;
  const repositories = git && createRepositoriesRoom({ ...shared, git, calls: callsOf('repositories') });
  if (repositories) all.push(repositories);
  const reviews = createReviewsRoom({ ...shared, calls: callsOf('reviews') });
  all.push(reviews);
  all.push(createSchedulesRoom({ ...shared, universal }));
  // behind all whose operations its messages may be calls of
  all.push(createNoticesRoom({ ...shared, universal, destinations: events.destinations, calls: callsOf('notices') }));
  all.push(createTaggingRoom({ ...ports, resources: resources() }));
  dispatcher = createDispatcher({
    ...ports,
    authorizer,
    operations: all.flatMap((room) => room.operations),
    services,
  });
  return {
    rooms: all,
    jobs,
    functions,
    identity,
    ...(repositories && { repositories }),
    ...(builds && { builds }),
    delivery,
    reviews,
    ...(topics && { topics }),
    dispatcher,
    credentials,
  };
}

/** Rooms that keep what others give them, and ask nobody but each other. */
const createKeepingRooms = (ports: RoomPorts, callsOf: (room: string) => Calls): Room[] => [
  createStorageRoom(ports),
  createImagesRoom(ports),
  createLogsRoom({ ...ports, files: ports.logFiles }),
  createParametersRoom({ ...ports, calls: callsOf('parameters') }),
  createSecretsRoom(ports),
  createQueuesRoom(ports),
];

/** Reconcilers at the loop, rooms and loop started: unfinished work goes on. Before it, no request is answered. */
export async function startRooms(
  loop: RunnableLoop,
  { store, clock }: Pick<RoomPorts, 'store' | 'clock'>,
  rooms: readonly Room[],
): Promise<void> {
  loop.register([createTokenReconciler(store, clock)]);
  for (const room of rooms) {
    loop.register(room.reconcilers ?? []);
    loop.subscribe(room.subscriptions ?? []);
  }
  for (const room of rooms) await room.start?.();
  await loop.start();
}
