import {
  cacheRequestOf,
  type FileReading,
  type Graph,
  type JsonObject,
  nth,
  parametersOf,
  parseDefinition,
  parseFile,
  type PipelineDefinition,
  resolve,
  resolveConditions,
  type Resolved,
  resolveParameters,
  type Scope,
  type Step,
  type WorkStep,
} from '@slipway/sdk/definition';
import { AwsError, callJson, getObject } from '../client.ts';
import type { Connection } from '../connection.ts';
import { stepsOf, type StepSummary } from '../execution-watch.ts';

/** A definition with what its expressions are evaluated over; an execution that was, or one that is only planned. */
export interface Evaluated {
  readonly definition: PipelineDefinition;
  readonly graph: Graph;
  readonly values: ReadonlyMap<string, string | number | boolean>;
  /** Execution variables that are known. */
  readonly variables: Readonly<Record<string, string>>;
  /** The document that a step's properties are paths into; undefined when it has none (yet). */
  documentOf(step: string): Promise<JsonObject | undefined>;
}

/** The part of a step's request that is its key in the cache, evaluated; undefined when some of it has no value. */
export async function requestOf(connection: Connection, at: Evaluated, name: string): Promise<JsonObject | undefined> {
  const index = at.graph.indexOf.get(name);
  if (index === undefined) return undefined;
  const request = cacheRequestOf(nth(at.graph.steps, index).step);
  return (await evaluate(connection, at, index, (scope) => resolve(request, scope))) as JsonObject | undefined;
}

/** Which branch a Condition takes; undefined when that depends on what is not known. */
export const outcomeOf = (connection: Connection, at: Evaluated, index: number): Promise<boolean | undefined> => {
  const { step } = nth(at.graph.steps, index);
  const conditions = step.Type === 'Condition' ? step.Arguments.Conditions : [];
  return evaluate(connection, at, index, (scope) => resolveConditions(conditions, scope));
};

async function evaluate<T>(
  connection: Connection,
  at: Evaluated,
  index: number,
  run: (scope: Scope) => Resolved<T>,
): Promise<T | undefined> {
  const documents = new Map<string, JsonObject>();
  for (const { on, reads } of nth(at.graph.steps, index).dependencies) {
    const { name } = nth(at.graph.steps, on);
    const document = reads ? await at.documentOf(name) : undefined;
    if (document) documents.set(name, document);
  }
  const files = new Map<string, FileReading>();
  for (;;) {
    const resolved = run(scopeOf(at, documents, files));
    if (!resolved.files) return resolved.value;
    for (const uri of resolved.files) files.set(uri, await readFile(connection, uri));
  }
}

const scopeOf = (at: Evaluated, documents: ReadonlyMap<string, JsonObject>, files: ReadonlyMap<string, FileReading>): Scope => ({
  parameters: at.values,
  declared: parametersOf(at.definition),
  execution: at.variables,
  step: (name) => documents.get(name),
  propertyFile(name, file) {
    const index = at.graph.indexOf.get(name);
    const producer = index === undefined ? undefined : (at.graph.steps[index]?.step as WorkStep | undefined);
    return producer?.PropertyFiles?.find(({ PropertyFileName }) => PropertyFileName === file);
  },
  file: (uri) => files.get(uri),
});

async function readFile(connection: Connection, uri: string): Promise<FileReading> {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  try {
    return parseFile(uri, (await getObject(connection, bucket, key)).toString('utf8'));
  } catch (error) {
    if (error instanceof AwsError) return { problem: `${uri}: ${error.message}` };
    throw error;
  }
}

/** An execution of the past, read as far as it is asked for. */
export class EarlierExecution {
  readonly arn: string;
  readonly steps: ReadonlyMap<string, StepSummary>;
  readonly #connection: Connection;
  #evaluated: Promise<Evaluated | undefined> | undefined;
  readonly #documents = new Map<string, Promise<JsonObject | undefined>>();

  private constructor(connection: Connection, arn: string, steps: readonly StepSummary[]) {
    this.#connection = connection;
    this.arn = arn;
    this.steps = new Map(steps.map((step) => [step.StepName ?? '', step]));
  }

  static async read(connection: Connection, arn: string): Promise<EarlierExecution> {
    return new EarlierExecution(connection, arn, await stepsOf(connection, arn));
  }

  /** How the step stood in that execution's definition. */
  async stepOf(name: string): Promise<Step | undefined> {
    const at = await this.evaluated();
    const index = at?.graph.indexOf.get(name);
    return index === undefined ? undefined : at?.graph.steps[index]?.step;
  }

