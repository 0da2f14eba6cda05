import type { PipelineDeclaration, SourceRevisionOverride, TriggerType } from '../../contract/generated/codepipeline.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { arrive } from './decide-line.ts';
import { uuidOf } from './names.ts';
import type { DeliveryPorts } from './ports.ts';
import {
  EXECUTION_KIND,
  EXECUTION_RECONCILER,
  type ExecutionDocument,
  executionKey,
  executionWrite,
  incarnationIn,
  incarnationOf,
  type LineDocument,
  lineKey,
  type PipelineDocument,
} from './resources.ts';
import { EMPTY_LINE, readLine } from './rows.ts';
import { changeEntry, changeEvent } from './transitions.ts';

/** "Maximum number of concurrent executions in QUEUED or PARALLEL mode", per pipeline (AWS's quotas). */
const CONCURRENT_MAX = 50;

interface StartRequest {
  readonly executionId: string;
  readonly trigger: { readonly type: TriggerType; readonly detail: string };
  readonly variables?: readonly { readonly name: string; readonly value: string }[];
  readonly overrides?: readonly SourceRevisionOverride[];
  readonly branches?: Readonly<Record<string, string>>;
  readonly requestDigest?: string;
  /** Started by code in a job. */
  readonly restricted?: boolean;
}

export interface Line {
  readonly key: { readonly account: string; readonly region: string; readonly kind: string; readonly name: string };
  readonly version: number;
  readonly document: LineDocument;
}

/** One commit of several parts. */
export function merged(...parts: readonly Partial<Commit>[]): Commit {
  return {
    expect: parts.flatMap(({ expect = [] }) => expect),
    write: parts.flatMap(({ write = [] }) => write),
    remove: parts.flatMap(({ remove = [] }) => remove),
    timers: parts.flatMap(({ timers = [] }) => timers),
    events: parts.flatMap(({ events = [] }) => events),
    ledger: parts.flatMap(({ ledger = [] }) => ledger),
  };
}

export const lineParts = ({ key, version }: Line, after: LineDocument, nowMs: number): Partial<Commit> => ({
  expect: [{ key, version }],
  write: [writeOf(key, after, { createdAtMs: nowMs, modifiedAtMs: nowMs })],
});

/**
 * What a commit needs to start an execution of a pipeline as it stands: its row, its place in the line before the first stage, its timer.
 * Throws when too many run already.
 */
export async function startParts(
  store: Store,
  place: Place,
  pipeline: Read<PipelineDocument>,
  request: StartRequest,
  nowMs: number,
): Promise<Commit> {
  await refuseTooMany(store, place, pipeline.document);
  const line = await readLine(store, place, incarnationOf(pipeline.document));
  return merged(
    { expect: [{ key: pipeline.key, version: pipeline.version }] },
    executionParts(place, pipeline.document, line, request, nowMs),
  );
}

function executionParts(
  place: Place,
  pipeline: PipelineDocument,
  line: Line,
  request: StartRequest,
  nowMs: number,
): Partial<Commit> {
  const { declaration } = pipeline;
  const incarnation = incarnationOf(pipeline);
  const number = line.document.started + 1;
  const document = newExecution(pipeline, request, number, nowMs);
  const stage = declaration.stages[0]?.name ?? '';
  const key = executionKey(place, incarnation, request.executionId);
  const arrived = document.mode === 'PARALLEL' ? { line: line.document, superseded: [] } : arrive(line.document, stage, document);
  return merged(lineParts(line, { ...arrived.line, started: number }, nowMs), {
    expect: [{ key, version: 0 }],
    write: [executionWrite(key, { ...document, place: 'waiting' })],
    timers: [key, ...arrived.superseded.map((id) => executionKey(place, incarnation, id))].map((woken) => ({
      reconciler: EXECUTION_RECONCILER,
      key: woken,
      dueAtMs: nowMs,
    })),
    events: [changeEvent(place, document, declaration, { of: 'pipeline', state: 'STARTED' }, nowMs)],
  });
}

function newExecution(pipeline: PipelineDocument, request: StartRequest, number: number, nowMs: number): ExecutionDocument {
  const { executionId, trigger, variables = [], overrides = [], branches, requestDigest } = request;
  const restricted = pipeline.restricted === true || request.restricted === true;
  return {
    pipelineName: pipeline.name,
    pipelineArn: pipeline.arn,
    executionId,
    number,
    version: pipeline.version,
    mode: pipeline.declaration.executionMode ?? 'SUPERSEDED',
    type: 'STANDARD',
    status: 'InProgress',
    trigger,
    variables: variables.map(({ name, value }) => ({ name, value })),
    overrides: overrides.map((override) => ({ ...override })),
    ...(branches && { branches: { ...branches } }),
    ...(requestDigest !== undefined && { requestDigest }),
    ...(restricted && { restricted }),
    stage: 0,
    place: 'arriving',
    stages: [],
    actions: [],
    earlier: [],
    inherited: [],
    attempt: 1,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
  };
}

