import { runServer } from '../src/main.ts';
import type { Decorate } from '../src/platform/ports/decorate.ts';
import type { WorkBackend, WorkEnd, WorkStatus } from '../src/platform/ports/work.ts';

/**
 * `node instant-server.ts FOLDER [hold]`: the server as it is, but for the backend. Work ends with exit code 0 as soon as it has started, so
 * that what is measured is all that stands before and behind a process: API, pipelines, jobs, admission, logs, store. With `hold` it
 * runs until the server ends.
 */
const [folder = '', hold] = process.argv.slice(2);
const ISOLATION = 'none';

function createInstantBackend(close: () => void): WorkBackend & { close(): void } {
  const runs = new Map<string, WorkStatus>();
  const listeners = new Set<(id: string) => void>();
  const tell = (id: string) => {
    for (const listener of listeners) listener(id);
  };
  const end = (id: string, reason: WorkEnd['reason']) => {
    const atMs = Date.now();
    const exit = reason === 'exited' ? { exitCode: 0 } : {};
    runs.set(id, { phase: 'ended', reason, ...exit, startedAtMs: atMs, endedAtMs: atMs, isolation: ISOLATION });
    tell(id);
  };
  return {
    name: 'instant',
    async start({ id }) {
      if (runs.has(id)) return;
      runs.set(id, { phase: 'running', startedAtMs: Date.now(), isolation: ISOLATION });
      if (hold === undefined) setImmediate(() => end(id, 'exited'));
      else tell(id);
    },
    status: async (id) => runs.get(id) ?? { phase: 'absent' },
    async stop(id) {
      if (runs.get(id)?.phase !== 'ended') end(id, 'stopped');
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    outputs: async () => ({ files: [], skipped: [] }),
    readText: async () => undefined,
    address: () => ({ kind: 'unix', socketPath: '/nowhere' }),
    ask: async () => ({ kind: 'refused' }),
    async release(id) {
      runs.delete(id);
    },
    close,
  };
}

const decorate: Decorate = (name, port) => {
  if (name !== 'backend') return port;
  const { close } = port as unknown as { close(): void };
  return createInstantBackend(() => close.call(port)) as unknown as typeof port;
};

await runServer({ folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false, decorate });
