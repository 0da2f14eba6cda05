import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Step, WorkStep } from '../../../sdk/definition/index.ts';
import { parseDefinition } from '../../../sdk/definition/index.ts';
import {
  condition,
  each,
  Engine,
  failing,
  graphOf,
  randomOf,
  work,
  type Fate,
  type World,
} from '../../../tests/pipelines/decision-rig.ts';
import type { Observation, Situation } from './decide-execution.ts';
import { createRun, decideExecution } from './decide-execution.ts';
import { createProgress } from './decide-progress.ts';

type Fated = 'Succeeded' | 'Failed' | 'Never';

/** What should have happened, worked out step by step straight from the nested definition, without any graph. */
class Oracle {
  readonly world: World;
  readonly byName = new Map<string, Step>();
  readonly enclosing = new Map<string, { condition: string; branch: boolean }>();
  /** Of the steps in the body of a ForEach. */
  readonly holder = new Map<string, string>();
  readonly known = new Map<string, Fated>();

  constructor(steps: Step[], world: World) {
    this.world = world;
    this.index(steps);
  }

  index(list: readonly Step[], parent?: { condition: string; branch: boolean }, holder?: string): void {
    for (const step of list) {
      this.byName.set(step.Name, step);
      if (parent) this.enclosing.set(step.Name, parent);
      if (holder !== undefined) this.holder.set(step.Name, holder);
      if (step.Type === 'ForEach') this.index(bodyOf(step), undefined, step.Name);
      if (step.Type !== 'Condition') continue;
      this.index(step.Arguments.IfSteps ?? [], { condition: step.Name, branch: true });
      this.index(step.Arguments.ElseSteps ?? [], { condition: step.Name, branch: false });
    }
  }

  /** Also what the steps of its body wait for outside. */
  dependencies(name: string): { step: string; trigger: string }[] {
    const step = this.byName.get(name)!;
    const own = (step.DependsOn ?? []).map((one) =>
      typeof one === 'string' ? { step: one, trigger: 'Completed' } : { step: one.Step, trigger: one.Trigger ?? 'Completed' },
    );
    const inner = step.Type === 'ForEach' ? bodyOf(step).flatMap(({ Name }) => this.dependencies(Name)) : [];
    const all = [...own, ...inner.filter((one) => this.holder.get(one.step) !== name)];
    // to end in whatever way is to be waited for less than what else is said of the same step
    return all.filter(({ step, trigger }) => trigger !== 'Any' || !all.some((one) => one.step === step && one.trigger !== 'Any'));
  }

  isOptional(name: string): boolean {
    return this.dependencies(name).some(({ step, trigger }) => trigger !== 'Completed' || this.isOptional(step));
  }

  fate(name: string): Fated {
    let fate = this.known.get(name);
    if (fate === undefined) {
      fate = this.workOut(name);
      this.known.set(name, fate);
    }
    return fate;
  }

  workOut(name: string): Fated {
    const step = this.byName.get(name)!;
    const around = this.enclosing.get(name);
    if (around && (this.fate(around.condition) !== 'Succeeded' || this.world.outcome(around.condition) !== around.branch))
      return 'Never';
    if (!this.dependencies(name).every((one) => this.isMet(one.trigger, this.fate(one.step), () => this.isWhole(one.step))))
      return 'Never';
    if (step.Type === 'Condition') return 'Succeeded';
    if (step.Type === 'ForEach') return this.children(name).some(([, fate]) => fate === 'Failed') ? 'Failed' : 'Succeeded';
    return step.Type === 'Fail' || this.world.fate(name) === 'fails' ? 'Failed' : 'Succeeded';
  }

  isMet(trigger: string, fate: Fated, isWhole: () => boolean): boolean {
    if (trigger === 'Completed') return isWhole();
    return trigger === 'Any' ? fate !== 'Never' : fate === 'Failed';
  }

  /** It succeeded, and its branch with it. */
  isWhole(name: string): boolean {
    const step = this.byName.get(name)!;
    if (this.fate(name) !== 'Succeeded') return false;
    if (step.Type !== 'Condition') return true;
    const branch = this.world.outcome(name) ? step.Arguments.IfSteps : step.Arguments.ElseSteps;
    return (branch ?? []).every(({ Name }) => this.isWhole(Name) || (this.isOptional(Name) && this.fate(Name) === 'Never'));
  }

  children(forEach: string): [string, Fated][] {
    const body = bodyOf(this.byName.get(forEach)!);
    return Array.from({ length: this.world.items?.(forEach) ?? 0 }, (_, number) => {
      const fates = new Map<string, Fated>();
      for (const { Name } of body) {
        const siblings = (this.byName.get(Name)!.DependsOn ?? []).flatMap((one) => {
          const { step, trigger } =
            typeof one === 'string' ? { step: one, trigger: 'Completed' } : { step: one.Step, trigger: one.Trigger };
          return fates.has(step) ? [{ trigger: trigger ?? 'Completed', fate: fates.get(step)! }] : [];
        });
        const runs = siblings.every(({ trigger, fate }) => this.isMet(trigger, fate, () => fate === 'Succeeded'));
        fates.set(Name, !runs ? 'Never' : this.world.fate(`${Name}-${number}`) === 'fails' ? 'Failed' : 'Succeeded');
      }
      return [...fates].map(([name, fate]): [string, Fated] => [`${name}-${number}`, fate]);
    }).flat();
  }