async function refuseTooMany(store: Store, place: Place, pipeline: PipelineDocument): Promise<void> {
  const { declaration, name } = pipeline;
  if ((declaration.executionMode ?? 'SUPERSEDED') === 'SUPERSEDED') return;
  const count = await store.count({
    account: place.account,
    region: place.region,
    kind: EXECUTION_KIND,
    parent: incarnationOf(pipeline),
    facet: 'unsettled',
    ordinalAbove: 0,
  });
  if (count < CONCURRENT_MAX) return;
  throw new ServiceError(
    'ConcurrentPipelineExecutionsLimitExceededException',
    `The pipeline ${name} has reached the limit of ${CONCURRENT_MAX} concurrent executions in ${declaration.executionMode} mode. Wait for one to end, or stop one.`,
  );
}

/** A failed stage goes back to the execution that was last good there; undefined when that one is no target any more. */
export async function rollbackParts(
  ports: Pick<DeliveryPorts, 'store'>,
  failed: Read<ExecutionDocument>,
  structure: PipelineDeclaration,
  line: LineDocument,
  { stage, target }: { readonly stage: string; readonly target: string },
  nowMs: number,
): Promise<{ readonly parts: Partial<Commit>; readonly line: LineDocument } | undefined> {
  const place = failed.key;
  const row = await readRow<ExecutionDocument>(ports.store, executionKey(place, incarnationIn(failed.key), target));
  if (!row || row.document.version !== failed.document.version) return undefined;
  const executionId = uuidOf('rollback', failed.key.name, stage, failed.document.attempt);
  const trigger = { type: 'AutomatedRollback' as const, detail: `FailedPipelineExecutionId: ${failed.document.executionId}` };
  const back = rollbackOf(row, structure, line, { executionId, stage, trigger, restricted: failed.document.restricted }, nowMs);
  const started = { pipelineArn: failed.document.pipelineArn, executionId };
  const ledger = [changeEntry(place, started, { of: 'pipeline', state: 'STARTED' }, nowMs)];
  return { ...back, parts: merged(back.parts, { ledger }) };
}

interface RollbackRequest {
  readonly executionId: string;
  readonly stage: string;
  readonly trigger: StartRequest['trigger'];
  readonly restricted?: boolean;
}

/** An execution that does one stage again, with the outputs and variables of the one it goes back to. */
export function rollbackOf(
  { key: place, document: target }: Read<ExecutionDocument>,
  structure: PipelineDeclaration,
  line: LineDocument,
  { executionId, stage, trigger, restricted }: RollbackRequest,
  nowMs: number,
): { readonly parts: Partial<Commit>; readonly line: LineDocument } {
  const number = line.started + 1;
  const { stop: _stopped, statusSummary: _told, requestDigest: _asked, ...same } = target;
  const document: ExecutionDocument = {
    ...same,
    executionId,
    number,
    type: 'ROLLBACK',
    rollbackTarget: target.executionId,
    ...(restricted && { restricted }),
    status: 'InProgress',
    trigger,
    stage: structure.stages.findIndex(({ name }) => name === stage),
    place: 'waiting',
    stages: [],
    actions: [],
    earlier: [],
    inherited: target.actions.filter((action) => action.stage !== stage && action.status === 'Succeeded'),
    attempt: 1,
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
  };
  const incarnation = incarnationIn(place);
  const arrived = arrive(line, stage, { executionId, number, mode: document.mode, goesBack: true });
  const key = executionKey(place, incarnation, executionId);
  return {
    line: { ...arrived.line, started: number },
    parts: {
      expect: [{ key, version: 0 }],
      write: [executionWrite(key, document)],
      timers: [{ reconciler: EXECUTION_RECONCILER, key, dueAtMs: nowMs }],
      events: [changeEvent(place, document, structure, { of: 'pipeline', state: 'STARTED' }, nowMs)],
    },
  };
}

/** The variables of an execution, declared ones with their defaults. */
export function resolveVariables(
  { variables: declared = [], pipelineType, name }: PipelineDeclaration,
  given: readonly { readonly name: string; readonly value: string }[] = [],
): { name: string; value: string }[] {
  const unknown = given.find((one) => !declared.some((variable) => variable.name === one.name));
  if (unknown) {
    const rule = pipelineType === 'V2' ? 'declares no such variable' : 'is of type V1, which has no variables';
    throw new ServiceError('ValidationException', `The variable ${unknown.name} cannot be given: the pipeline ${name} ${rule}.`);
  }
  return declared.map((variable) => {
    const value = given.find((one) => one.name === variable.name)?.value ?? variable.defaultValue;
    if (value === undefined) {
      throw new ServiceError(
        'ValidationException',
        `A value for the pipeline variable ${variable.name} must be provided, since it has no default.`,
      );
    }
    return { name: variable.name, value };
  });
}

/** A pipeline that was just made runs once. */
export function newPipelineParts(
  place: Place,
  pipeline: PipelineDocument,
  executionId: string,
  createdBy: string,
  nowMs: number,
): Partial<Commit> {
  const trigger = { type: 'CreatePipeline' as const, detail: createdBy };
  const { variables = [] } = pipeline.declaration;
  const incarnation = incarnationOf(pipeline);
  const line = { key: lineKey(place, incarnation), version: 0, document: EMPTY_LINE };
  // without a value for each variable it cannot run: it waits for somebody to start it with them
  if (variables.some(({ defaultValue }) => defaultValue === undefined)) return lineParts(line, EMPTY_LINE, nowMs);
  return executionParts(
    place,
    pipeline,
    line,
    { executionId, trigger, variables: resolveVariables(pipeline.declaration) },
    nowMs,
  );
}
