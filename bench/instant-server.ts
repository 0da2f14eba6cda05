import { runServer } from '../src/main.ts';
import type { Calls } from '../src/platform/calls/operation.ts';
import type { Decorate } from '../src/platform/ports/decorate.ts';
import type { WorkBackend, WorkEnd, WorkStatus } from '../src/platform/ports/work.ts';

/**
 * `node instant-server.ts FOLDER [hold]`: the server as it is, but for the backend. Work ends with exit code 0 as soon as it has started, so
 * that what is measured is all that stands before and behind a process: API, pipelines, jobs, admission, logs, store. With `hold` all work
 * that was ever asked about runs and goes on to run, as real processes do when a server dies, and each work and each step of an execution that this
 * server looks at for the first time is told on stdout.
 */
const [folder = '', hold] = process.argv.slice(2);
const ISOLATION = 'none';

class InstantBackend implements WorkBackend {
  readonly name = 'instant';
  readonly close: () => void;
  readonly #runs = new Map<string, WorkStatus>();
  readonly #listeners = new Set<(id: string) => void>();

  constructor(close: () => void) {
    this.close = close;
  }

  async start({ id }: { readonly id: string }): Promise<void> {
    if (this.#runs.has(id)) return;
    this.#runs.set(id, { phase: 'running', startedAtMs: Date.now(), isolation: ISOLATION });
    setImmediate(() => this.#end(id, 'exited'));
  }

  async status(id: string): Promise<WorkStatus> {
    const found = this.#runs.get(id);
    if (found || hold === undefined) return found ?? { phase: 'absent' };
    const running = { phase: 'running', startedAtMs: Date.now() - 60_000, isolation: ISOLATION } as const;
    this.#runs.set(id, running);
    tellTakenUp('work', id);
    return running;
  }

  async stop(id: string): Promise<void> {
    if (this.#runs.get(id)?.phase !== 'ended') this.#end(id, 'stopped');
  }

  onChange(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async outputs() {
    return { files: [], skipped: [] };
  }

  async readText() {
    return undefined;
  }

  address() {
    return { kind: 'unix', socketPath: '/nowhere' } as const;
  }

  async ask() {
    return { kind: 'refused' } as const;
  }

  async release(id: string): Promise<void> {
    this.#runs.delete(id);
  }

  #end(id: string, reason: WorkEnd['reason']): void {
    const atMs = Date.now();
    const exit = reason === 'exited' ? { exitCode: 0 } : {};
    this.#runs.set(id, { phase: 'ended', reason, ...exit, startedAtMs: atMs, endedAtMs: atMs, isolation: ISOLATION });
    for (const listener of this.#listeners) listener(id);
  }
}

const takenUp = new Set<string>();
function tellTakenUp(what: 'work' | 'step', id: string): void {
  if (takenUp.has(`${what} ${id}`)) return;
  takenUp.add(`${what} ${id}`);
  process.stdout.write(`taken up: ${what} ${id}\n`);
}

/** An execution that is taken up looks at the jobs of its steps, or asks once more for those of which it is not known whether they were made. */
const noting = (calls: Calls): Calls => ({
  call(principal, origin, name, input) {
    if (name === 'sagemaker:DescribeProcessingJob' || name === 'sagemaker:CreateProcessingJob')
      tellTakenUp('step', (input as { ProcessingJobName: string }).ProcessingJobName);
    return calls.call(principal, origin, name, input);
  },
});

const decorate: Decorate = (name, port) => {
  if (name === 'calls' && hold !== undefined) return noting(port as unknown as Calls) as unknown as typeof port;
  if (name !== 'backend') return port;
  const { close } = port as unknown as { close(): void };
  return new InstantBackend(() => close.call(port)) as unknown as typeof port;
};

await runServer({ folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false, decorate });
