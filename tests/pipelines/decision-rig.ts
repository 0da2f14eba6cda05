import assert from 'node:assert/strict';
import type { Dependency, Graph, Json, PipelineDefinition, Step } from '../../sdk/definition/index.ts';
import { parseDefinition } from '../../sdk/definition/index.ts';
import type { Effect, Evaluation, Observation, Run, Situation } from '../../src/domains/pipelines/decide-execution.ts';
import { createRun, decideExecution } from '../../src/domains/pipelines/decide-execution.ts';
import {
  addIterations,
  begin,
  createProgress,
  fail,
  openIterations,
  slotsTaken,
  succeed,
} from '../../src/domains/pipelines/decide-progress.ts';
import type { StepDocument } from '../../src/domains/pipelines/resources.ts';

export type Fate = 'succeeds' | 'fails';

/** What the world will do with each step, and which way each Condition goes. */
export interface World {
  fate(step: string): Fate;
  outcome(step: string): boolean;
  /** How many items a ForEach step has. */
  items?(step: string): number;
}

export function graphOf(steps: Step[]): Graph {
  const definition: PipelineDefinition = { Version: '2020-12-01', Steps: steps };
  const parsed = parseDefinition(definition);
  assert.ok(parsed.graph, JSON.stringify(parsed.problems));
  return parsed.graph;
}

export const work = (name: string, dependsOn: Dependency[] = []): Step => ({
  Name: name,
  Type: 'Training',
  Arguments: {},
  DependsOn: dependsOn,
});
export const failing = (name: string, dependsOn: Dependency[] = []): Step => ({
  Name: name,
  Type: 'Fail',
  Arguments: { ErrorMessage: 'no' },
  DependsOn: dependsOn,
});
export const each = (name: string, body: Step[], dependsOn: Dependency[] = []): Step => ({
  Name: name,
  Type: 'ForEach',
  DependsOn: dependsOn,
  Arguments: { IterableItems: ['a'], MaxConcurrency: 2, ForEachBody: body as unknown as Json },
});
export const condition = (name: string, ifSteps: Step[], elseSteps: Step[], dependsOn: Dependency[] = []): Step => ({
  Name: name,
  Type: 'Condition',
  DependsOn: dependsOn,
  Arguments: {
    Conditions: [{ Type: 'Equals', LeftValue: 1 as Json, RightValue: 1 }],
    IfSteps: ifSteps,
    ElseSteps: elseSteps,
  },
});

/** A seeded generator, so that a failure names the seed that shows it. */
export function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Drives decideExecution against a world in which started jobs end in random order; rebuilds its projection at random, as after a crash. */
export class Engine {
  readonly graph: Graph;
  readonly world: World;
  readonly random: (limit: number) => number;
  readonly rows = new Map<number, StepDocument>();
  readonly order: number[] = [];
  readonly running = new Set<number>();
  readonly starts = new Map<number, number>();
  /** [step, names of those settled when it started] */
  readonly settledAtStart = new Map<number, Set<number>>();
  status: 'Executing' | 'Stopping' | 'Succeeded' | 'CompletedWithFailures' | 'Failed' | 'Stopped' = 'Executing';
  failureReason: string | undefined;
  maxParallel: number | undefined;
  mostActive = 0;
  run: Run;

  constructor(graph: Graph, world: World, random: (limit: number) => number, maxParallel?: number) {
    this.graph = graph;
    this.world = world;
    this.random = random;
    this.maxParallel = maxParallel;
    this.run = createRun(createProgress(graph));
  }

