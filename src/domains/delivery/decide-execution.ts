import type {
  ActionDeclaration,
  PipelineDeclaration,
  PipelineExecutionStatus,
  RetryTrigger,
  StageDeclaration,
  StageExecutionStatus,
  StageRetryMode,
} from '../../contract/generated/codepipeline.ts';
import { ruleOf } from './decide-action-types.ts';
import { arrive, enter, isInLine, isOpen, leave, stageLine } from './decide-line.ts';
import { type Namespaces, resolveConfiguration } from './decide-variables.ts';
import type { ActionRecord, ArtifactRecord, ExecutionDocument, LineDocument, StageRecord } from './resources.ts';

/** What was seen of an action in progress. `changes` are members that it brings along. */
export interface Observation {
  readonly action: string;
  /** `begun`: it is under way; `told`: still under way, but something about it is new. */
  readonly seen: 'begun' | 'told' | 'succeeded' | 'failed';
  /** Of a function: which of its calls is told of, from 1. */
  readonly call?: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly changes?: Partial<
    Pick<
      ActionRecord,
      | 'summary'
      | 'token'
      | 'percentComplete'
      | 'externalExecutionId'
      | 'externalExecutionUrl'
      | 'outputs'
      | 'outputVariables'
      | 'revision'
      | 'kept'
      | 'againAtMs'
      | 'updatedBy'
    >
  >;
}

export interface Situation {
  readonly execution: ExecutionDocument;
  /** Of the version the execution was started with. */
  readonly structure: PipelineDeclaration;
  readonly line: LineDocument;
  readonly observations: readonly Observation[];
  readonly nowMs: number;
  readonly bucket: string;
  actionId(stage: string, action: string, attempt: number): string;
  artifactKey(artifact: string, actionId: string): string;
}

/** What events and ledger tell of a decision. */
export type Change =
  | { readonly of: 'pipeline'; readonly state: string }
  | { readonly of: 'stage'; readonly stage: string; readonly state: string; readonly failed?: readonly ActionRecord[] }
  | { readonly of: 'action'; readonly action: ActionRecord };

export interface Decision {
  readonly execution: ExecutionDocument;
  readonly line: LineDocument;
  readonly changes: readonly Change[];
  /** Executions that have to look again: whose turn it is, or who were superseded. */
  readonly wake: readonly string[];
  /** A rollback execution to start, in the same commit. */
  readonly rollback?: { readonly stage: string; readonly target: string };
}

/** Moves one execution on as far as what is known allows. Equal documents in the answer mean that nothing changed. */
export function decideExecution(situation: Situation): Decision {
  const course = new Course(situation);
  for (const observation of situation.observations) course.observe(observation);
  course.expire();
  while (course.advance()) {
    // on until it only waits
  }
  return course.decision();
}

/** Only for the length of one decision: a copy of the execution, changed step by step. */
class Course {
  readonly #at: Situation;
  readonly #changes: Change[] = [];
  readonly #wake: string[] = [];
  #execution: ExecutionDocument;
  #line: LineDocument;
  #rollback: Decision['rollback'];

  constructor(at: Situation) {
    this.#at = at;
    this.#execution = at.execution;
    this.#line = at.line;
  }

