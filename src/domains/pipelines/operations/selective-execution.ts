import type { SelectiveExecutionConfig } from '../../../contract/generated/sagemaker.ts';
import type { OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import type { Store } from '../../../platform/store/port.ts';
import type { Read } from '../../../platform/store/typed-rows.ts';
import { type Graph, nth } from '../../../../sdk/definition/index.ts';
import { type Selection, selectionOf, selectionProblems, sourceProblems, type SourceStep } from '../decide-selection.ts';
import type { Compiled } from '../definitions.ts';
import { executionOf, readExecution } from '../names.ts';
import { type ExecutionDocument, incarnationOf, type PipelineDocument, type StepDocument, stepKey } from '../resources.ts';

/** A source execution must have ended by itself: what was stopped is no complete record of what its steps came to. */
const SOURCE_STATUSES = new Set(['Succeeded', 'Failed', 'CompletedWithFailures']);
/** Of Store.getMany. */
const KEYS_MAX = 1_000;
/** Selective executions in a row, each the source of the next. */
const SOURCES_MAX = 50;

/** What an execution of selected steps runs and takes; throws a ValidationException that says everything that is wrong with it. */
export async function selectiveOf(
  store: Store,
  context: OperationContext,
  pipeline: PipelineDocument,
  { graph }: Compiled,
  config: SelectiveExecutionConfig | undefined,
): Promise<Pick<ExecutionDocument, 'selective'>> {
  if (!config) return {};
  const steps = [...new Set(config.SelectedSteps.map(({ StepName }) => StepName))];
  refuse(selectionProblems(graph, steps));
  const sourceArn = config.SourcePipelineExecutionArn;
  const selection = selectionOf(graph, steps);
  const source = sourceArn === undefined ? undefined : await readSource(store, context, pipeline, sourceArn);
  const found = source ? await sourceSteps(store, context, source, graph, selection) : { known: new Map<number, SourceStep>() };
  refuse(sourceProblems(graph, selection, sourceArn, found.known));
  return { selective: { steps, ...(source && { sourceArn: source.document.arn }), ...(found.older && { older: found.older }) } };
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new ServiceError('ValidationException', `The selective execution is not valid. ${problems.join(' ')}`);
}

async function readSource(store: Store, context: OperationContext, pipeline: PipelineDocument, arn: string) {
  const { pipelineName } = executionOf(context, arn);
  if (pipelineName.toLowerCase() !== pipeline.name.toLowerCase()) {
    refuse([`The source execution ${arn} is not of pipeline '${pipeline.name}'. Give one of the same pipeline.`]);
  }
  const source = await readExecution(store, context, arn);
  if (source.index.parent !== incarnationOf(pipeline))
    refuse([`The source execution ${arn} is of an earlier pipeline of that name.`]);
  const { status } = source.document;
  if (!SOURCE_STATUSES.has(status)) {
    refuse([`The source execution ${arn} is ${status}. Give one that ended Succeeded or Failed.`]);
  }
  return source;
}

interface SourceSteps {
  readonly known: Map<number, SourceStep>;
  /** Executions that have the result of a step which the source left out, by the step's name. */
  readonly older?: Record<string, string>;
}

/**
 * What the source knows of the steps that are reused. A source that was selective itself left steps out: those stand as they do in its own
 * source, and so on.
 */
async function sourceSteps(
  store: Store,
  context: OperationContext,
  source: Read<ExecutionDocument>,
  graph: Graph,
  { reuse }: Selection,
): Promise<SourceSteps> {
  const known = new Map<number, SourceStep>();
  const older: Record<string, string> = {};
  let open = [...reuse];
  let at: Read<ExecutionDocument> | undefined = source;
  for (let depth = 0; at && open.length > 0 && depth < SOURCES_MAX; depth++) {
    const { arn, selective }: ExecutionDocument = at.document;
    const statuses = await statusesIn(store, at.key, graph, open);
    for (const [index, status] of statuses) {
      known.set(index, status);
      if (depth > 0) older[nth(graph.steps, index).name] = arn;
    }
    const ownSteps = new Set(selective?.steps ?? graph.indexOf.keys());
    open = open.filter((index) => !statuses.has(index) && !ownSteps.has(nth(graph.steps, index).name));
    at = selective?.sourceArn === undefined ? undefined : await readExecution(store, context, selective.sourceArn);
  }
  return { known, ...(Object.keys(older).length > 0 && { older }) };
}

async function statusesIn(
  store: Store,
  execution: ResourceKey,
  graph: Graph,
  indexes: readonly number[],
): Promise<Map<number, SourceStep>> {
  const found = new Map<number, SourceStep>();
  for (let start = 0; start < indexes.length; start += KEYS_MAX) {
    const part = indexes.slice(start, start + KEYS_MAX);
    const rows = await store.getMany(part.map((index) => stepKey(execution, nth(graph.steps, index).name)));
    for (const [at, row] of rows.entries()) {
      if (!row) continue;
      const { status, outcome } = row.document as unknown as StepDocument;
      found.set(nth(part, at), { status, ...(outcome !== undefined && { outcome }) });
    }
  }
  return found;
}
