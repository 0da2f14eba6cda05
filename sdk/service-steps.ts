import type { JsonObject, ParameterType, WorkStep } from './definition/language.ts';
import { createExpression, type Expression, toJson, toJsonObject, type Value } from './expressions.ts';
import { Step, type StepOptions, type WorkStepOptions } from './steps.ts';

/** The outputs that a function or an answer has to give, by name. */
export type OutputTypes = Readonly<Record<string, ParameterType>>;

type ValueOf<T extends ParameterType> = T extends 'String' ? string : T extends 'Boolean' ? boolean : number;

/** What later steps read of them. */
export type Outputs<O extends OutputTypes> = { readonly [K in keyof O]: Expression<ValueOf<O[K]>> };

interface AnsweredStepOptions<O extends OutputTypes> extends StepOptions, Pick<WorkStepOptions, 'cacheConfig'> {
  /** Any JSON; its parts may be expressions. */
  inputs?: object;
  outputs?: O;
}

export interface LambdaStepOptions<O extends OutputTypes> extends AnsweredStepOptions<O> {
  functionArn: Value<string>;
}

/** Calls a Lambda function with the inputs; it returns an object with the outputs. At most ten minutes. */
export class LambdaStep<const O extends OutputTypes = Record<never, never>> extends Step {
  readonly outputs: Outputs<O>;
  readonly #options: LambdaStepOptions<O>;

  constructor(name: string, options: LambdaStepOptions<O>) {
    super(name, options);
    this.#options = options;
    this.outputs = outputsOf(name, options.outputs);
  }

  define(): WorkStep {
    const { functionArn, inputs = {}, outputs } = this.#options;
    return {
      ...this.defineWork('Lambda', toJsonObject(inputs), this.#options),
      FunctionArn: toJson(functionArn),
      OutputParameters: defineOutputs(outputs),
    };
  }
}

export interface CallbackStepOptions<O extends OutputTypes> extends AnsweredStepOptions<O> {
  queueUrl: Value<string>;
}

/**
 * Sends a message with the inputs and a token to an SQS queue and waits until somebody answers the token, by
 * SendPipelineExecutionStepSuccess with the outputs, or by SendPipelineExecutionStepFailure. At most seven days.
 */
export class CallbackStep<const O extends OutputTypes = Record<never, never>> extends Step {
  readonly outputs: Outputs<O>;
  readonly #options: CallbackStepOptions<O>;

  constructor(name: string, options: CallbackStepOptions<O>) {
    super(name, options);
    this.#options = options;
    this.outputs = outputsOf(name, options.outputs);
  }

  define(): WorkStep {
    const { queueUrl, inputs = {}, outputs } = this.#options;
    return {
      ...this.defineWork('Callback', toJsonObject(inputs), this.#options),
      SqsQueueUrl: toJson(queueUrl),
      OutputParameters: defineOutputs(outputs),
    };
  }
}

function outputsOf<O extends OutputTypes>(step: string, outputs: O | undefined): Outputs<O> {
  const entries = Object.entries(outputs ?? {}).map(([name, type]) => [
    name,
    createExpression(() => ({ Get: `Steps.${step}.OutputParameters['${name}']` }), type === 'String'),
  ]);
  return Object.fromEntries(entries) as Outputs<O>;
}

const defineOutputs = (outputs: OutputTypes = {}): { OutputName: string; OutputType: ParameterType }[] & JsonObject[] =>
  Object.entries(outputs).map(([OutputName, OutputType]) => ({ OutputName, OutputType }));
