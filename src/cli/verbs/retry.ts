import { type Graph, nth, parseDefinition } from '@slipway/sdk/definition';
import { callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { stepsOf, type StepSummary } from '../execution-watch.ts';
import { failed, wrongUse } from '../exit.ts';
import { executionArnOf } from '../references.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { followExecution, parameterOf } from '../start-execution.ts';

/** `slipway retry EXECUTION`: the same execution goes on, by the definition it was started with. */
export async function retry(reference: string, options: GlobalOptions & { wait?: boolean }): Promise<void> {
  const session = await openSession(options);
  const arn = await executionArnOf(session.connection, reference);
  await callJson(session.connection, 'sagemaker:RetryPipelineExecution', {
    PipelineExecutionArn: arn,
    ClientRequestToken: crypto.randomUUID(),
  });
  await followExecution(session, arn, options);
}

/** Of SelectedStepList in the API model. */
const SELECTED_MAX = 50;

/**
 * `slipway resume EXECUTION [--from STEP]`: a new execution of the pipeline as it is now (mended, that is) which runs what the old one did not
 * finish, or everything from a step on, and takes the rest from the old one.
 */
export async function resume(
  reference: string,
  options: GlobalOptions & { from?: string; param: string[]; wait?: boolean },
): Promise<void> {
  const session = await openSession(options);
  const { connection } = session;
  const source = await executionArnOf(connection, reference);
  const { arn, steps } = await resumeExecution(connection, source, options.from, options.param.map(parameterOf));
  session.output.line(`runs ${steps.join(', ')}; takes the rest from ${source.split('/').at(-1)}`);
  await followExecution(session, arn, options);
}

/** Starts it; answers its ARN and the steps that run. */
export async function resumeExecution(
  connection: Connection,
  source: string,
  from: string | undefined,
  given: readonly { Name: string; Value: string }[],
): Promise<{ arn: string; steps: readonly string[] }> {
  const PipelineName = /:pipeline\/([^/]+)\/execution\//.exec(source)?.[1] ?? '';
  const { PipelineDefinition: text = '' } = await callJson(connection, 'sagemaker:DescribePipeline', { PipelineName });
  const { graph } = parseDefinition(text);
  if (!graph) throw failed(`The definition of ${PipelineName} cannot be parsed.`);
  const steps = from === undefined ? await unfinished(connection, graph, source) : stepsFrom(graph, [indexOf(graph, from)]);
  if (steps.length === 0) throw failed(`Every step of ${source} succeeded. Name one to begin with: --from STEP`);
  if (steps.length > SELECTED_MAX) {
    const rule = `${steps.length} steps would run, but AWS selects at most ${SELECTED_MAX}`;
    throw failed(`${rule}. Run the whole pipeline (cached steps are not repeated), or retry the execution as it was.`);
  }
  const started = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: await parametersOf(connection, source, given),
    SelectiveExecutionConfig: {
      SourcePipelineExecutionArn: source,
      SelectedSteps: steps.map((StepName) => ({ StepName })),
    },
  });
  return { arn: started.PipelineExecutionArn ?? '', steps };
}

function indexOf(graph: Graph, name: string): number {
  const index = graph.indexOf.get(name);
  if (index === undefined) throw wrongUse(`--from ${name}: no such step. The steps: ${[...graph.indexOf.keys()].join(', ')}`);
  return index;
}

/** Steps that did not succeed, and all behind them; not those on a branch that was not taken. */
async function unfinished(connection: Connection, graph: Graph, source: string): Promise<string[]> {
  const done = await standOf(connection, source);
  const succeeded = (index: number) => done.get(nth(graph.steps, index).name)?.StepStatus === 'Succeeded';
  const isUntaken = (index: number): boolean => {
    const { parent } = nth(graph.steps, index);
    if (!parent) return false;
    const outcome = done.get(nth(graph.steps, parent.condition).name)?.Metadata?.Condition?.Outcome;
    const isOther = succeeded(parent.condition) && outcome !== (parent.branch === 'If' ? 'True' : 'False');
    return isOther || isUntaken(parent.condition);
  };
  const open = graph.steps.flatMap((_, index) =>
    succeeded(index) || isUntaken(index) || nth(graph.steps, index).body !== undefined ? [] : [index],
  );
  return stepsFrom(graph, open);
}

/** How every step stands: what a selective execution left out stands as in its source. */
async function standOf(connection: Connection, source: string): Promise<Map<string, StepSummary>> {
  const { SelectiveExecutionConfig: selective } = await callJson(connection, 'sagemaker:DescribePipelineExecution', {
    PipelineExecutionArn: source,
  });
  const older = selective?.SourcePipelineExecutionArn;
  const stand = older === undefined ? new Map<string, StepSummary>() : await standOf(connection, older);
  for (const { StepName = '' } of selective?.SelectedSteps ?? []) stand.delete(StepName);
  for (const step of await stepsOf(connection, source)) stand.set(step.StepName ?? '', step);
  return stand;
}

/** The steps and everything that runs after them, in document order. */
function stepsFrom(graph: Graph, start: readonly number[]): string[] {
  const seen = new Set<number>();
  const open = [...start];
  for (let vertex = open.pop(); vertex !== undefined; vertex = open.pop()) {
    if (seen.has(vertex)) continue;
    seen.add(vertex);
    open.push(...nth(graph.releases, vertex));
  }
  return graph.steps.filter(({ body }, index) => seen.has(index) && body === undefined).map(({ name }) => name);
}

/** Those of the source, with what is given laid over them. */
async function parametersOf(
  connection: Connection,
  PipelineExecutionArn: string,
  given: readonly { Name: string; Value: string }[],
): Promise<{ Name: string; Value: string }[]> {
  const values = new Map<string, string>();
  let NextToken: string | undefined;
  do {
    const page = await callJson(connection, 'sagemaker:ListPipelineParametersForExecution', { PipelineExecutionArn, NextToken });
    for (const { Name = '', Value = '' } of page.PipelineParameters ?? []) values.set(Name, Value);
    NextToken = page.NextToken;
  } while (NextToken);
  for (const { Name, Value } of given) values.set(Name, Value);
  return [...values].map(([Name, Value]) => ({ Name, Value }));
}