  async requestOf(name: string): Promise<JsonObject | undefined> {
    const at = await this.evaluated();
    if (!at) return undefined;
    const job = nameOf(arnOf(this.steps.get(name)) ?? '');
    return requestOf(
      this.#connection,
      { ...at, variables: { ...at.variables, TrainingJobName: job, ProcessingJobName: job } },
      name,
    );
  }

  documentOf(name: string): Promise<JsonObject | undefined> {
    const step = this.steps.get(name);
    let document = this.#documents.get(name);
    document ??= step ? describe(this.#connection, step) : Promise.resolve(undefined);
    this.#documents.set(name, document);
    return document;
  }

  evaluated(): Promise<Evaluated | undefined> {
    this.#evaluated ??= this.#evaluate();
    return this.#evaluated;
  }

  async #evaluate(): Promise<Evaluated | undefined> {
    const input = { PipelineExecutionArn: this.arn };
    const [described, execution, given] = await Promise.all([
      callJson(this.#connection, 'sagemaker:DescribePipelineDefinitionForExecution', input),
      callJson(this.#connection, 'sagemaker:DescribePipelineExecution', input),
      this.#parameters(),
    ]);
    const { definition, graph } = parseDefinition(described.PipelineDefinition ?? '');
    if (!definition) return undefined;
    const { values } = resolveParameters(parametersOf(definition), given);
    if (!values) return undefined;
    const [pipelineArn = '', id = ''] = this.arn.split('/execution/');
    const startedAt = new Date(Math.round((execution.CreationTime ?? 0) * 1000)).toISOString();
    const variables = {
      PipelineName: nameOf(pipelineArn),
      PipelineArn: pipelineArn,
      PipelineExecutionId: id,
      PipelineExecutionArn: this.arn,
      StartDateTime: startedAt,
      CurrentDateTime: startedAt, // stood for another moment; it differs from any other execution's either way
    };
    return { definition, graph, values, variables, documentOf: (name) => this.documentOf(name) };
  }

  async #parameters(): Promise<{ Name: string; Value: string }[]> {
    const found: { Name: string; Value: string }[] = [];
    let NextToken: string | undefined;
    do {
      const page = await callJson(this.#connection, 'sagemaker:ListPipelineParametersForExecution', {
        PipelineExecutionArn: this.arn,
        NextToken,
      });
      for (const { Name = '', Value = '' } of page.PipelineParameters ?? []) found.push({ Name, Value });
      NextToken = page.NextToken;
    } while (NextToken);
    return found;
  }
}

const nameOf = (arn: string): string => arn.split('/').at(-1) ?? '';

/** The ARN of what a step made. */
export function arnOf(step: StepSummary | undefined): string | undefined {
  for (const made of Object.values(step?.Metadata ?? {})) {
    const arn = (made as { Arn?: string } | undefined)?.Arn;
    if (arn !== undefined) return arn;
  }
  return undefined;
}

/** What a step's properties are paths into, read anew; undefined when it is not there any more or has none. */
async function describe(connection: Connection, { Metadata: made = {} }: StepSummary): Promise<JsonObject | undefined> {
  const outputs = (made.Lambda ?? made.Callback)?.OutputParameters;
  if (outputs) return { OutputParameters: Object.fromEntries(outputs.map(({ Name, Value }) => [Name, Value])) };
  try {
    const document = await described(connection, made);
    return document as JsonObject | undefined;
  } catch (error) {
    if (error instanceof AwsError && error.status === 400) return undefined;
    throw error;
  }
}

async function described(connection: Connection, made: NonNullable<StepSummary['Metadata']>): Promise<object | undefined> {
  const { TrainingJob, ProcessingJob, TransformJob, Model, RegisterModel } = made;
  const name = nameOf((TrainingJob ?? ProcessingJob ?? TransformJob ?? Model)?.Arn ?? '');
  if (TrainingJob) return callJson(connection, 'sagemaker:DescribeTrainingJob', { TrainingJobName: name });
  if (ProcessingJob) return callJson(connection, 'sagemaker:DescribeProcessingJob', { ProcessingJobName: name });
  if (TransformJob) return callJson(connection, 'sagemaker:DescribeTransformJob', { TransformJobName: name });
  if (Model) return callJson(connection, 'sagemaker:DescribeModel', { ModelName: name });
  if (!RegisterModel?.Arn) return undefined;
  return callJson(connection, 'sagemaker:DescribeModelPackage', { ModelPackageName: RegisterModel.Arn });
}
