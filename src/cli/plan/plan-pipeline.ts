import {
  cacheAttributesOf,
  cacheExpiryMs,
  cacheRequestOf,
  differingAttributes,
  type GraphStep,
  isFresh,
  isJsonObject,
  type Json,
  type JsonObject,
  nth,
  parseReference,
} from '@slipway/sdk/definition';
import type { Connection } from '../connection.ts';
import type { StepSummary } from '../execution-watch.ts';
import { contentKeyOf, goneOutputs, keyTagOf } from './content.ts';
import { type Difference, differencesOf } from './difference.ts';
import { arnOf, type EarlierExecution, type Evaluated, outcomeOf, requestOf } from './earlier-execution.ts';

/** What an execution started now would do with a step. */
export interface PlannedStep {
  readonly name: string;
  readonly type: string;
  /**
   * `hit`: its result is taken; `miss`: it runs, the cache has no such result; `off`: it runs, it does not ask for the cache; `unknown`: that
   * shows when it runs; `decided`: a Condition whose outcome is known; `not-run`: on the branch not taken.
   */
  readonly verdict: 'hit' | 'miss' | 'off' | 'unknown' | 'decided' | 'not-run';
  readonly reason: string;
  /** Of a hit, and of the nearest earlier run of a miss. */
  readonly executionArn?: string;
  readonly ageMs?: number;
  readonly differences?: readonly Difference[];
  /** Conditions in whose branch it stands that are not decided yet. */
  readonly onlyIf?: string;
}

export interface Planning {
  readonly connection: Connection;
  readonly planned: Omit<Evaluated, 'documentOf'>;
  /** Newest first. */
  readonly earlier: readonly EarlierExecution[];
  readonly byContent: boolean;
  readonly nowMs: number;
}

/** A run of the step that made something itself. */
interface Candidate {
  readonly execution: EarlierExecution;
  readonly step: StepSummary;
  readonly endedAtMs: number;
}

/** Plans every step, in an order in which what a step reads is planned before it. */
export async function planPipeline(planning: Planning): Promise<PlannedStep[]> {
  const { graph } = planning.planned;
  const plans = new Map<number, PlannedStep>();
  const sources = new Map<string, EarlierExecution>();
  const at: Evaluated = {
    ...planning.planned,
    documentOf: async (name) => sources.get(name)?.documentOf(name),
  };
  for (const index of executionOrder(planning)) {
    const step = nth(graph.steps, index);
    const { plan, source } = await planStep(planning, at, plans, step, index);
    plans.set(index, plan);
    if (source) sources.set(step.name, source);
  }
  return graph.steps.flatMap((_, index) => plans.get(index) ?? []);
}

/** Positions of the steps, each behind those it waits for. */
function executionOrder({ planned: { graph } }: Planning): number[] {
  const pending = graph.waitsFor.map((before) => before.length);
  const open = pending.flatMap((count, vertex) => (count === 0 ? [vertex] : []));
  const order: number[] = [];
  for (let vertex = open.shift(); vertex !== undefined; vertex = open.shift()) {
    if (vertex < graph.steps.length) order.push(vertex);
    for (const next of nth(graph.releases, vertex)) {
      pending[next] = nth(pending, next) - 1;
      if (pending[next] === 0) open.push(next);
    }
  }
  return order;
}

interface Planned {
  readonly plan: PlannedStep;
  readonly source?: EarlierExecution;
}

async function planStep(
  planning: Planning,
  at: Evaluated,
  plans: ReadonlyMap<number, PlannedStep>,
  step: GraphStep,
  index: number,
): Promise<Planned> {
  const common = { name: step.name, type: step.type };
  if (step.body !== undefined) {
    const reason = `for each item of ${nth(at.graph.steps, step.body).name}, which shows when it runs`;
    return { plan: { ...common, verdict: 'unknown', reason } };
  }
  const branch = branchOf(at, plans, step);
  if (branch.notRun !== undefined) return { plan: { ...common, verdict: 'not-run', reason: branch.notRun } };
  const place = branch.onlyIf === undefined ? common : { ...common, onlyIf: branch.onlyIf };
  if (step.type === 'Condition') {
    const outcome = await outcomeOf(planning.connection, at, index);
    const reason = outcome === undefined ? `depends on ${waitedFor(plans, step, at)}` : `outcome ${outcome ? 'True' : 'False'}`;
    return { plan: { ...place, verdict: outcome === undefined ? 'unknown' : 'decided', reason } };
  }
  if (cacheAttributesOf(step.type) === undefined) {
    return { plan: { ...place, verdict: 'off', reason: `steps of type ${step.type} are never cached` } };
  }
  const expiryMs = cacheExpiryMs(step.step);
  if (expiryMs === undefined) return { plan: { ...place, verdict: 'off', reason: 'cache off (no CacheConfig that enables it)' } };
  const request = await requestOf(planning.connection, at, step.name);
  if (!request) return { plan: { ...place, ...unresolved(at, plans, step) } };
  const found = await compare(planning, step, request, expiryMs);
  return { plan: { ...place, ...found.plan }, ...(found.source && { source: found.source }) };
}

type Verdict = Omit<PlannedStep, 'name' | 'type' | 'onlyIf'>;

