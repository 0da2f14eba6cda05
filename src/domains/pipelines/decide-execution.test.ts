import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Graph, Json, PipelineDefinition, Step } from '../../../sdk/definition/index.ts';
import { parseDefinition } from '../../../sdk/definition/index.ts';
import type { Effect, Observation, Run, Situation } from './decide-execution.ts';
import { createRun, decideExecution } from './decide-execution.ts';
import { begin, createProgress, fail, succeed } from './decide-progress.ts';
import type { StepDocument } from './resources.ts';

type Fate = 'succeeds' | 'fails';

/** What the world will do with each step, and which way each Condition goes. */
interface World {
  fate(step: string): Fate;
  outcome(step: string): boolean;
}

function graphOf(steps: Step[]): Graph {
  const definition: PipelineDefinition = { Version: '2020-12-01', Steps: steps };
  const parsed = parseDefinition(definition);
  assert.ok(parsed.graph, JSON.stringify(parsed.problems));
  return parsed.graph;
}

const work = (name: string, dependsOn: string[] = []): Step => ({
  Name: name,
  Type: 'Training',
  Arguments: {},
  DependsOn: dependsOn,
});
const failing = (name: string, dependsOn: string[] = []): Step => ({
  Name: name,
  Type: 'Fail',
  Arguments: { ErrorMessage: 'no' },
  DependsOn: dependsOn,
});
const condition = (name: string, ifSteps: Step[], elseSteps: Step[], dependsOn: string[] = []): Step => ({
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
function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Drives decideExecution against a world in which started jobs end in random order; rebuilds its projection at random, as after a crash. */
class Engine {
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
    for (const index of this.order) {
      const row = this.rows.get(index)!;
      begin(progress, index);
      if (row.status === 'Succeeded') succeed(progress, index, row.outcome);
      else if (row.status === 'Failed' || row.status === 'Stopped') {
        fail(progress, index, { status: row.status });
        if (row.status === 'Failed') failures.push(row.stepName);
      } else active.set(index, row);
    }
    this.run = { ...createRun(progress), active, failures };
    return [...active.keys()].map((step) => ({ kind: 'unconfirmed', step }));
  }

  decide(observations: Observation[]): void {
    const situation: Situation = {
      execution: { status: this.status, maxParallelSteps: this.maxParallel },
      run: this.run,
      observations,
      nowMs: 1,
      evaluate: (step) => (step.type === 'Fail' ? { message: 'no' } : { outcome: this.world.outcome(step.name) }),
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
    this.mostActive = Math.max(this.mostActive, this.run.active.size);
    if (decision.ended) {
      this.status = decision.ended.status;
      this.failureReason = decision.ended.failureReason;
    }
    for (const effect of decision.effects) this.perform(effect);
  }

  perform(effect: Effect): void {
    if (effect.kind === 'start') {
      assert.equal(effect.jobName, `job-${this.graph.steps[effect.step]!.name}`);
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
    const name = this.graph.steps[step]!.name;
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

/** What should have happened, worked out one step at a time straight from the nested definition, without any graph. */
function interpret(steps: Step[], world: World): Map<string, 'Succeeded' | 'Failed'> {
  const result = new Map<string, 'Succeeded' | 'Failed'>();
  const byName = new Map<string, Step>();
  const enclosing = new Map<string, { condition: string; branch: boolean }>();
  const index = (list: readonly Step[], parent?: { condition: string; branch: boolean }) => {
    for (const step of list) {
      byName.set(step.Name, step);
      if (parent) enclosing.set(step.Name, parent);
      if (step.Type !== 'Condition') continue;
      index(step.Arguments.IfSteps ?? [], { condition: step.Name, branch: true });
      index(step.Arguments.ElseSteps ?? [], { condition: step.Name, branch: false });
    }
  };
  index(steps);
  const succeededWhole = (name: string): boolean => {
    const step = byName.get(name)!;
    if (result.get(name) !== 'Succeeded') return false;
    if (step.Type !== 'Condition') return true;
    const branch = world.outcome(name) ? step.Arguments.IfSteps : step.Arguments.ElseSteps;
    return (branch ?? []).every((inner) => succeededWhole(inner.Name));
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const [name, step] of byName) {
      if (result.has(name)) continue;
      const around = enclosing.get(name);
      if (around && (result.get(around.condition) !== 'Succeeded' || world.outcome(around.condition) !== around.branch)) continue;
      if (!((step.DependsOn ?? []) as string[]).every(succeededWhole)) continue;
      const fails = step.Type === 'Fail' || (step.Type !== 'Condition' && world.fate(name) === 'fails');
      result.set(name, fails ? 'Failed' : 'Succeeded');
      changed = true;
    }
  }
  return result;
}

/** A random nested program; dependencies point backwards in a fixed order of names, so that there are no cycles but those through a Condition. */
function randomProgram(random: (limit: number) => number, size: number): Step[] {
  let count = 0;
  const possible: string[] = [];
  const build = (depth: number, around: string[]): Step[] => {
    const list: Step[] = [];
    const length = depth === 0 ? size : random(3);
    for (let i = 0; i < length; i++) {
      const name = `S${count++}`;
      const candidates = possible.filter((other) => !around.includes(other));
      const dependsOn = candidates.filter(() => random(Math.max(3, candidates.length)) === 0);
      const kind = random(10);
      if (kind < 3 && depth < 3) {
        const inside = [...around, name];
        list.push(condition(name, build(depth + 1, inside), build(depth + 1, inside), dependsOn));
        possible.push(name);
      } else if (kind === 9) list.push(failing(name, dependsOn));
      else {
        list.push(work(name, dependsOn));
        possible.push(name);
      }
    }
    return list;
  };
  return build(0, []);
}

function randomWorld(random: (limit: number) => number, failures: number): World {
  const fates = new Map<string, Fate>();
  const outcomes = new Map<string, boolean>();
  return {
    fate(name) {
      if (!fates.has(name)) fates.set(name, random(100) < failures ? 'fails' : 'succeeds');
      return fates.get(name)!;
    },
    outcome(name) {
      if (!outcomes.has(name)) outcomes.set(name, random(2) === 0);
      return outcomes.get(name)!;
    },
  };
}

function checkAgainstOracle(engine: Engine, steps: Step[], world: World, what: string): void {
  const expected = interpret(steps, world);
  const actual = new Map([...engine.rows.values()].map((row) => [row.stepName, row.status]));
  assert.deepEqual([...actual].sort(), [...expected].sort(), what);
  const failed = [...expected.values()].includes('Failed');
  assert.equal(engine.status, failed ? 'Failed' : 'Succeeded', what);
  for (const [index, settled] of engine.settledAtStart) {
    for (const { on } of engine.graph.steps[index]!.dependencies)
      assert.ok(settled.has(on) || engine.graph.steps[on]!.type === 'Condition', `${what}: starts after what it depends on`);
  }
  if (engine.maxParallel !== undefined) assert.ok(engine.mostActive <= engine.maxParallel, what);
}

test('every small program of three steps does what a naive interpreter says', () => {
  const always: World = { fate: () => 'succeeds', outcome: () => true };
  const never: World = { fate: () => 'succeeds', outcome: () => false };
  const dependsOn = (mask: number, names: string[]) => names.filter((_, bit) => (mask >> bit) & 1);
  let programs = 0;
  for (let mask = 0; mask < 64; mask++) {
    const b = dependsOn(mask & 1, ['A']);
    const c = dependsOn((mask >> 1) & 3, ['A', 'B']);
    const d = dependsOn((mask >> 3) & 7, ['A', 'B', 'C']);
    for (const steps of [
      [work('A'), work('B', b), work('C', c), work('D', d)],
      [work('A'), condition('B', [work('C', dependsOn((mask >> 1) & 1, ['A']))], [], b), work('D', d)],
      [work('A'), condition('B', [], [work('C', dependsOn((mask >> 1) & 1, ['A']))], b), work('D', d)],
      [
        work('A'),
        condition('B', [condition('C', [work('E')], [failing('F')], dependsOn((mask >> 1) & 1, ['A']))], [], b),
        work('D', d),
      ],
    ]) {
      for (const world of [always, never]) {
        for (const broken of ['', 'A', 'B', 'C', 'E']) {
          const one: World = { ...world, fate: (name) => (name === broken ? 'fails' : 'succeeds') };
          const engine = new Engine(graphOf(steps), one, randomOf(mask + programs));
          engine.finish();
          checkAgainstOracle(engine, steps, one, JSON.stringify({ mask, broken, steps }));
          programs++;
        }
      }
    }
  }
  assert.ok(programs > 2000);
});

test('random programs, interrupted and with limited parallelism, do what a naive interpreter says', () => {
  let ran = 0;
  for (let seed = 1; seed <= 1500; seed++) {
    const random = randomOf(seed);
    const steps = randomProgram(random, 2 + random(8));
    const parsed = parseDefinition({ Version: '2020-12-01', Steps: steps });
    if (!parsed.graph) continue; // a cycle through a Condition
    const world = randomWorld(random, [0, 10, 30][random(3)]!);
    const engine = new Engine(parsed.graph, world, random, random(2) === 0 ? 1 + random(3) : undefined);
    engine.finish();
    checkAgainstOracle(engine, steps, world, `seed ${seed}`);
    ran++;
  }
  assert.ok(ran > 1000, `${ran} programs had no cycle`);
});

test('stopping at a random moment settles every step, starts none, and ends Stopped', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = randomOf(seed);
    const steps = randomProgram(random, 3 + random(6));
    const parsed = parseDefinition({ Version: '2020-12-01', Steps: steps });
    if (!parsed.graph) continue;
    const engine = new Engine(parsed.graph, randomWorld(random, 10), random);
    engine.decide([]);
    for (let ticks = random(6); ticks > 0 && engine.status === 'Executing'; ticks--) engine.tick();
    if (engine.status !== 'Executing') continue;
    engine.status = 'Stopping';
    const before = engine.rows.size;
    engine.decide([]);
    for (let ticks = 0; (engine.status as string) === 'Stopping' && ticks < 1000; ticks++) engine.tick();
    assert.equal(engine.status, 'Stopped', `seed ${seed}`);
    assert.equal(engine.rows.size, before, `seed ${seed}: nothing starts once stopping`);
    for (const row of engine.rows.values()) assert.ok(['Succeeded', 'Failed', 'Stopped'].includes(row.status), `seed ${seed}`);
  }
});

test('a failure lets other branches finish and is told in the reason', () => {
  const steps = [work('A'), work('B', ['A']), work('C'), work('D', ['C'])];
  const engine = new Engine(
    graphOf(steps),
    { fate: (name) => (name === 'A' ? 'fails' : 'succeeds'), outcome: () => true },
    randomOf(3),
  );
  engine.finish();
  assert.equal(engine.status, 'Failed');
  assert.deepEqual(engine.names('Succeeded'), ['C', 'D']);
  assert.deepEqual(engine.names('Failed'), ['A']);
  assert.equal(engine.rows.size, 3, 'B never becomes a step');
  assert.match(engine.failureReason!, /^Step failure: One or multiple steps failed\. (Step 'A': it broke|A)$/);
});

test('a job stopped by others fails its step; after a stop of the execution it is Stopped', () => {
  const engine = new Engine(graphOf([work('A')]), { fate: () => 'succeeds', outcome: () => true }, () => 1);
  engine.decide([]);
  engine.decide([{ kind: 'stopped', step: 0, reason: 'The training job was stopped.' }]);
  assert.deepEqual(
    [engine.status, engine.rows.get(0)!.status, engine.rows.get(0)!.failureReason],
    ['Failed', 'Failed', 'The training job was stopped.'],
  );
});

test('a condition that needs a file asks for it and is decided when it is there', () => {
  const graph = graphOf([condition('C', [work('A')], [])]);
  const run = createRun(createProgress(graph));
  let there = false;
  const situation: Situation = {
    execution: { status: 'Executing' },
    run,
    observations: [],
    nowMs: 1,
    evaluate: () => (there ? { outcome: true } : { files: ['s3://b/f'] }),
    jobName: (step) => step.name,
  };
  const first = decideExecution(situation);
  assert.deepEqual([first.steps, first.ended, first.effects], [[], undefined, [{ kind: 'read', uris: ['s3://b/f'] }]]);
  there = true;
  assert.deepEqual(decideExecution(situation).effects, [{ kind: 'start', step: 1, jobName: 'A' }]);
});

test('what a step costs does not grow with the graph', () => {
  const count = 10_000;
  const steps = Array.from({ length: count }, (_, i) => work(`S${i}`, i === 0 ? [] : [`S${i - 1}`]));
  const graph = graphOf(steps);
  const run = createRun(createProgress(graph));
  const decide = (observations: Observation[]) =>
    decideExecution({
      execution: { status: 'Executing' },
      run,
      observations,
      nowMs: 1,
      evaluate: () => ({ outcome: true }),
      jobName: (step) => step.name,
    });
  decide([]);
  let touched = 0;
  for (let step = 0; step < count; step++) {
    const decision = decide([{ kind: 'succeeded', step, document: {}, metadata: {} }]);
    touched += decision.steps.length;
    assert.equal(decision.ended?.status, step === count - 1 ? 'Succeeded' : undefined);
  }
  assert.equal(touched, 2 * count - 1);
  assert.equal(run.active.size, 0);
});
