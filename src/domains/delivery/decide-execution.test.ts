import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecutionMode, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import { decideExecution, type Observation, retried } from './decide-execution.ts';
import { arrive, isOpen, reenter } from './decide-line.ts';
import type { ExecutionDocument, LineDocument } from './resources.ts';

const STAGES = ['Source', 'Build', 'Deploy'];

const structure = (mode: ExecutionMode): PipelineDeclaration => ({
  name: 'P',
  roleArn: 'role',
  executionMode: mode,
  pipelineType: 'V2',
  stages: STAGES.map((name) => ({
    name,
    actions: [{ name: 'Do', actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' } }],
  })),
});

/** Executions over the real decisions, one after the other as the control loop would take them. */
class Engine {
  readonly executions = new Map<string, ExecutionDocument>();
  line: LineDocument = { stages: {}, transitions: {}, started: 0 };
  readonly mode: ExecutionMode;
  readonly structure: PipelineDeclaration;

  constructor(mode: ExecutionMode) {
    this.mode = mode;
    this.structure = structure(mode);
  }

  start(): void {
    const number = this.executions.size + 1;
    const executionId = `e${number}`;
    const base = {
      pipelineName: 'P',
      pipelineArn: 'p',
      version: 1,
      variables: [],
      overrides: [],
      createdAtMs: 0,
      modifiedAtMs: 0,
    };
    const execution: ExecutionDocument = {
      ...base,
      executionId,
      number,
      mode: this.mode,
      type: 'STANDARD',
      status: 'InProgress',
      trigger: { type: 'StartPipelineExecution', detail: '' },
      stage: 0,
      place: 'waiting',
      stages: [],
      actions: [],
      earlier: [],
      inherited: [],
      attempt: 1,
    };
    this.executions.set(executionId, execution);
    const arrived = this.mode === 'PARALLEL' ? { line: this.line, superseded: [] } : arrive(this.line, 'Source', execution);
    this.line = arrived.line;
    this.look([executionId, ...arrived.superseded]);
  }

  look(ids: readonly string[], observations: readonly Observation[] = []): void {
    for (const id of ids) {
      const execution = this.executions.get(id);
      assert.ok(execution);
      const decision = decideExecution({
        execution,
        structure: this.structure,
        line: this.line,
        observations,
        nowMs: 0,
        bucket: 'b',
        actionId: (stage, action, attempt) => [id, stage, action, attempt].join('/'),
        artifactKey: (artifact) => artifact,
      });
      this.executions.set(id, decision.execution);
      this.line = decision.line;
      this.look(decision.wake);
    }
  }

  running(id: string): string | undefined {
    return this.executions.get(id)?.actions.find(({ status }) => status === 'InProgress')?.id;
  }

  end(id: string, seen: 'succeeded' | 'failed'): void {
    const action = this.running(id);
    if (action !== undefined) this.look([id], [{ action, seen }]);
  }

  stop(id: string, abandon: boolean): void {
    const execution = this.executions.get(id);
    if (!execution || (execution.status !== 'InProgress' && !(abandon && execution.status === 'Stopping'))) return;
    this.executions.set(id, { ...execution, status: 'Stopping', stop: { abandon } });
    this.look([id]);
  }

  /** Whether it could be. */
  retry(id: string): boolean {
    const execution = this.executions.get(id);
    const stage = STAGES[execution?.stage ?? 0] ?? '';
    const record = execution?.stages.find(({ name }) => name === stage);
    const isDown = execution?.status === 'Failed' || execution?.status === 'Stopped';
    if (!execution || !isDown || execution.place !== 'inside' || record?.status === 'Succeeded') return false;
    const line = this.mode === 'PARALLEL' ? this.line : reenter(this.line, stage, id);
    if (!line) return false;
    this.line = line;
    this.executions.set(id, retried(execution, stage, 'FAILED_ACTIONS', 'ManualStageRetry'));
    this.look([id]);
    return true;
  }

  set(stage: string, enabled: boolean): void {
    this.line = { ...this.line, transitions: { ...this.line.transitions, [stage]: { enabled, by: 'me', atMs: 0 } } };
    this.look([...this.executions.values()].filter(({ place }) => place === 'waiting').map(({ executionId }) => executionId));
  }

  view(): string[] {
    return [...this.executions.values()].map(({ executionId, status, stage, place }) => {
      const isOver = status !== 'InProgress' && status !== 'Stopping';
      return `${executionId} ${isOver ? status : `${status} ${place === 'inside' ? 'in' : 'before'} ${STAGES[stage]}`}`;
    });
  }
}

interface Simple {
  readonly id: string;
  at: number;
  inside: boolean;
  status: string;
  abandon?: boolean;
}

/** The same said simply: whole states are looked at until nothing moves. It knows nothing of lines, wakes or commits. */
class Oracle {
  readonly all: Simple[] = [];
  readonly closed = new Set<string>();
  /** Who was last in a stage. */
  readonly last: (string | undefined)[] = [];
  readonly mode: ExecutionMode;

  constructor(mode: ExecutionMode) {
    this.mode = mode;
  }

  start(): void {
    this.all.push({ id: `e${this.all.length + 1}`, at: 0, inside: false, status: 'InProgress' });
    this.settle();
  }

  settle(): void {
    const live = () => this.all.filter(({ status }) => status === 'InProgress' || status === 'Stopping');
    for (const one of live()) if (one.status === 'Stopping' && (!one.inside || one.abandon)) one.status = 'Stopped';
    for (let moved = true; moved; ) {
      moved = false;
      for (let at = 0; at < STAGES.length; at += 1) {
        const waiting = live().filter((one) => one.at === at && !one.inside);
        if (this.mode === 'SUPERSEDED') for (const older of waiting.slice(0, -1)) older.status = 'Superseded';
        const next = this.mode === 'SUPERSEDED' ? waiting.slice(-1) : waiting;
        for (const one of next) {
          const isTaken = this.mode !== 'PARALLEL' && live().some((other) => other.at === at && other.inside);
          if (isTaken || this.closed.has(STAGES[at] ?? '')) continue;
          one.inside = true;
          this.last[at] = one.id;
          moved = true;
        }
      }
    }
  }

  end(id: string, seen: 'succeeded' | 'failed'): void {
    const one = this.all.find((execution) => execution.id === id);
    if (!one?.inside || (one.status !== 'InProgress' && one.status !== 'Stopping')) return;
    if (one.status === 'Stopping') one.status = seen === 'failed' ? 'Stopped' : 'Stopped, done';
    else if (seen === 'failed') one.status = 'Failed';
    else if (one.at === STAGES.length - 1) one.status = 'Succeeded';
    else {
      one.at += 1;
      one.inside = false;
    }
    this.settle();
  }

  stop(id: string, abandon: boolean): void {
    const one = this.all.find((execution) => execution.id === id);
    if (!one || (one.status !== 'InProgress' && !(abandon && one.status === 'Stopping'))) return;
    one.status = 'Stopping';
    one.abandon = abandon;
    this.settle();
  }

  retry(id: string): boolean {
    const one = this.all.find((execution) => execution.id === id);
    if (!one?.inside || (one.status !== 'Failed' && one.status !== 'Stopped')) return false;
    if (this.mode !== 'PARALLEL' && this.last[one.at] !== id) return false;
    one.status = 'InProgress';
    one.abandon = false;
    this.settle();
    return true;
  }

  set(stage: string, enabled: boolean): void {
    if (enabled) this.closed.delete(stage);
    else this.closed.add(stage);
    this.settle();
  }

  view(): string[] {
    return this.all.map(({ id, status, at, inside }) => {
      const isOver = status !== 'InProgress' && status !== 'Stopping';
      return `${id} ${isOver ? status.replace(', done', '') : `${status} ${inside ? 'in' : 'before'} ${STAGES[at]}`}`;
    });
  }
}

/** A fixed sequence of numbers below `limit`. */
function numbers(seed: number): (limit: number) => number {
  let value = seed * 2_654_435_761 + 1;
  return (limit) => {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((value / 2 ** 32) * limit);
  };
}

const RUNS = 400;
const STEPS = 40;

for (const mode of ['SUPERSEDED', 'QUEUED', 'PARALLEL'] as const) {
  test(`${mode}: starts, ends, stops, retries and transitions in any order lead where the simple model says`, () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const pick = numbers(seed);
      const engine = new Engine(mode);
      const oracle = new Oracle(mode);
      const done: string[] = [];
      for (let step = 0; step < STEPS; step += 1) {
        done.push(disturb(engine, oracle, pick));
        assert.deepEqual(engine.view(), oracle.view(), `seed ${seed}: ${done.join(', ')}`);
        checkLine(engine);
        for (const line of engine.view()) seen.add(line.replace(/^e\d+ /, ''));
      }
    }
    const expected = ['Succeeded', 'Failed', 'Stopped', 'Stopping in Build', 'InProgress before Deploy'];
    for (const state of mode === 'SUPERSEDED' ? [...expected, 'Superseded'] : expected) assert.ok(seen.has(state), state);
    if (mode !== 'SUPERSEDED') assert.ok(!seen.has('Superseded'));
  });
}

