import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listenForControl, type RouterStatus } from './control-server.ts';
import { Gate } from './gate.ts';
import { RouteTable } from './route-table.ts';
import { createRuntimeServer } from './server.ts';
import { createServerLink } from './server-link.ts';
import { NO_ROUTES, readSnapshotFile, writeSnapshotFile } from './snapshot-file.ts';

/**
 * The router process: `node main.ts --folder DIR/router --host H --port P --build B`. It serves from the snapshot on disk
 * at once, takes newer ones over `control.sock`, and outlives the server. Exit codes: 0 asked to stop, 4 the port is
 * taken, 1 anything else.
 */
const STOP_GRACE_MS = 10_000;

const { values } = parseArgs({
  options: { folder: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' }, build: { type: 'string' } },
});
const { folder = '.', host = '127.0.0.1', build = '' } = values;
const snapshotPath = join(folder, 'snapshot.json');
const controlPath = join(folder, 'control.sock');

const log = (message: string, fields: object = {}): void => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), pid: process.pid, message, ...fields })}\n`);
};

const routes = new RouteTable();
const gate = new Gate();
let revision = 0;

function apply(snapshot: typeof NO_ROUTES): void {
  routes.apply(snapshot);
  gate.apply(snapshot.identities);
  revision = snapshot.revision;
}

const stored = readSnapshotFile(snapshotPath) ?? NO_ROUTES;
apply(stored);

const server = createRuntimeServer({
  routes,
  gate,
  server: createServerLink(join(folder, 'server.sock')),
  report: (requestId, error) => log('request failed', { requestId, error: error instanceof Error ? error.stack : String(error) }),
});
server.on('error', (error: NodeJS.ErrnoException) => {
  log('cannot listen', { host, port: values.port, code: error.code });
  process.exit(error.code === 'EADDRINUSE' || error.code === 'EACCES' ? 4 : 1);
});
await new Promise<void>((resolve) => server.listen(Number(values.port ?? 0), host, resolve));
const address = server.address();
const port = typeof address === 'object' && address ? address.port : 0;
const status = (): RouterStatus => ({ pid: process.pid, host, port, build, revision });

const control = await listenForControl(controlPath, {
  status,
  apply(snapshot, text) {
    if (snapshot.revision <= revision) return false;
    // kept first: after a crash right here the router comes back with what the server is about to count on
    writeSnapshotFile(snapshotPath, text);
    apply(snapshot);
    return true;
  },
  drained: (instances, timeoutMs) => routes.drained(instances, timeoutMs),
  usage: (instances) => routes.usage(instances),
  stop,
});
log('routing', { host, port, revision });

let stopping = false;
/** Finishes what is in flight, refuses what is new, then exits 0. */
function stop(): void {
  if (stopping) return;
  stopping = true;
  log('stopping');
  rmSync(controlPath, { force: true });
  control.close();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), STOP_GRACE_MS).unref();
}
process.on('SIGTERM', stop);
process.on('SIGINT', () => {}); // Ctrl-C in a terminal reaches the whole group; the server decides what stops
process.on('SIGHUP', () => {});
