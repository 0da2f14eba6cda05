import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { JsonObject } from '../../src/platform/json.ts';
import type { Ids } from '../../src/platform/ids.ts';
import type { OpenedPorts } from './engine.ts';
import { isUnsettled } from './checks/statuses.ts';
import { createSeededIds } from './ports/seeded-ids.ts';
import type { SimAction } from './ports/sim-action.ts';
import { createSimParts, type SimParts } from './ports/sim-machine.ts';
import type { Random } from './random.ts';
import { createSimDisk, type SimDisk } from './sim-disk.ts';
import { openSimStore } from './sim-store.ts';
import type { Fault } from './swarm.ts';

/** Things to do that are rows of their own. */
const TO_DO = new Set(['PipelineRemains', 'CodePipelineRemains', 'Notice']);

/** An endpoint that serves is looked at for as long as it is there. */
const isToDo = (kind: string, document: JsonObject | undefined): boolean =>
  TO_DO.has(kind) ||
  (kind === 'Endpoint' && document?.['EndpointStatus'] === 'InService'
    ? (document['retiring'] as unknown[]).length > 0 || document['deploying'] !== undefined
    : isUnsettled(kind, document));

/** Settled, they have nothing more to do than what is due once. */
const WORKS = new Set(['PipelineExecution', 'CodePipelineExecution', 'TrainingJob', 'ProcessingJob', 'TransformJob', 'Schedule']);

/** The one machine of a simulated world: all that outlives servers. */
export interface Machine {
  readonly clock: VirtualClock;
  readonly ids: Ids;
  readonly disk: SimDisk;
  readonly parts: SimParts;
  readonly problems: readonly string[];
  open(clock: Clock): OpenedPorts;
  /** What it may do next by itself; with faults, also what a healthy one never does. */
  actions(faults?: ReadonlySet<Fault>): readonly SimAction[];
  /** Jobs that run, and what waits for its time: why it does not rest. */
  unfinished(): string[];
}

export function createMachine({ random }: { readonly random: Random }): Machine {
  const clock = createVirtualClock();
  const disk = createSimDisk();
  const parts = createSimParts({ clock, random });
  return {
    clock,
    ids: createSeededIds(random.fork('ids')),
    disk,
    parts,
    problems: parts.host.problems,
    open(processClock) {
      const store = openSimStore(disk, { clock: processClock });
      return { store, ...parts.open(processClock, store) };
    },
    actions: (faults) => [...parts.router.actions(), ...parts.host.actions(faults)],
    unfinished: () => [
      ...parts.host.unfinished(),
      ...disk.timers().flatMap(({ reconciler, key, dueAtMs }) => {
        const isLate = WORKS.has(key.kind) && dueAtMs <= clock.now(); // a server that was not told of it finds it later
        return isLate || isToDo(key.kind, disk.rows.get(key)?.document)
          ? [`${reconciler} of ${key.kind} ${key.name} is due in ${dueAtMs - clock.now()} ms`]
          : [];
      }),
    ],
  };
}