  /** The projection from the rows alone. */
  rebuild(): Observation[] {
    const progress = createProgress(this.graph);
    const active = new Map<number, StepDocument>();
    const failures: string[] = [];
    const begun = [...this.rows].flatMap(([index, { forEach }]) => (forEach ? [{ index, ...forEach }] : []));
    for (const { index, items } of begun.sort((a, b) => a.base - b.base)) addIterations(progress, index, items.length);
    for (const index of this.order) {
      const row = this.rows.get(index)!;
      begin(progress, index);
      if (row.forEach) openIterations(progress, index);
      if (row.status === 'Succeeded') succeed(progress, index, row.outcome);
      else if (row.status === 'Failed' || row.status === 'Stopped') {
        fail(progress, index, { status: row.status });
        if (row.status === 'Failed') failures.push(row.stepName);
      } else active.set(index, row);
    }
    this.run = { ...createRun(progress), active, failures };
    return [...active].flatMap(([step, { forEach }]) => (forEach ? [] : [{ kind: 'unconfirmed', step }]));
  }

  decide(observations: Observation[]): void {
    const situation: Situation = {
      execution: { status: this.status, maxParallelSteps: this.maxParallel },
      run: this.run,
      observations,
      nowMs: 1,
      evaluate: (step) => this.evaluate(step),
      jobName: (step) => `job-${step.name}`,
    };
    const decision = decideExecution(situation);
    for (const { index, before, after } of decision.steps) {
      assert.deepEqual(before, this.rows.get(index), 'what it was decided on is what is stored');
      if (!before) {
        this.order.push(index);
        this.settledAtStart.set(
          index,
          new Set([...this.rows].filter(([, row]) => row.endedAtMs !== undefined).map(([step]) => step)),
        );
      }
      this.rows.set(index, after);
    }
    this.mostActive = Math.max(this.mostActive, slotsTaken(this.run.progress));
    if (decision.ended) {
      this.status = decision.ended.status;
      this.failureReason = decision.ended.failureReason;
    }
    for (const effect of decision.effects) this.perform(effect);
  }

  evaluate({ type, name }: { type: string; name: string }): Evaluation {
    if (type === 'Fail') return { message: 'no' };
    if (type === 'Condition') return { outcome: this.world.outcome(name) };
    return { items: Array.from({ length: this.world.items?.(name) ?? 0 }, () => 'x'), concurrency: 2 };
  }

  nameOf(step: number): string {
    return this.run.progress.graph.steps[step]!.name;
  }

  perform(effect: Effect): void {
    if (effect.kind === 'start') {
      assert.equal(effect.jobName, `job-${this.nameOf(effect.step)}`);
      this.starts.set(effect.step, (this.starts.get(effect.step) ?? 0) + 1);
      this.running.add(effect.step);
    }
  }

  /** Lets one job end, or be stopped, or be reported as started; false when nothing runs. */
  tick(): boolean {
    if (this.random(6) === 0) this.decide(this.rebuild());
    const step = [...this.running][this.random(this.running.size)];
    if (step === undefined) return false;
    if (this.rows.get(step)!.status === 'Starting' && this.random(2) === 0) {
      this.decide([{ kind: 'started', step, metadata: { TrainingJob: { Arn: 'a' } } }]);
      return true;
    }
    this.running.delete(step);
    const name = this.nameOf(step);
    if (this.status === 'Stopping' && this.random(3) > 0) this.decide([{ kind: 'stopped', step, reason: 'stopped' }]);
    else if (this.world.fate(name) === 'fails') this.decide([{ kind: 'failed', step, reason: 'it broke' }]);
    else this.decide([{ kind: 'succeeded', step, document: {}, metadata: { TrainingJob: { Arn: 'a' } } }]);
    return true;
  }

  finish(): void {
    this.decide([]);
    for (let ticks = 0; this.status === 'Executing' || this.status === 'Stopping'; ticks++) {
      assert.ok(ticks < 10_000, 'the execution ends');
      assert.ok(this.tick() || this.status !== 'Executing', 'something runs while the execution executes');
    }
  }

  names(status: string): string[] {
    return [...this.rows.values()]
      .filter((row) => row.status === status)
      .map((row) => row.stepName)
      .sort();
  }
}