/** Where a step stands to the Conditions around it. */
function branchOf(at: Evaluated, plans: ReadonlyMap<number, PlannedStep>, step: GraphStep): { notRun?: string; onlyIf?: string } {
  if (!step.parent) return {};
  const { condition, branch } = step.parent;
  const { name } = nth(at.graph.steps, condition);
  const plan = plans.get(condition);
  if (plan?.verdict === 'not-run') return { notRun: plan.reason };
  const taken = branch === 'If' ? 'True' : 'False';
  if (plan?.verdict === 'decided' && !plan.reason.endsWith(taken)) return { notRun: `Condition ${name}: ${plan.reason}` };
  const own = plan?.verdict === 'unknown' ? `${name} is ${taken}` : undefined;
  const onlyIf = [plan?.onlyIf, own].filter((text) => text !== undefined).join(' and ');
  return onlyIf === '' ? {} : { onlyIf };
}

/** Why a key has no value before the execution: what it names is new in each, or comes from a step that runs. */
function unresolved(at: Evaluated, plans: ReadonlyMap<number, PlannedStep>, step: GraphStep): Verdict {
  const request = cacheRequestOf(step.step);
  for (const [attribute, value] of Object.entries(request)) {
    const variable = referencesIn(value).find(
      (reference) => reference.kind === 'execution' && at.variables[reference.variable] === undefined,
    );
    if (variable?.kind !== 'execution') continue;
    return { verdict: 'miss', reason: `${attribute} names Execution.${variable.variable}, which is new in every execution` };
  }
  return { verdict: 'unknown', reason: `depends on ${waitedFor(plans, step, at)}` };
}

/** The steps whose results are read and not there. */
function waitedFor(plans: ReadonlyMap<number, PlannedStep>, step: GraphStep, at: Evaluated): string {
  const read = step.dependencies.filter(({ on, reads }) => reads && plans.get(on)?.verdict !== 'hit');
  const names = read.map(({ on }) => nth(at.graph.steps, on).name);
  return names.length === 0 ? 'what can only be read when it runs' : `${names.join(', ')}, which will run`;
}

function referencesIn(value: Json): NonNullable<ReturnType<typeof parseReference>['value']>[] {
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const reference = key === 'Get' && typeof inner === 'string' ? parseReference(inner).value : undefined;
    return reference ? [reference] : referencesIn(inner);
  });
}

async function compare(
  planning: Planning,
  step: GraphStep,
  request: JsonObject,
  expiryMs: number,
): Promise<{ plan: Verdict; source?: EarlierExecution }> {
  const { connection, byContent, nowMs } = planning;
  const content = byContent ? await contentKeyOf(connection, request) : undefined;
  if (content && 'manifest' in content) {
    return { plan: { verdict: 'miss', reason: `what the manifest ${content.manifest} lists cannot be compared by content` } };
  }
  let nearest: { candidate: Candidate; request: JsonObject; distance: number } | undefined;
  for (const candidate of candidatesOf(planning, step.name)) {
    const { execution, endedAtMs } = candidate;
    const before = await execution.stepOf(step.name);
    const then = before && cacheExpiryMs(before) !== undefined ? await execution.requestOf(step.name) : undefined;
    if (!then) continue;
    const distance = differingAttributes(then, request).length;
    const keyTag = byContent || distance === 0 ? await keyTagOf(connection, arnOf(candidate.step)) : undefined;
    const isSame = content ? keyTag === content.digest : distance === 0 && keyTag === undefined;
    const ageMs = nowMs - endedAtMs;
    if (isSame && isFresh(endedAtMs, expiryMs, nowMs)) {
      const gone = await goneOutputs(connection, await execution.documentOf(step.name));
      const reason = gone.length === 0 ? '' : `BUT nothing lies any more at ${gone.join(', ')}`;
      return { plan: { verdict: 'hit', reason, executionArn: execution.arn, ageMs }, source: execution };
    }
    if (isSame) return { plan: { verdict: 'miss', reason: 'the result has expired', executionArn: execution.arn, ageMs } };
    if (!nearest || distance < nearest.distance) nearest = { candidate, request: then, distance };
  }
  if (!nearest) return { plan: { verdict: 'miss', reason: 'no earlier run of the step left a result' } };
  const { candidate, request: then } = nearest;
  const differences = differencesOf(then, request);
  const executionArn = candidate.execution.arn;
  const ageMs = nowMs - candidate.endedAtMs;
  const reason =
    differences.length > 0 ? 'differs from the nearest earlier run' : 'the data behind the same addresses is other data';
  return { plan: { verdict: 'miss', reason, executionArn, ageMs, differences } };
}

/** Runs of a step that made something themselves, the one that ended last first. */
function candidatesOf({ earlier }: Planning, name: string): Candidate[] {
  return earlier
    .flatMap((execution): Candidate[] => {
      const step = execution.steps.get(name);
      const isOwn = step?.StepStatus === 'Succeeded' && !step.CacheHitResult && !step.SelectiveExecutionResult;
      return isOwn ? [{ execution, step, endedAtMs: (step.EndTime ?? 0) * 1000 }] : [];
    })
    .sort((a, b) => b.endedAtMs - a.endedAtMs);
}