  /** The steps that run, and how they end. */
  ran(): Map<string, Fated> {
    const all = [...this.byName.keys()].filter((name) => !this.holder.has(name));
    const fates = all.map((name): [string, Fated] => [name, this.fate(name)]);
    const begun = fates.filter(([name, fate]) => fate !== 'Never' && this.byName.get(name)!.Type === 'ForEach');
    const children = begun.flatMap(([name]) => this.children(name));
    return new Map([...fates, ...children].filter(([, fate]) => fate !== 'Never'));
  }

  status(): string {
    const fates = this.ran();
    const failed = [...fates].filter(([name, fate]) => fate === 'Failed' && this.byName.has(name)).map(([name]) => name);
    if (![...fates.values()].includes('Failed')) return 'Succeeded';
    const isAnswered = (name: string) =>
      [...fates.keys()].some(
        (other) =>
          this.byName.has(other) &&
          this.dependencies(other).some(({ step, trigger }) => step === name && trigger !== 'Completed'),
      );
    const siblingsAnswer = (child: string) => {
      const [, bodyStep = '', number = ''] = /^(.*)-(\d+)$/.exec(child)!;
      return [...this.holder.keys()].some(
        (other) =>
          fates.has(`${other}-${number}`) &&
          (this.byName.get(other)!.DependsOn ?? []).some(
            (one) => typeof one !== 'string' && one.Step === bodyStep && one.Trigger !== 'Completed',
          ),
      );
    };
    const children = [...fates].filter(([name, fate]) => fate === 'Failed' && !this.byName.has(name)).map(([name]) => name);
    const holderOf = (child: string) => this.holder.get(child.replace(/-\d+$/, ''))!;
    const all = failed.every(isAnswered) && children.every((child) => isAnswered(holderOf(child)) || siblingsAnswer(child));
    return all ? 'CompletedWithFailures' : 'Failed';
  }
}

const bodyOf = (step: Step): Step[] => (step as WorkStep).Arguments['ForEachBody'] as unknown as Step[];

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
      const depend = (names: string[]) =>
        names
          .filter(() => random(Math.max(3, names.length)) === 0)
          .map((Step) => (random(4) > 0 ? Step : { Step, Trigger: random(2) === 0 ? ('Failed' as const) : ('Any' as const) }));
      const dependsOn = depend(candidates);
      const kind = random(10);
      if (kind < 3 && depth < 3) {
        const inside = [...around, name];
        list.push(condition(name, build(depth + 1, inside), build(depth + 1, inside), dependsOn));
        possible.push(name);
      } else if (kind === 9) list.push(failing(name, dependsOn));
      else if (kind === 8) {
        const body = Array.from({ length: 1 + random(3) }, (_, at) => `B${count}${'abc'[at]}`);
        const steps = body.map((one, at) => work(one, [...depend(body.slice(0, at)), ...depend(candidates.slice(0, 1))]));
        list.push(each(name, steps, dependsOn));
        possible.push(name);
        count++;
      } else {
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
  const items = new Map<string, number>();
  return {
    fate(name) {
      if (!fates.has(name)) fates.set(name, random(100) < failures ? 'fails' : 'succeeds');
      return fates.get(name)!;
    },
    outcome(name) {
      if (!outcomes.has(name)) outcomes.set(name, random(2) === 0);
      return outcomes.get(name)!;
    },
    items(name) {
      if (!items.has(name)) items.set(name, random(4));
      return items.get(name)!;
    },
  };
}

function checkAgainstOracle(engine: Engine, steps: Step[], world: World, what: string): void {
  const oracle = new Oracle(steps, world);
  const expected = oracle.ran();
  const actual = new Map([...engine.rows.values()].map((row) => [row.stepName, row.status]));
  assert.deepEqual([...actual].sort(), [...expected].sort(), what);
  assert.equal(engine.status, oracle.status(), what);
  for (const [index, settled] of engine.settledAtStart) {
    const { steps } = engine.run.progress.graph;
    for (const { on } of steps[index]!.dependencies)
      assert.ok(settled.has(on) || steps[on]!.type === 'Condition', `${what}: starts after what it depends on`);
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
  for (let seed = 1; seed <= 4000; seed++) {
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

test('a stop asked again after a restart is not asked of a step that is seen to have ended in the same look', () => {
  const run = createRun(createProgress(graphOf([work('A')])));
  const decide = (status: 'Executing' | 'Stopping', observations: Observation[]) =>
    decideExecution({
      execution: { status },
      run,
      observations,
      nowMs: 1,
      evaluate: () => ({ outcome: true }),
      jobName: (step) => step.name,
    });
  decide('Executing', []);
  const stop = { kind: 'stop', step: 0, jobName: 'A' } as const;
  assert.deepEqual(decide('Stopping', []).effects, [stop]);
  const again: Observation = { kind: 'unconfirmed', step: 0 };
  assert.deepEqual(decide('Stopping', [again]).effects, [stop]);
  const { effects, ended } = decide('Stopping', [again, { kind: 'stopped', step: 0, reason: 'stopped' }]);
  assert.deepEqual([effects, ended], [[], { status: 'Stopped' }]);
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
