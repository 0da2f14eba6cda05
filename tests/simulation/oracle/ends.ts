import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import { FILES_VARIABLE, OUTCOME_MEMBER, OUTCOME_VARIABLE, outcomeOf, RETURNS_MEMBER } from '../workload/outcomes.ts';
import { isObject, Unknown } from './expressions.ts';
import type { ProgramStep } from './program.ts';

export type StepEnd = 'Succeeded' | 'Failed' | 'Stopped' | 'absent';

/** How a step that ran may have ended, and after how many attempts where that is certain. */
export interface Ends {
  readonly permitted: ReadonlySet<StepEnd>;
  readonly attempts?: number;
}

export interface EndsContext {
  readonly rounds: number;
  readonly stopped: boolean;
  readonly disturbed: boolean;
  /** What a step's properties are paths into; throws Unknown. */
  document(step: string): Json;
  readonly program: ReadonlyMap<string, ProgramStep>;
}

const only = (end: StepEnd, attempts?: number): Ends => ({ permitted: new Set([end]), attempts });
const EITHER: Ends = { permitted: new Set(['Succeeded', 'Failed']) };

/** The ends of a step that works, by what its resolved arguments say of its outcome. */
export function endsOf({ type, step }: ProgramStep, resolved: JsonObject, context: EndsContext): Ends {
  if (type === 'Fail') return only('Failed');
  if (context.disturbed) return EITHER;
  switch (type) {
    case 'Processing':
    case 'Training':
    case 'Transform':
      return jobEnds(isObject(resolved['Environment']) ? resolved['Environment'][OUTCOME_VARIABLE] : undefined, step, context);
    case 'Lambda':
    case 'Callback':
      return answerEnds(step, resolved, context);
    case 'Endpoint':
      return endpointEnds(resolved, context);
    default:
      return only('Succeeded');
  }
}

/** Attempts as a retry policy for lost jobs grants them: MaxAttempts more than the first, 5 unless said otherwise. */
function retriesOf(step: JsonObject): number {
  for (const policy of Array.isArray(step['RetryPolicies']) ? (step['RetryPolicies'] as JsonObject[]) : []) {
    if (!(policy['ExceptionType'] as string[]).includes('SageMaker.JOB_INTERNAL_ERROR')) continue;
    return typeof policy['MaxAttempts'] === 'number' ? policy['MaxAttempts'] : 5;
  }
  return 0;
}

function jobEnds(outcome: Json | undefined, step: JsonObject, { rounds, stopped }: EndsContext): Ends {
  const said = typeof outcome === 'string' ? outcome : undefined;
  const most = retriesOf(step) + 1;
  if (rounds > 0) {
    // each round has attempts of its own, and nobody counts how many there were
    const ends = Array.from({ length: most * (rounds + 1) }, (_, index) => outcomeOf(said, index + 1) === 'ok');
    return ends.every((ok) => ok) ? only('Succeeded') : ends.includes(true) ? EITHER : only('Failed');
  }
  for (let attempt = 1; ; attempt++) {
    const came = outcomeOf(said, attempt);
    // one that is being stopped gives a lost job no other attempt
    if (came === 'ok') return stopped && attempt > 1 ? EITHER : only('Succeeded', attempt);
    if (came !== 'lost' || attempt === most) return only('Failed', attempt);
  }
}

/** Of a function's event or a message's arguments: it ends well if it is to, and answers every output in its type. */
function answerEnds(step: JsonObject, resolved: JsonObject, { rounds }: EndsContext): Ends {
  const said = resolved[OUTCOME_MEMBER];
  if (outcomeOf(typeof said === 'string' ? said : undefined, 1) !== 'ok') {
    return rounds > 0 && typeof said === 'string' && said.includes('until') ? EITHER : only('Failed');
  }
  return only(outputsOf(step, resolved) === undefined ? 'Failed' : 'Succeeded');
}

/** The typed outputs of what a Lambda or Callback step is answered with; undefined if one lacks or does not fit. */
export function outputsOf(step: JsonObject, resolved: JsonObject): JsonObject | undefined {
  const returns = isObject(resolved[RETURNS_MEMBER]) ? resolved[RETURNS_MEMBER] : {};
  const outputs: JsonObject = {};
  for (const declared of Array.isArray(step['OutputParameters']) ? (step['OutputParameters'] as JsonObject[]) : []) {
    const [name, type] = [String(declared['OutputName']), String(declared['OutputType'])];
    const value = typed(returns[name], type);
    if (value === undefined) return undefined;
    outputs[name] = value;
  }
  return outputs;
}

function typed(value: Json | undefined, type: string): Json | undefined {
  if (value === undefined || value === null || typeof value === 'object') return undefined;
  const text = String(value);
  if (type === 'String') return text;
  if (type === 'Boolean') return /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(number) || (type === 'Integer' && !Number.isInteger(number)) ? undefined : number;
}

/** A deployment goes well if the model's server does. */
function endpointEnds({ EndpointName, EndpointConfigName }: JsonObject, { document, program }: EndsContext): Ends {
  if (/^sim-live/.test(String(EndpointName))) return EITHER;
  const modelOf = (step: ProgramStep, by: string, wanted: Json | undefined): JsonObject | undefined => {
    try {
      const made = document(step.name);
      return isObject(made) && made[by] === wanted ? made : undefined;
    } catch (error) {
      if (error instanceof Unknown) return undefined;
      throw error;
    }
  };
  const find = (type: string, by: string, wanted: Json | undefined): JsonObject | undefined => {
    for (const step of program.values()) {
      const made = step.type === type && step.forEach === undefined ? modelOf(step, by, wanted) : undefined;
      if (made) return made;
    }
    return undefined;
  };
  const config = find('EndpointConfig', 'EndpointConfigName', EndpointConfigName);
  const variants = config?.['ProductionVariants'];
  const variant = Array.isArray(variants) ? variants[0] : undefined;
  if (!isObject(variant)) return EndpointConfigName === 'sim-config' ? only('Succeeded') : EITHER;
  if (variant['ModelName'] === 'sim-model') return only('Succeeded');
  const model = find('Model', 'ModelName', variant['ModelName']);
  const container = model?.['PrimaryContainer'];
  const environment = isObject(container) ? container['Environment'] : undefined;
  if (!isObject(environment)) return EITHER;
  const said = environment[OUTCOME_VARIABLE];
  return only(said === undefined || said === 'ok' ? 'Succeeded' : 'Failed');
}

/** The texts a Processing job leaves, by their URIs, as its resolved arguments or Describe document say. */
export function filesLeft(document: JsonObject): Map<string, string> {
  const left = new Map<string, string>();
  const environment = document['Environment'];
  const said = isObject(environment) ? environment[FILES_VARIABLE] : undefined;
  const files = typeof said === 'string' ? (JSON.parse(said) as Record<string, string>) : {};
  const config = document['ProcessingOutputConfig'];
  for (const output of isObject(config) ? (config['Outputs'] as JsonObject[]) : []) {
    const prefix = `${String(output['OutputName'])}/`;
    const uri = String((output['S3Output'] as JsonObject)['S3Uri']);
    for (const [path, text] of Object.entries(files))
      if (path.startsWith(prefix)) left.set(`${uri}/${path.slice(prefix.length)}`, text);
  }
  return left;
}
