import type { Clock } from '../../../src/platform/clock.ts';
import { BackendError } from '../../../src/platform/errors/families.ts';
import type { WorkAdditions } from '../../../src/platform/ports/additions.ts';
import type { WorkBackend, WorkOutputFile, WorkOutputTree } from '../../../src/platform/ports/work.ts';
import type { SimHost } from './sim-host.ts';
import { endedWell, type SimWork } from './sim-work.ts';

/** As the sandbox has it: behind reports stands a slow look at what is believed to live. */
const LOOK_EVERY_MS = 5_000;

/** The works of the simulated machine as one server process sees them. A new one takes the reports of the one before. */
export function openSimBackend(host: SimHost, { clock }: { readonly clock: Clock }): WorkBackend & WorkAdditions {
  const life = host.openedBy();
  const listeners = new Set<(id: string) => void>();
  const tell = (id: string) => {
    for (const listener of listeners) listener(id);
  };
  host.reports.listen(tell);
  const watched = createWatch(host, clock, tell);
  return {
    name: 'simulator',
    async start(spec) {
      host.start(spec, life);
      watched.add(spec.id);
    },
    async status(id) {
      const status = host.status(id, life);
      if (status.phase === 'preparing' || status.phase === 'running') watched.add(id);
      else watched.delete(id);
      return status;
    },
    stop: async (id) => host.stop(id),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    outputs: async (id, output) => outputsOf(host.works.get(id), output),
    async readText(id, path, sizeBytesMax) {
      const work = host.works.get(id);
      const text = work?.end && (work.plan.texts[path] ?? textOf(work, path));
      return text?.slice(0, sizeBytesMax);
    },
    address: (id) => ({ kind: 'unix', socketPath: `/sim/sockets/${id}/serve.sock` }),
    ask: (id, asked) => host.ask(id, asked),
    async release(id) {
      watched.delete(id);
      host.release(id, life);
    },
    async addArchive(id, path, place, digest) {
      const work = host.works.get(id);
      if (!work) throw new BackendError('runtime', `There is no work ${id} that files could be added to.`, { retryable: true });
      if (!work.added.has(`${path}/${place}`)) work.added.set(`${path}/${place}`, digest);
    },
    async removeAdded(id, path, place) {
      host.works.get(id)?.added.delete(`${path}/${place}`);
    },
  };
}

function createWatch(host: SimHost, clock: Clock, tell: (id: string) => void) {
  const live = new Set<string>();
  let armed = false;
  const arm = () => {
    if (armed || live.size === 0) return;
    armed = true;
    clock.at(clock.now() + LOOK_EVERY_MS, () => {
      armed = false;
      for (const id of [...live]) if (host.works.get(id)?.end) tell(id);
      arm();
    });
  };
  return {
    add(id: string): void {
      live.add(id);
      arm();
    },
    delete: (id: string) => void live.delete(id),
  };
}

/** What a work left that ended well, or was stopped on the way: one that failed leaves nothing here. */
function outputsOf(work: SimWork | undefined, output: string): WorkOutputTree {
  const left = work && endedWell(work.end) ? work.plan.outputs[output] : undefined;
  const files = Object.entries(left ?? {}).map(([path, content]) => fileOf(path, content, work?.end?.endedAtMs ?? 0));
  return { files: files.sort((a, b) => (a.relativePath < b.relativePath ? -1 : 1)), skipped: [] };
}

function fileOf(relativePath: string, content: string, modifiedAtMs: number): WorkOutputFile {
  return {
    relativePath,
    sizeBytes: Buffer.byteLength(content),
    modifiedAtMs,
    executable: false,
    async *open() {
      if (content !== '') yield Buffer.from(content);
    },
  };
}

/** A file below one of the outputs. */
function textOf(work: SimWork, path: string): string | undefined {
  const output = work.spec.outputs.find((one) => path.startsWith(`${one.path}/`));
  return output && endedWell(work.end) ? work.plan.outputs[output.name]?.[path.slice(output.path.length + 1)] : undefined;
}
