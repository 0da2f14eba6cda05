import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { type Ends, filesLeft, type StepEnd } from './ends.ts';
import { type Facts, isObject, Unknown } from './expressions.ts';
import { type Circumstances, interpret, type Witness } from './interpreter.ts';
import { type ProgramStep, readProgram } from './program.ts';

/** An execution that has ended, as clients see it: answers of the API and nothing else. */
export interface ObservedExecution {
  /** DescribePipelineExecution. */
  readonly execution: JsonObject;
  /** DescribePipelineDefinitionForExecution, parsed. */
  readonly definition: JsonObject;
  /** ListPipelineParametersForExecution. */
  readonly parameters: readonly { readonly Name: string; readonly Value: string }[];
  /** ListPipelineExecutionSteps. */
  readonly steps: readonly JsonObject[];
  /** By step: the Describe answer of what its metadata names. */
  readonly documents: ReadonlyMap<string, JsonObject>;
}

const CACHE_KEYS: Readonly<Record<string, readonly string[]>> = {
  Processing: ['AppSpecification', 'Environment', 'ProcessingInputs'],
  Training: ['AlgorithmSpecification', 'Environment', 'HyperParameters', 'InputDataConfig'],
  Transform: ['Environment', 'ModelName', 'TransformInput'],
};

const ENDED = new Set(['Succeeded', 'Failed', 'Stopped', 'CompletedWithFailures']);

/** What is wrong with how an execution ended, by the oracle; nothing when all is as it has to be. */
export function checkExecution(observed: ObservedExecution, circumstances: Circumstances = {}): string[] {
  const { execution, definition } = observed;
  const status = String(execution['PipelineExecutionStatus']);
  if (!ENDED.has(status)) return [`the execution is still ${status}`];
  const witness = new ObservingWitness(observed, circumstances);
  const { fates, permitted } = interpret(definition, { ...factsOf(observed) }, circumstances, witness);
  const { problems } = witness;
  for (const name of witness.names())
    if (!fates.has(name)) problems.push(`there is a step ${name}, which the definition does not have`);
  if (!(permitted as ReadonlySet<string>).has(status)) {
    problems.push(`the execution is ${status}, but may be ${[...permitted].join(' or ')}`);
  }
  problems.push(...checkOrder(observed, circumstances));
  return problems;
}

function factsOf({ execution, definition, parameters }: ObservedExecution): Pick<Facts, 'parameters' | 'execution'> {
  const declared = Array.isArray(definition['Parameters']) ? (definition['Parameters'] as JsonObject[]) : [];
  const values = new Map<string, { type: string; value: Json }>();
  for (const { Name, Type, DefaultValue } of declared) {
    const text = parameters.find((one) => one.Name === Name)?.Value;
    values.set(String(Name), {
      type: String(Type),
      value: text === undefined ? (DefaultValue ?? null) : typedParameter(text, Type),
    });
  }
  const arn = String(execution['PipelineExecutionArn']);
  return {
    parameters: values,
    execution: {
      PipelineExecutionArn: arn,
      PipelineExecutionId: arn.split('/').at(-1) ?? '',
      PipelineArn: arn.split('/execution/')[0] ?? '',
      PipelineName: arn.split('/').at(-3) ?? '',
    },
  };
}

function typedParameter(text: string, type: Json | undefined): Json {
  if (type === 'Integer' || type === 'Float') return Number(text);
  return type === 'Boolean' ? text.toLowerCase() === 'true' : text;
}

class ObservingWitness implements Witness {
  readonly problems: string[] = [];
  readonly #steps: ReadonlyMap<string, JsonObject>;
  readonly #documents: ReadonlyMap<string, JsonObject>;
  readonly #program: ReadonlyMap<string, ProgramStep>;
  readonly #circumstances: Circumstances;
  readonly #files = new Map<string, string>();
  /** Of a selective execution. */
  readonly #selected: ReadonlySet<string> | undefined;

