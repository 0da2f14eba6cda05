import type { JsonObject } from '../../../src/platform/json.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import type { Check, Watched } from './check.ts';
import { allChecks, Safety } from './safety.ts';

interface WatchOptions {
  readonly world: World;
  readonly machine: Machine;
  /** Of promises beside those that are watched in every run. */
  readonly more?: (watched: Watched) => readonly Check[];
}

/** Watches every promise over one simulated machine and its clients. */
export function watchSafety({ world, machine, more = () => [] }: WatchOptions): Safety {
  const { disk, parts } = machine;
  const { job } = world.settings.reservations;
  const { capacity } = world;
  const watched: Watched = {
    disk,
    approval: world.settings.approval,
    jobHostsMax: Math.floor(Math.min(capacity.cpus / job.cpus, capacity.memoryMiB / job.memoryMiB)),
    blobs: parts.blobs.blobs,
    works: parts.host.works,
    faults: () => world.coverage.faults,
    nowMs: () => machine.clock.now(),
    routes: () => parts.router.snapshot.endpoints,
  };
  const reached = (kind: string, transition: string) => world.coverage.add(kind, transition);
  const safety = new Safety(watched, [...allChecks(watched, { reached }), ...more(watched)]);
  world.onCall = (operation, input) => {
    const answered = safety.asked(operation, input as JsonObject);
    return (output) => answered(output as JsonObject);
  };
  return safety;
}
