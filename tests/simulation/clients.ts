import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { Action } from './scheduler.ts';
import { Workload } from './workload/client-actions.ts';
import type { ClientAction } from './workload/memory.ts';
import type { Swarm } from './swarm.ts';
import type { World } from './world.ts';

/** Clients outside of the machine: what they do, several at a time, and what they ask in the end. */
export class Clients {
  busy = 0;
  readonly workload: Workload;
  readonly #world: World;

  constructor(world: World, random: Random, machine: Machine, swarm: Swarm) {
    this.#world = world;
    this.workload = new Workload(random, {
      disturbed: disturbedBy(machine),
      throttled: swarm.faults.size > 0,
      count: (what, how) => world.coverage.add('client', `${what}: ${how}`),
    });
  }

  /** What pipelines name: made before anything goes wrong. */
  prepare(): Promise<void> {
    return this.workload.prepare(this.#world);
  }

  /** One more thing that a client does. */
  next(): Action | undefined {
    return this.#action(this.workload.next());
  }

  /** Answers what waits for a client, so that everything can end. */
  finishing(): Action | undefined {
    return this.busy > 0 ? undefined : this.#action(this.workload.finishing());
  }

  /** Has nothing started any more but by clients. */
  stopStarting(): Promise<void> {
    return this.workload.stopStarting(this.#world);
  }

  /** Everything rests: is each execution as its definition permits, and is there what was acknowledged? */
  judge(): Promise<string[]> {
    return this.workload.judge(this.#world);
  }

  #action({ name, perform }: ClientAction): Action {
    return { name, perform: () => void this.#run(name, perform) };
  }

  async #run(name: string, perform: ClientAction['perform']): Promise<void> {
    this.busy += 1;
    try {
      await perform(this.#world);
    } catch (error) {
      this.#world.problem(`the client that was to ${name} makes no mistake`, error);
    } finally {
      this.busy -= 1;
      for (const problem of this.workload.takeProblems()) this.#world.problem('what was acknowledged is seen', problem);
    }
  }
}

/** Whether the machine ended some work of a step otherwise than the step says; functions and model servers serve many. */
const disturbedBy =
  ({ parts }: Machine) =>
  (executionId: string, step: string): boolean => {
    const job = `-${executionId}-${step.toLowerCase()}-`;
    const isServed = /^(Lambda|Endpoint)\d/.test(step);
    return parts.host.ends.some(
      ({ workId, planned }) => !planned && (workId.includes(job) || (isServed && !/-job-/.test(workId))),
    );
  };
