import type { ModelApprovalStatus, ModelMetrics } from '../src/contract/generated/sagemaker.ts';
import type { InputOf, OutputOf } from '../src/contract/operations.ts';
import type { JsonObject, WorkStep } from './definition/language.ts';
import { type Arguments, type Scalar, toJson, toJsonObject, type Value } from './expressions.ts';
import { createProperties, type Properties } from './properties.ts';
import { type Compilation, defineImage, defineTexts, type Image, overlay, Step, type WorkStepOptions } from './steps.ts';

/** The container that serves a model. */
export interface ModelContainerOptions {
  image: Image;
  /** The S3 URI of model.tar.gz, usually `train.modelData`. */
  modelData: Value<string>;
  environment?: Readonly<Record<string, Value<Scalar>>>;
}

function defineContainer(options: ModelContainerOptions, to: Compilation): JsonObject {
  return {
    Image: defineImage(options.image, to),
    ...(options.environment === undefined ? {} : { Environment: defineTexts(options.environment) }),
    ModelDataUrl: to.assets.locate(options.modelData),
  };
}

export interface RegisterModelStepOptions extends WorkStepOptions, ModelContainerOptions {
  modelPackageGroupName: Value<string>;
  /** `PendingManualApproval` by default: somebody approves before it is served. */
  approvalStatus?: Value<ModelApprovalStatus> | Value<string>;
  contentTypes: readonly Value<string>[];
  responseTypes: readonly Value<string>[];
  inferenceInstanceTypes?: readonly Value<string>[];
  transformInstanceTypes?: readonly Value<string>[];
  description?: string;
  modelMetrics?: Arguments<ModelMetrics>;
  customerMetadata?: Readonly<Record<string, Value<Scalar>>>;
  /** Anything else of CreateModelPackage, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateModelPackage'>>;
}

/** Registers a version of a model in a group: CreateModelPackage. */
export class RegisterModelStep extends Step {
  readonly properties: Properties<OutputOf<'sagemaker:DescribeModelPackage'>>;
  readonly #options: RegisterModelStepOptions;

  constructor(name: string, options: RegisterModelStepOptions) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties(name);
  }

  define(to: Compilation): WorkStep {
    const options = this.#options;
    const { inferenceInstanceTypes, transformInstanceTypes, modelMetrics, customerMetadata } = options;
    const args: JsonObject = {
      ModelPackageGroupName: toJson(options.modelPackageGroupName),
      InferenceSpecification: {
        Containers: [defineContainer(options, to)],
        SupportedContentTypes: toJson(options.contentTypes),
        SupportedResponseMIMETypes: toJson(options.responseTypes),
        ...(inferenceInstanceTypes ? { SupportedRealtimeInferenceInstanceTypes: toJson(inferenceInstanceTypes) } : {}),
        ...(transformInstanceTypes ? { SupportedTransformInstanceTypes: toJson(transformInstanceTypes) } : {}),
      },
      ModelApprovalStatus: toJson(options.approvalStatus ?? 'PendingManualApproval'),
      SkipModelValidation: 'None',
      ...(modelMetrics === undefined ? {} : { ModelMetrics: toJsonObject(modelMetrics) }),
      ...(customerMetadata === undefined ? {} : { CustomerMetadataProperties: defineTexts(customerMetadata) }),
    };
    return this.defineWork('RegisterModel', overlay(args, options.request), options);
  }
}

export interface ModelStepOptions extends WorkStepOptions, ModelContainerOptions {
  role?: Value<string>;
  /** Anything else of CreateModel, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateModel'>>;
}

/** Makes a model that an endpoint or a transform job can serve: CreateModel. */
export class ModelStep extends Step {
  readonly properties: Properties<OutputOf<'sagemaker:DescribeModel'>>;
  readonly #options: ModelStepOptions;

  constructor(name: string, options: ModelStepOptions) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties(name);
  }

  define(to: Compilation): WorkStep {
    const options = this.#options;
    const args: JsonObject = {
      ExecutionRoleArn: toJson(options.role ?? to.role),
      PrimaryContainer: defineContainer(options, to),
    };
    return this.defineWork('Model', overlay(args, options.request), options);
  }
}