  decision(): Decision {
    const changed = this.#execution !== this.#at.execution;
    return {
      execution: changed ? { ...this.#execution, modifiedAtMs: this.#at.nowMs } : this.#execution,
      line: this.#line,
      changes: this.#changes,
      wake: this.#wake,
      ...(this.#rollback && { rollback: this.#rollback }),
    };
  }

  /** What is told of an action that is over already comes too late, also of a call that asked for another. */
  observe({ action: id, seen, call, error, changes = {} }: Observation): void {
    const action = this.#execution.actions.find((one) => one.id === id);
    if (action?.status !== 'InProgress' || (call !== undefined && call < Number(action.kept?.['serial'] ?? 1))) return;
    const { againAtMs: _over, ...rest } = action;
    const after = { ...rest, ...changes };
    if (seen === 'succeeded') this.#end(after, 'Succeeded');
    else if (seen === 'failed') this.#end({ ...after, ...(error && { error }) }, 'Failed');
    else this.#putAction({ ...after, begun: changes.againAtMs === undefined });
  }

  /** Actions whose time is over have failed. */
  expire(): void {
    for (const action of this.#execution.actions) {
      if (action.status !== 'InProgress' || action.deadlineMs > this.#at.nowMs) continue;
      const minutes = Math.round((action.deadlineMs - action.startedAtMs) / 60_000);
      const message = `The action ${action.name} did not complete within ${minutes} minutes.`;
      this.#end({ ...action, error: { code: 'TimeoutError', message } }, 'Failed');
    }
  }

  /** One step; false when there is nothing to do but wait. */
  advance(): boolean {
    const { status, place } = this.#execution;
    if (status !== 'InProgress' && status !== 'Stopping') return false;
    if (status === 'Stopping') return this.#halt();
    if (place === 'arriving') return this.#arrive();
    if (place === 'waiting') return this.#enter();
    return this.#work();
  }

  get #stage(): StageDeclaration | undefined {
    return this.#at.structure.stages[this.#execution.stage];
  }

  get #takesTurns(): boolean {
    return this.#execution.mode !== 'PARALLEL';
  }

  #arrive(): boolean {
    const { executionId, number, mode } = this.#execution;
    if (this.#takesTurns) {
      const { line, superseded } = arrive(this.#line, this.#stage?.name ?? '', { executionId, number, mode });
      this.#line = line;
      this.#wake.push(...superseded.filter((id) => id !== executionId));
    }
    this.#put({ place: 'waiting' });
    return true;
  }

  #enter(): boolean {
    const { executionId } = this.#execution;
    const stage = this.#stage?.name ?? '';
    if (this.#takesTurns) {
      if (!isInLine(this.#line, stage, executionId)) return this.#finish('Superseded', 'SUPERSEDED');
      const line = enter(this.#line, stage, executionId);
      if (!line) return false;
      this.#line = line;
    } else if (!isOpen(this.#line, stage)) return false;
    this.#put({ place: 'inside' });
    this.#putStage({ status: 'InProgress', attempt: 1, startedAtMs: this.#at.nowMs });
    this.#changes.push({ of: 'stage', stage, state: 'STARTED' });
    return true;
  }

  #work(): boolean {
    const stage = this.#stage;
    if (!stage) return false;
    const records = this.#recordsOf(stage.name);
    if (records.some(({ status }) => status === 'InProgress')) return false;
    const failed = records.filter(({ status }) => status === 'Failed' || status === 'Abandoned');
    if (failed.length > 0) return this.#failed(stage, failed);
    const open = stage.actions.filter(({ name }) => !records.some((record) => record.name === name));
    if (open.length === 0) return this.#leave('Succeeded', 'SUCCEEDED');
    const next = Math.min(...open.map(runOrder));
    for (const declared of open.filter((one) => runOrder(one) === next)) this.#start(stage, declared);
    return true;
  }

  #start(stage: StageDeclaration, declared: ActionDeclaration): void {
    const { nowMs, bucket } = this.#at;
    const attempt = this.#stageRecord()?.attempt ?? 1;
    const id = this.#at.actionId(stage.name, declared.name, attempt);
    const minutes = declared.timeoutInMinutes ?? ruleOf(declared.actionTypeId)?.timeoutMinutes ?? 60;
    const artifacts = artifactsOf(this.#execution);
    const namespaces = namespacesOf(this.#execution, this.#at.structure);
    const { resolved, unresolved } = resolveConfiguration(declared.configuration ?? {}, namespaces);
    const action: ActionRecord = {
      id,
      stage: stage.name,
      name: declared.name,
      attempt,
      status: 'InProgress',
      begun: false,
      startedAtMs: nowMs,
      updatedAtMs: nowMs,
      deadlineMs: nowMs + minutes * 60_000,
      ...(resolved && { configuration: resolved }),
      inputs: (declared.inputArtifacts ?? []).flatMap(({ name }) => artifacts.get(name) ?? []),
      outputs: (declared.outputArtifacts ?? []).map(({ name }) => ({ name, bucket, key: this.#at.artifactKey(name, id) })),
    };
    this.#execution = { ...this.#execution, actions: [...this.#execution.actions, action] };
    this.#changes.push({ of: 'action', action });
    const lacking = (declared.inputArtifacts ?? []).find(({ name }) => !artifacts.has(name));
    const variable = `The variable ${unresolved} in the configuration of action ${declared.name} has no value.`;
    const input = `The input artifact ${lacking?.name} of action ${declared.name} is not there: what makes it did not succeed.`;
    const message = unresolved === undefined ? lacking && input : variable;
    if (message === undefined) return;
    this.#end({ ...action, error: { code: 'ConfigurationError', message } }, 'Failed');
  }

  #failed(stage: StageDeclaration, failed: readonly ActionRecord[]): boolean {
    const { result, retryConfiguration } = stage.onFailure ?? {};
    if (result === 'RETRY' && (this.#stageRecord()?.autoRetries ?? 0) === 0) {
      this.#changes.push({ of: 'stage', stage: stage.name, state: 'FAILED', failed });
      const mode = retryConfiguration?.retryMode ?? 'ALL_ACTIONS';
      this.#execution = retried(this.#execution, stage.name, mode, 'AutomatedStageRetry');
      this.#changes.push({ of: 'stage', stage: stage.name, state: 'RESUMED' });
      return true;
    }
    if (result === 'SKIP') return this.#leave('Skipped', 'SUCCEEDED');
    const target = stageLine(this.#line, stage.name).succeeded;
    const { type, executionId } = this.#execution;
    if (result === 'ROLLBACK' && this.#takesTurns && type === 'STANDARD' && target !== undefined && target !== executionId) {
      this.#rollback = { stage: stage.name, target };
    }
    this.#putStage({ status: 'Failed' });
    this.#changes.push({ of: 'stage', stage: stage.name, state: 'FAILED', failed });
    return this.#finish('Failed', 'FAILED');
  }

  /** Through with a stage, and on to the next. */
  #leave(status: StageExecutionStatus, state: string): boolean {
    const stage = this.#stage?.name ?? '';
    this.#putStage({ status });
    this.#changes.push({ of: 'stage', stage, state });
    const isLast = this.#execution.stage === this.#at.structure.stages.length - 1 || this.#execution.type === 'ROLLBACK';
    this.#release(status === 'Succeeded' && this.#execution.type === 'STANDARD');
    if (isLast) return this.#finish('Succeeded', 'SUCCEEDED');
    this.#put({ stage: this.#execution.stage + 1, place: 'arriving' });
    return true;
  }

  /** A stop that was asked for: waits for what is in progress, or gives it up. */
  #halt(): boolean {
    const { place, stop } = this.#execution;
    const stage = this.#stage?.name ?? '';
    if (place !== 'inside') return this.#finish('Stopped', 'STOPPED');
    const running = this.#recordsOf(stage).filter(({ status }) => status === 'InProgress');
    if (running.length > 0 && !stop?.abandon) return false;
    for (const action of running) this.#end(action, 'Abandoned');
    const records = this.#recordsOf(stage);
    const isDone = (this.#stage?.actions ?? []).every(({ name }) =>
      records.some((record) => record.name === name && record.status === 'Succeeded'),
    );
    const status = isDone ? 'Succeeded' : records.some((one) => one.status === 'Failed') ? 'Failed' : 'Stopped';
    this.#putStage({ status });
    this.#changes.push({ of: 'stage', stage, state: status.toUpperCase() });
    return this.#finish('Stopped', 'STOPPED');
  }

  #finish(status: PipelineExecutionStatus, state: string): boolean {
    this.#release(false);
    this.#put({ status });
    this.#changes.push({ of: 'pipeline', state });
    return false;
  }

  #release(succeeded: boolean): void {
    if (!this.#takesTurns) return;
    const { line, next } = leave(this.#line, this.#stage?.name ?? '', this.#execution.executionId, succeeded);
    this.#line = line;
    this.#wake.push(...next);
  }

  #end(action: ActionRecord, status: ActionRecord['status']): void {
    const after = { ...action, status, begun: true, updatedAtMs: this.#at.nowMs };
    this.#putAction(after);
    this.#changes.push({ of: 'action', action: after });
  }

  #putAction(after: ActionRecord): void {
    const actions = this.#execution.actions.map((one) => (one.id === after.id ? { ...after, updatedAtMs: this.#at.nowMs } : one));
    this.#put({ actions });
  }

  #put(members: Partial<ExecutionDocument>): void {
    this.#execution = { ...this.#execution, ...members };
  }

  #stageRecord(): StageRecord | undefined {
    return this.#execution.stages.find(({ name }) => name === this.#stage?.name);
  }

  #putStage(members: Partial<StageRecord>): void {
    const name = this.#stage?.name ?? '';
    const before = this.#stageRecord() ?? { name, attempt: 1, autoRetries: 0, manualRetries: 0 };
    const others = this.#execution.stages.filter((one) => one.name !== name);
    this.#put({ stages: [...others, { ...before, ...members }] });
  }

  #recordsOf(stage: string): ActionRecord[] {
    return this.#execution.actions.filter((one) => one.stage === stage);
  }
}

const runOrder = (declared: ActionDeclaration): number => declared.runOrder ?? 1;

/** The execution with its stage tried again: the attempts that are repeated step aside. */
export function retried(
  execution: ExecutionDocument,
  stage: string,
  mode: StageRetryMode,
  trigger: RetryTrigger,
): ExecutionDocument {
  const isRepeated = (action: ActionRecord) =>
    action.stage === stage && (mode === 'ALL_ACTIONS' || action.status !== 'Succeeded');
  const isAuto = trigger === 'AutomatedStageRetry';
  const { stop: _over, statusSummary: _told, ...rest } = execution;
  return {
    ...rest,
    status: 'InProgress',
    place: 'inside',
    attempt: execution.attempt + (isAuto ? 0 : 1),
    actions: execution.actions.filter((action) => !isRepeated(action)),
    earlier: [...execution.earlier, ...execution.actions.filter(isRepeated)],
    stages: execution.stages.map((record) =>
      record.name === stage
        ? {
            ...record,
            status: 'InProgress' as const,
            attempt: record.attempt + 1,
            autoRetries: record.autoRetries + (isAuto ? 1 : 0),
            manualRetries: record.manualRetries + (isAuto ? 0 : 1),
            latestRetryTrigger: trigger,
          }
        : record,
    ),
  };
}

const succeededActions = ({ inherited, actions }: ExecutionDocument): ActionRecord[] =>
  [...inherited, ...actions].filter(({ status }) => status === 'Succeeded');

/** What was made so far, by the names of the structure. */
export const artifactsOf = (execution: ExecutionDocument): Map<string, ArtifactRecord> =>
  new Map(succeededActions(execution).flatMap(({ outputs = [] }) => outputs.map((output) => [output.name, output] as const)));

/** What references in a configuration stand for. */
function namespacesOf(execution: ExecutionDocument, structure: PipelineDeclaration): Namespaces {
  const namespaces = new Map<string, Readonly<Record<string, string>>>([
    ['codepipeline', { PipelineExecutionId: execution.executionId }],
    ['variables', Object.fromEntries(execution.variables.map(({ name, value }) => [name, value]))],
  ]);
  const namespaceOf = new Map(
    structure.stages.flatMap((stage) =>
      stage.actions.map(({ name, namespace }) => [`${stage.name}/${name}`, namespace] as const),
    ),
  );
  for (const { stage, name, outputVariables = {} } of succeededActions(execution)) {
    const namespace = namespaceOf.get(`${stage}/${name}`);
    if (namespace !== undefined) namespaces.set(namespace, outputVariables);
  }
  return namespaces;
}
