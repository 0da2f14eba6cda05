import type { Clock } from '../../../src/platform/clock.ts';
import type { LocalBlobStore } from '../../../src/platform/objects/blob-store.ts';
import type { Store } from '../../../src/platform/store/port.ts';
import type { Random } from '../random.ts';
import { simArchive } from './sim-archive.ts';
import { openSimBackend } from './sim-backend.ts';
import { createSimBlobDisk, openSimBlobs, type SimBlobDisk } from './sim-blobs.ts';
import { createSimHost, type SimHost } from './sim-host.ts';
import { openSimRuntimes, simFunctionRuntimes, simImageTrees } from './sim-images.ts';
import { createSimLogDisk, openSimLogFiles } from './sim-log-files.ts';
import { createSimRouter, openSimRoutes, type SimRouter } from './sim-router.ts';

/** Everything beside the store that outlives a server, and a way to open it for the next one. */
export interface SimParts {
  readonly host: SimHost;
  readonly router: SimRouter;
  readonly blobs: SimBlobDisk;
  readonly logs: ReturnType<typeof createSimLogDisk>;
  open(clock: Clock, store: Pick<Store, 'unusedBlobs'>): SimPorts;
}

export type SimPorts = ReturnType<typeof openPorts>;

/** `clock` is the machine's; servers come and go with clocks of their own. */
export function createSimParts({ clock, random }: { readonly clock: Clock; readonly random: Random }): SimParts {
  const [blobs, logs] = [createSimBlobDisk(), createSimLogDisk()];
  const host = createSimHost({ clock, logs, blobs });
  const router = createSimRouter({ clock, random: random.fork('router') });
  const parts = { host, router, blobs, logs };
  return { ...parts, open: (server, store) => openPorts(parts, server, store) };
}

function openPorts({ host, router, blobs, logs }: Omit<SimParts, 'open'>, clock: Clock, store: Pick<Store, 'unusedBlobs'>) {
  const opened: LocalBlobStore = openSimBlobs(blobs, { clock, store });
  return {
    blobs: opened,
    logFiles: openSimLogFiles(logs),
    backend: openSimBackend(host, { clock }),
    routes: openSimRoutes(router),
    trees: simImageTrees,
    rest: { runtimes: openSimRuntimes(), functionRuntimes: simFunctionRuntimes, archive: simArchive },
  };
}
