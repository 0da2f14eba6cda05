import type { InputOf, OutputOf } from '../src/contract/operations.ts';
import type { JsonObject, WorkStep } from './definition/language.ts';
import { type Arguments, type Scalar, toJson, toJsonObject, type Value } from './expressions.ts';
import { createProperties, type Properties } from './properties.ts';
import { type Compilation, defineTexts, overlay, Step, type StepOptions, type WorkStepOptions } from './steps.ts';

export interface TransformStepOptions extends WorkStepOptions {
  /** Usually `model.properties.ModelName`. */
  modelName: Value<string>;
  /** An S3 URI, an expression, or the path of a local file or folder. */
  source: Value<string>;
  /** Where the results go, one object for each of the source. */
  outputPath: Value<string>;
  instanceType: Value<string>;
  instanceCount?: Value<number>;
  contentType?: Value<string>;
  /** How the objects are cut into records; whole objects by default. */
  splitType?: 'None' | 'Line' | 'RecordIO' | 'TFRecord';
  strategy?: 'SingleRecord' | 'MultiRecord';
  accept?: Value<string>;
  assembleWith?: 'None' | 'Line';
  maxConcurrentTransforms?: Value<number>;
  maxPayloadInMB?: Value<number>;
  environment?: Readonly<Record<string, Value<Scalar>>>;
  /** Which part of a record the model gets, of its answer is kept, and whether the answer is joined to its record. */
  dataProcessing?: Arguments<NonNullable<InputOf<'sagemaker:CreateTransformJob'>['DataProcessing']>>;
  /** Anything else of CreateTransformJob, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateTransformJob'>>;
}

/** Has a model answer for every object below a prefix: CreateTransformJob. */
export class TransformStep extends Step {
  readonly properties: Properties<OutputOf<'sagemaker:DescribeTransformJob'>>;
  readonly #options: TransformStepOptions;

  constructor(name: string, options: TransformStepOptions) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties(name);
  }

  define(to: Compilation): WorkStep {
    const options = this.#options;
    const { contentType, splitType, strategy, accept, assembleWith, environment, dataProcessing } = options;
    const { maxConcurrentTransforms, maxPayloadInMB } = options;
    const args: JsonObject = {
      ModelName: toJson(options.modelName),
      TransformInput: {
        DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: to.assets.locate(options.source) } },
        ...given({ ContentType: contentType, SplitType: splitType }),
      },
      TransformOutput: {
        S3OutputPath: toJson(options.outputPath),
        ...given({ Accept: accept, AssembleWith: assembleWith }),
      },
      TransformResources: {
        InstanceType: toJson(options.instanceType),
        InstanceCount: toJson(options.instanceCount ?? 1),
      },
      ...given({ BatchStrategy: strategy, MaxConcurrentTransforms: maxConcurrentTransforms, MaxPayloadInMB: maxPayloadInMB }),
      ...(environment === undefined ? {} : { Environment: defineTexts(environment) }),
      ...given({ DataProcessing: dataProcessing }),
    };
    return this.defineWork('Transform', overlay(args, options.request), options);
  }
}

const given = (members: Readonly<Record<string, unknown>>): JsonObject => toJsonObject(members);

export interface EndpointConfigStepOptions extends WorkStepOptions {
  /** New in every execution, for instance with `executionVariables.pipelineExecutionId`; by default made of execution and step. */
  endpointConfigName?: Value<string>;
  variants: readonly VariantOptions[];
  /** Anything else of CreateEndpointConfig, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateEndpointConfig'>>;
}

export interface VariantOptions {
  /** `AllTraffic` by default. */
  name?: string;
  modelName: Value<string>;
  instanceType: Value<string>;
  instanceCount?: Value<number>;
  weight?: Value<number>;
}

/** Says what an endpoint is to serve: CreateEndpointConfig. */
export class EndpointConfigStep extends Step {
  readonly properties: Properties<OutputOf<'sagemaker:DescribeEndpointConfig'>>;
  readonly #options: EndpointConfigStepOptions;

  constructor(name: string, options: EndpointConfigStepOptions) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties(name);
  }

  define(): WorkStep {
    const { endpointConfigName, variants, request } = this.#options;
    const args = {
      ...given({ EndpointConfigName: endpointConfigName }),
      ProductionVariants: variants.map(({ name = 'AllTraffic', modelName, instanceType, instanceCount = 1, weight = 1 }) =>
        given({
          ModelName: modelName,
          VariantName: name,
          InitialVariantWeight: weight,
          InitialInstanceCount: instanceCount,
          InstanceType: instanceType,
        }),
      ),
    };
    return this.defineWork('EndpointConfig', overlay(args, request), this.#options);
  }
}

export interface EndpointStepOptions extends StepOptions, Pick<WorkStepOptions, 'cacheConfig'> {
  endpointName: Value<string>;
  /** Usually `config.properties.EndpointConfigName`. */
  endpointConfigName: Value<string>;
  /** Anything else of CreateEndpoint, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateEndpoint'>>;
}

/** Creates an endpoint, or updates the one that has the name, and waits until it serves. */
export class EndpointStep extends Step {
  readonly properties: Properties<OutputOf<'sagemaker:DescribeEndpoint'>>;
  readonly #options: EndpointStepOptions;

  constructor(name: string, options: EndpointStepOptions) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties(name);
  }

  define(): WorkStep {
    const { endpointName, endpointConfigName, request } = this.#options;
    const args = given({ EndpointName: endpointName, EndpointConfigName: endpointConfigName });
    return this.defineWork('Endpoint', overlay(args, request), this.#options);
  }
}
