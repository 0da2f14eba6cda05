import type { InputOf, OperationName, OutputOf } from '../../src/contract/operations.ts';
import { createImageIndex } from '../../src/domains/images/image-index.ts';
import { seedIdentity } from '../../src/domains/identity/seed.ts';
import { ensureDefaultBucket } from '../../src/domains/storage/default-bucket.ts';
import { createAdmission } from '../../src/platform/admission/admission.ts';
import type { Principal } from '../../src/platform/authorization/principal.ts';
import { createRegistryTokens } from '../../src/platform/authorization/registry-token.ts';
import type { Ids } from '../../src/platform/ids.ts';
import type { Log } from '../../src/platform/log.ts';
import type { BlobStore } from '../../src/platform/objects/port.ts';
import type { WorkAdditions } from '../../src/platform/ports/additions.ts';
import type { ImageTrees } from '../../src/platform/ports/images.ts';
import type { LogFiles } from '../../src/platform/ports/log-files.ts';
import type { RoutePublisher } from '../../src/platform/ports/routes.ts';
import type { WorkBackend } from '../../src/platform/ports/work.ts';
import { createReconcileLoop } from '../../src/platform/reconcile/loop.ts';
import type { Settings } from '../../src/platform/settings.ts';
import type { Store } from '../../src/platform/store/port.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { createRooms, type RoomPorts, startRooms, type WiredRooms } from '../../src/rooms.ts';
import type { Gate } from './gate.ts';
import type { ProcessClock } from './process-clock.ts';

/** What a server process finds outside of itself. */
export interface OpenedPorts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly logFiles: LogFiles;
  readonly backend: WorkBackend & Partial<WorkAdditions>;
  readonly routes: RoutePublisher;
  readonly trees: ImageTrees;
  readonly rest: Pick<RoomPorts, 'functionRuntimes' | 'runtimes'> & Partial<RoomPorts>;
}

export interface EngineOptions {
  readonly gate: Gate;
  readonly clock: ProcessClock;
  readonly ids: Ids;
  readonly log: Log;
  readonly settings: Settings;
  readonly capacity: RoomPorts['capacity'];
  readonly open: (clock: Clock) => OpenedPorts;
}

const SEALING_KEY = '5a'.repeat(32);

/** One life of a simulated server: the real rooms, wired as the real one's, over gated ports; until `die`. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #ports: RoomPorts;
  readonly #wired: WiredRooms;
  #principal: Principal | undefined;
  readonly #ready = Promise.withResolvers<void>();
  status: 'starting' | 'ready' | 'failed' | 'dead' = 'starting';

  constructor(options: EngineOptions) {
    this.#options = options;
    const { gate, clock, ids, log, settings, capacity } = options;
    const opened = options.open(clock);
    const store = gate.decorate('store', opened.store);
    this.#ports = {
      settings,
      log,
      clock,
      ids,
      sealingKey: SEALING_KEY,
      store,
      blobs: gate.decorate('blobs', opened.blobs),
      logFiles: gate.decorate('logFiles', opened.logFiles),
      loop: createReconcileLoop({ store, clock, log }),
      admission: createAdmission({ capacity }),
      capacity,
      backend: gate.decorate('backend', opened.backend),
      routes: gate.decorate('routes', opened.routes),
      imageIndex: createImageIndex({ store, account: settings.account }),
      trees: opened.trees,
      registryTokens: createRegistryTokens(SEALING_KEY, ids),
      serverUrl: () => 'http://127.0.0.1:7600',
      runtimeUrl: () => 'http://127.0.0.1:7601',
      decorate: gate.decorate,
      ...opened.rest,
    };
    this.#wired = createRooms(this.#ports);
    this.#ready.promise.catch(() => {});
  }

  /** As `main.ts` starts: identities and default bucket, then rooms and loop. A fault on the way ends the process. */
  async start(): Promise<void> {
    const { store, settings, clock, ids, loop, sealingKey } = this.#ports;
    try {
      const key = await seedIdentity({ store, clock, ids, account: settings.account, sealingKey });
      await ensureDefaultBucket(store, settings, clock.now());
      await this.#wired.identity.publish();
      const credential = await this.#wired.identity.directory.credential(key.accessKeyId, undefined);
      if (!credential || 'problem' in credential) throw new Error('the admin key made at the start opens nothing');
      this.#principal = credential.principal;
      await startRooms(loop, this.#ports, this.#wired.rooms);
      this.status = 'ready';
      this.#ready.resolve();
    } catch (error) {
      this.status = 'failed';
      this.#ready.reject(error);
      throw error;
    }
  }

  /** A client's call, with all that dispatch does; it waits until the server is ready. */
  async call<N extends OperationName>(name: N, input: InputOf<N>, principal?: Principal): Promise<OutputOf<N>> {
    await this.#ready.promise;
    const caller = principal ?? (this.#principal as Principal);
    const { ids, settings } = this.#ports;
    return this.#wired.dispatcher.dispatch(name, input, {
      principal: caller,
      region: settings.region,
      requestId: ids.uuid(),
      client: { sourceIp: '127.0.0.1', userAgent: 'simulator' },
    });
  }

  /** Resolves when no reconciler runs or waits to. */
  idle(): Promise<void> {
    return this.#ports.loop.idle();
  }

  die(): void {
    this.status = 'dead';
    this.#options.gate.die();
    this.#options.clock.die();
  }
}