function disturb(engine: Engine, oracle: Oracle, pick: (limit: number) => number): string {
  const id = `e${1 + pick(Math.max(1, engine.executions.size))}`;
  const stage = STAGES[pick(STAGES.length)] ?? '';
  const what = pick(20);
  if (engine.executions.size === 0 || what < 4) {
    engine.start();
    oracle.start();
    return 'start';
  }
  if (what < 13) {
    const seen = what < 11 ? 'succeeded' : 'failed';
    engine.end(id, seen);
    oracle.end(id, seen);
    return `${id} ${seen}`;
  }
  if (what < 15) {
    const abandon = what === 14;
    engine.stop(id, abandon);
    oracle.stop(id, abandon);
    return `stop ${id} ${abandon}`;
  }
  if (what < 17) {
    assert.equal(engine.retry(id), oracle.retry(id), `retry ${id}`);
    return `retry ${id}`;
  }
  const enabled = what > 17;
  engine.set(stage, enabled);
  oracle.set(stage, enabled);
  return `${enabled ? 'enable' : 'disable'} ${stage}`;
}

/** A stage is held by one that is in it, and nobody waits before one that is free and open. */
function checkLine({ line, executions, mode }: Engine): void {
  for (const [stage, { holder, waiting }] of Object.entries(line.stages)) {
    if (holder !== undefined) assert.ok(executions.get(holder)?.actions.some((action) => action.stage === stage));
    if (holder === undefined && isOpen(line, stage)) assert.deepEqual(waiting, []);
    if (mode === 'SUPERSEDED') assert.ok(waiting.length <= 1);
    assert.deepEqual(
      waiting,
      [...waiting].sort((a, b) => a.number - b.number),
    );
  }
}

test('what is told of an action that is over changes nothing', () => {
  const engine = new Engine('QUEUED');
  engine.start();
  const action = engine.running('e1') ?? '';
  engine.end('e1', 'succeeded');
  const before = engine.executions.get('e1');
  engine.look(['e1'], [{ action, seen: 'failed', error: { code: 'JobFailed', message: 'late' } }]);
  assert.deepEqual(engine.executions.get('e1'), before);
  engine.look(['e1'], [{ action: 'never there', seen: 'succeeded' }]);
  assert.equal(engine.executions.get('e1'), before, 'nothing to commit');
});