  constructor({ steps, documents, definition, execution }: ObservedExecution, circumstances: Circumstances) {
    this.#steps = new Map(steps.map((step) => [String(step['StepName']), step]));
    if (this.#steps.size < steps.length) this.problems.push('a step is listed twice');
    this.#documents = documents;
    this.#program = readProgram(definition);
    this.#circumstances = circumstances;
    for (const document of documents.values()) for (const [uri, text] of filesLeft(document)) this.#files.set(uri, text);
    const selective = execution['SelectiveExecutionConfig'];
    const chosen = isObject(selective) ? (selective['SelectedSteps'] as JsonObject[]) : undefined;
    this.#selected = chosen && new Set(chosen.map(({ StepName }) => String(StepName)));
  }

  names(): Iterable<string> {
    return this.#steps.keys();
  }

  end(step: string, permitted: ReadonlySet<StepEnd>): StepEnd {
    const end = (this.#steps.get(step)?.['StepStatus'] ?? 'absent') as StepEnd;
    if (permitted.has(end)) return end;
    const reason = this.#steps.get(step)?.['FailureReason'];
    const why = reason === undefined ? '' : ` (${String(reason)})`;
    this.problems.push(`step ${step} is ${end}${why}, but may be ${[...permitted].join(' or ')}`);
    return end;
  }

  branch(step: string, permitted: ReadonlySet<boolean>): boolean {
    const told = this.#metadata(step, 'Condition')?.['Outcome'];
    const branch = told === 'True';
    if (!permitted.has(branch))
      this.problems.push(`the outcome of ${step} is ${String(told)}, but may be ${[...permitted].join(' or ')}`);
    return branch;
  }

  document(step: string): Json {
    const type = (this.#program.get(step) ?? this.#program.get(step.replace(/-\d+$/, '')))?.type ?? '';
    const document = type === 'Lambda' || type === 'Callback' ? this.#outputs(step, type) : this.#documents.get(step);
    if (document === undefined) throw new Unknown(`what ${step} made`);
    return document;
  }

  #outputs(step: string, type: string): JsonObject | undefined {
    const listed = this.#metadata(step, type)?.['OutputParameters'];
    const declared = (this.#program.get(step) ?? this.#program.get(step.replace(/-\d+$/, '')))?.step[
      'OutputParameters'
    ] as JsonObject[];
    const types = new Map((declared ?? []).map(({ OutputName, OutputType }) => [OutputName, OutputType]));
    const given = (Array.isArray(listed) ? listed : []) as JsonObject[];
    return {
      OutputParameters: Object.fromEntries(
        given.map(({ Name, Value }) => [String(Name), typedParameter(String(Value), types.get(Name ?? ''))]),
      ),
    };
  }

  asked({ type, step }: ProgramStep, name: string, resolved: JsonObject, { attempts }: Ends): void {
    const listed = this.#steps.get(name);
    const taken = this.takenFrom(name);
    if (taken === 'cache') this.#compareCached(type, name, resolved);
    if (!listed || taken) return;
    if (type === 'Fail') {
      const told = this.#metadata(name, 'Fail')?.['ErrorMessage'];
      if (told !== resolved['ErrorMessage'])
        this.problems.push(`${name} says ${String(told)}, but has to say ${String(resolved['ErrorMessage'])}`);
    }
    const made = this.#documents.get(name);
    // whoever may approves or rejects what was registered
    const { Tags: _tags, ModelApprovalStatus: _approval, ...asked } = resolved;
    if (made && type !== 'Endpoint') {
      for (const path of differences(asked, made))
        this.problems.push(`what ${name} made differs from what it asks for at ${path}`);
    }
    const { stopped, rounds = 0, disturbed } = this.#circumstances;
    const told = Number(listed['AttemptCount'] ?? 1) || 1;
    const isCertain = !stopped && rounds === 0 && !disturbed?.(name);
    if (attempts !== undefined && isCertain && told !== attempts) {
      this.problems.push(
        `${name} had ${told} attempts, but has to have had ${attempts} (${JSON.stringify(step['RetryPolicies'] ?? null)})`,
      );
    }
  }

  /** A result is taken for the same request only, as far as AWS's documentation compares requests. */
  #compareCached(type: string, name: string, resolved: JsonObject): void {
    const made = this.#documents.get(name);
    for (const member of made ? (CACHE_KEYS[type] ?? []) : []) {
      for (const path of differences(resolved[member] ?? null, made?.[member], `.${member}`)) {
        this.problems.push(`${name} took the result of another request from the cache: ${path}`);
      }
    }
  }

  byStop(step: string): boolean | undefined {
    const made = this.#documents.get(step);
    const status = made?.['ProcessingJobStatus'] ?? made?.['TrainingJobStatus'] ?? made?.['TransformJobStatus'];
    return status === undefined ? undefined : status === 'Stopped';
  }

  elapsedMs(step: string): number {
    const { StartTime, EndTime } = this.#steps.get(step) ?? {};
    return typeof StartTime === 'number' && typeof EndTime === 'number' ? EndTime - StartTime : 0;
  }

  takenFrom(step: string): 'cache' | 'source' | undefined {
    const listed = this.#steps.get(step);
    if (listed?.['SelectiveExecutionResult'] !== undefined) return 'source';
    if (listed?.['CacheHitResult'] === undefined) return undefined;
    const { CacheConfig } = (this.#program.get(step) ?? this.#program.get(step.replace(/-\d+$/, '')))?.step ?? {};
    if (!isObject(CacheConfig)) this.problems.push(`${step} was taken from the cache, which it did not ask for`);
    return 'cache';
  }

  isLeftOut(step: string): boolean {
    return this.#selected !== undefined && !this.#selected.has(step) && this.takenFrom(step) === undefined;
  }

  file(uri: string): string {
    const text = this.#files.get(uri);
    if (text === undefined) throw new Unknown(uri);
    return text;
  }

  #metadata(step: string, type: string): JsonObject | undefined {
    const metadata = this.#steps.get(step)?.['Metadata'];
    const own = isObject(metadata) ? metadata[type] : undefined;
    return isObject(own) ? own : undefined;
  }
}

/** Paths at which `made` lacks something of `asked`; it may have more, since answers are filled with defaults. */
function differences(asked: Json, made: Json | undefined, path = ''): string[] {
  if (asked === null) return [];
  if (Array.isArray(asked)) {
    if (!Array.isArray(made) || made.length !== asked.length) return [path];
    return asked.flatMap((one, index) => differences(one, made[index], `${path}[${index}]`));
  }
  if (isObject(asked)) {
    if (!isObject(made)) return [path];
    return Object.entries(asked).flatMap(([key, value]) => differences(value, made[key], `${path}.${key}`));
  }
  return asked === made ? [] : [`${path}: ${JSON.stringify(made)} instead of ${JSON.stringify(asked)}`];
}

/** No step begins before what it waits for has ended. */
function checkOrder({ definition, steps }: ObservedExecution, { rounds = 0 }: Circumstances): string[] {
  const listed = new Map(steps.map((step) => [String(step['StepName']), step]));
  const problems: string[] = [];
  for (const step of steps) {
    const [start, end] = [step['StartTime'], step['EndTime']];
    if (typeof start === 'number' && typeof end === 'number' && start > end)
      problems.push(`${String(step['StepName'])} ends before it starts`);
    if (end === undefined) problems.push(`${String(step['StepName'])} has no end`);
  }
  if (rounds > 0) return problems;
  for (const { name, waits, inside } of readProgram(definition).values()) {
    const start = listed.get(name)?.['StartTime'];
    if (typeof start !== 'number') continue;
    for (const on of [...waits.map((wait) => wait.on), ...(inside ? [inside.condition] : [])]) {
      const end = listed.get(on)?.['EndTime'];
      if (typeof end === 'number' && end > start) problems.push(`${name} began before ${on} had ended`);
    }
  }
  return problems;
}
