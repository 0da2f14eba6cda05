import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Graph, Step } from '../../../sdk/definition/index.ts';
import { nth, parseDefinition } from '../../../sdk/definition/index.ts';
import { createRun, decideExecution, type Observation } from './decide-execution.ts';
import { createProgress } from './decide-progress.ts';
import { type Selection, selectionOf, selectionProblems, sourceProblems, type SourceStep } from './decide-selection.ts';

/** A small generator with a seed, so that a failure can be had again. */
function generator(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A pipeline of up to a dozen steps at random, some in branches of Conditions, each after some of those before it. */
function randomGraph(random: (limit: number) => number): Graph {
  const names: string[] = [];
  const dependsOn = () => names.filter(() => random(4) === 0);
  const make = (depth: number): Step => {
    const name = `S${names.length}`;
    if (depth < 2 && random(4) === 0) {
      const DependsOn = dependsOn();
      names.push(name);
      const branch = () => Array.from({ length: random(3) }, () => make(depth + 1));
      const Conditions = [{ Type: 'Equals' as const, LeftValue: 1, RightValue: 1 }];
      return { Name: name, Type: 'Condition', DependsOn, Arguments: { Conditions, IfSteps: branch(), ElseSteps: branch() } };
    }
    const step: Step = { Name: name, Type: 'Training', DependsOn: dependsOn(), Arguments: {} };
    names.push(name);
    return step;
  };
  for (;;) {
    names.length = 0;
    const parsed = parseDefinition({ Version: '2020-12-01', Steps: Array.from({ length: 2 + random(8) }, () => make(0)) });
    if (parsed.graph) return parsed.graph; // some wait for the Condition around them
  }
}

interface Ran {
  readonly status: string | undefined;
  /** Steps in the order in which they settled. */
  readonly settled: Map<number, SourceStep>;
  readonly started: number[];
}

/** Runs to the end; every job succeeds at once, the last one begun first. */
function run(graph: Graph, outcome: (index: number) => boolean, selection?: Selection, source?: Ran): Ran {
  const state = createRun(createProgress(graph, { selection, looksUp: (_, step) => selection?.reuse.has(step) === true }));
  const settled = new Map<number, SourceStep>();
  const started: number[] = [];
  let open: number[] = [];
  for (;;) {
    const next = open.pop();
    const observations: Observation[] = next === undefined ? [] : [{ kind: 'succeeded', step: next, document: {}, metadata: {} }];
    const decision = decideExecution({
      execution: { status: 'Executing' },
      run: state,
      observations,
      nowMs: 1,
      evaluate: (_, index) =>
        selection?.reuse.has(index) ? { taken: { outcome: source?.settled.get(index)?.outcome } } : { outcome: outcome(index) },
      jobName: ({ name }) => name,
    } as Parameters<typeof decideExecution>[0]);
    for (const { index, after } of decision.steps) {
      if (after.status !== 'Succeeded') continue;
      assert.ok(!settled.has(index), `${after.stepName} settles once`);
      settled.set(index, { status: 'Succeeded', ...(after.outcome !== undefined && { outcome: after.outcome }) });
    }
    const begun = decision.effects.flatMap((effect) => (effect.kind === 'start' ? [effect.step] : []));
    started.push(...begun);
    open = [...open, ...begun];
    if (decision.ended || open.length === 0) return { status: decision.ended?.status, settled, started };
  }
}

test('of pipelines and selections at random: what is accepted runs to its end, once each, behind what it waits for; nothing else runs', () => {
  let accepted = 0;
  let refused = 0;
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = generator(seed);
    const graph = randomGraph(random);
    const outcomes = graph.steps.map(() => random(2) === 0);
    const outcome = (index: number) => nth(outcomes, index);
    const source = run(graph, outcome);
    assert.equal(source.status, 'Succeeded', `seed ${seed}`);
    const names = graph.steps.filter(() => random(3) === 0).map(({ name }) => name);
    if (names.length === 0) continue;
    const selection = selectionOf(graph, names);
    if (selectionProblems(graph, names).length > 0 || sourceProblems(graph, selection, 'source', source.settled).length > 0) {
      refused++;
      continue;
    }
    accepted++;
    const { status, settled } = run(graph, outcome, selection, source);
    assert.equal(status, 'Succeeded', `seed ${seed}: ${names}`);
    for (const index of settled.keys()) {
      assert.ok(
        selection.run.has(index) || selection.reuse.has(index),
        `seed ${seed}: ${nth(graph.steps, index).name} was left out`,
      );
    }
    for (const index of selection.reuse) assert.ok(settled.has(index), `seed ${seed}: ${nth(graph.steps, index).name} is taken`);
    const order = [...settled.keys()];
    for (const index of selection.run) {
      // the same branches are taken, so what ran then runs now; a step blocked then may run when it is asked for by name
      const { name, dependencies } = nth(graph.steps, index);
      if (source.settled.has(index)) assert.ok(settled.has(index), `seed ${seed}: ${name} runs`);
      if (!settled.has(index)) continue;
      for (const { on } of dependencies) {
        assert.ok(order.indexOf(on) < order.indexOf(index), `seed ${seed}: ${name} after ${nth(graph.steps, on).name}`);
      }
    }
  }
  assert.ok(accepted > 500 && refused > 300, `${accepted} accepted, ${refused} refused`);
});
