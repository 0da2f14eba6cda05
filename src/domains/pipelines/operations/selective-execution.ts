import type { SelectiveExecutionConfig } from '../../../contract/generated/sagemaker.ts';
import type { OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { Store } from '../../../platform/store/port.ts';
import { nth } from '../../../../sdk/definition/index.ts';
import { type Selection, selectionOf, selectionProblems, sourceProblems, type SourceStep } from '../decide-selection.ts';
import type { Compiled } from '../definitions.ts';
import { executionOf, readExecution } from '../names.ts';
import { type ExecutionDocument, incarnationOf, type PipelineDocument, type StepDocument, stepKey } from '../resources.ts';

/** A source execution must have ended by itself: what was stopped is no complete record of what its steps came to. */
const SOURCE_STATUSES = new Set(['Succeeded', 'Failed', 'CompletedWithFailures']);
/** Of Store.getMany. */
const KEYS_MAX = 1_000;

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
  const names = [...selection.reuse].map((index) => nth(graph.steps, index).name);
  const known = source ? await sourceSteps(store, source.key, selection, names) : new Map<number, SourceStep>();
  refuse(sourceProblems(graph, selection, sourceArn, known));
  return { selective: { steps, ...(source && { sourceArn: source.document.arn }) } };
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

async function sourceSteps(
  store: Store,
  execution: Parameters<typeof stepKey>[0],
  { reuse }: Selection,
  names: readonly string[],
): Promise<Map<number, SourceStep>> {
  const known = new Map<number, SourceStep>();
  const indexes = [...reuse];
  for (let start = 0; start < names.length; start += KEYS_MAX) {
    const keys = names.slice(start, start + KEYS_MAX).map((name) => stepKey(execution, name));
    for (const [at, row] of (await store.getMany(keys)).entries()) {
      if (!row) continue;
      const { status, outcome } = row.document as unknown as StepDocument;
      known.set(nth(indexes, start + at), { status, ...(outcome !== undefined && { outcome }) });
    }
  }
  return known;
}
