import type { ProcessingInstanceType } from '../src/contract/generated/sagemaker.ts';
import type { InputOf, OutputOf } from '../src/contract/operations.ts';
import { baseName } from './assets.ts';
import type { Json, JsonObject, WorkStep } from './definition/language.ts';
import { type Arguments, createExpression, type Expression, type Scalar, toJson, toText, type Value } from './expressions.ts';
import { createProperties, type Properties } from './properties.ts';
import { type Compilation, defineImage, defineTexts, type Image, overlay, Step, type WorkStepOptions } from './steps.ts';

type Describe = OutputOf<'sagemaker:DescribeProcessingJob'>;
type ProcessingOutput = NonNullable<Describe['ProcessingOutputConfig']>['Outputs'][number];

/** The Describe answer, whose outputs are known by the names the program gives them. */
export type ProcessingProperties<O extends string> = Omit<Properties<Describe>, 'ProcessingOutputConfig'> & {
  readonly ProcessingOutputConfig: Expression<unknown> & {
    readonly Outputs: Expression<unknown> & { readonly [name in O]: Properties<ProcessingOutput> };
  };
};

export interface ProcessingInputOptions {
  /** An S3 URI, an expression, or the path of a local file or folder. */
  source: Value<string>;
  /** Where the job finds it; `/opt/ml/processing/input/<name>` by default. */
  path?: string;
  distribution?: 'FullyReplicated' | 'ShardedByS3Key';
}

export interface ProcessingOutputOptions {
  /** What the job writes there is uploaded. */
  path: string;
  /** Where to; a prefix of the execution's own in the pipeline's bucket by default. */
  uri?: Value<string>;
  uploadMode?: 'EndOfJob' | 'Continuous';
}

export interface ProcessingStepOptions<O extends string, F extends string> extends WorkStepOptions {
  image: Image;
  /** A local script, or a local folder and the script in it; what runs in the image as it is when absent. */
  code?: string | { folder: string; entryPoint: string };
  /** What runs the script. */
  command?: readonly string[];
  arguments?: readonly Value<Scalar>[];
  instanceType: Value<ProcessingInstanceType | (string & {})>;
  instanceCount?: Value<number>;
  volumeSizeInGB?: Value<number>;
  /** By input name: a source, or a source and where the job finds it. */
  inputs?: Readonly<Record<string, Value<string> | ProcessingInputOptions>>;
  /** By output name: the path the job writes to, or more. */
  outputs?: Readonly<Record<O, string | ProcessingOutputOptions>>;
  /** JSON files that later steps read with `jsonGet`, by name: the output they are in and their path there. */
  propertyFiles?: Readonly<Record<F, { outputName: NoInfer<O>; path: string }>>;
  environment?: Readonly<Record<string, Value<Scalar>>>;
  role?: Value<string>;
  maxRuntimeInSeconds?: Value<number>;
  /** Anything else of CreateProcessingJob, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateProcessingJob'>>;
}

const codeFolder = '/opt/ml/processing/input/code';

/** Runs a container over data: CreateProcessingJob. */
export class ProcessingStep<const O extends string = never, const F extends string = never> extends Step {
  readonly properties: ProcessingProperties<O>;
  /** The S3 URIs of the outputs: short for `properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri`. */
  readonly outputs: { readonly [name in O]: Expression<string> };
  /** The names of the property files, for `jsonGet`. */
  readonly propertyFiles: readonly F[];
  readonly #options: ProcessingStepOptions<O, F>;

  constructor(name: string, options: ProcessingStepOptions<O, F>) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties<Describe>(name) as unknown as ProcessingProperties<O>;
    const { Outputs } = this.properties.ProcessingOutputConfig;
    const names = Object.keys(options.outputs ?? {}) as O[];
    const uris = names.map((output): [O, Expression<string>] => [output, Outputs[output].S3Output.S3Uri]);
    this.propertyFiles = Object.keys(options.propertyFiles ?? {}) as F[];
    this.outputs = Object.fromEntries(uris) as { readonly [output in O]: Expression<string> };
  }

  define(to: Compilation): WorkStep {
    const options = this.#options;
    const args: JsonObject = {
      ProcessingResources: {
        ClusterConfig: {
          InstanceType: toJson(options.instanceType),
          InstanceCount: toJson(options.instanceCount ?? 1),
          VolumeSizeInGB: toJson(options.volumeSizeInGB ?? 30),
        },
      },
      AppSpecification: this.#defineApplication(to),
      RoleArn: toJson(options.role ?? to.role),
      ...this.#defineInputs(to),
      ...this.#defineOutputs(to),
      ...(options.environment === undefined ? {} : { Environment: defineTexts(options.environment) }),
      ...(options.maxRuntimeInSeconds === undefined
        ? {}
        : { StoppingCondition: { MaxRuntimeInSeconds: toJson(options.maxRuntimeInSeconds) } }),
    };
    const files = Object.entries<{ outputName: O; path: string }>(options.propertyFiles ?? {});
    const propertyFiles = files.map(([name, { outputName, path }]) => ({
      PropertyFileName: name,
      OutputName: outputName,
      FilePath: path,
    }));
    return {
      ...this.defineWork('Processing', overlay(args, options.request), options),
      ...(propertyFiles.length === 0 ? {} : { PropertyFiles: propertyFiles }),
    };
  }

  #defineApplication(to: Compilation): JsonObject {
    const { image, code, command, arguments: args } = this.#options;
    const script = code === undefined ? undefined : typeof code === 'string' ? baseName(code) : code.entryPoint;
    const entryPoint = script === undefined ? command : [...(command ?? ['python3']), `${codeFolder}/${script}`];
    return {
      ImageUri: defineImage(image, to),
      ...(args?.length ? { ContainerArguments: args.map(toText) } : {}),
      ...(entryPoint?.length ? { ContainerEntrypoint: [...entryPoint] } : {}),
    };
  }

  #defineInputs(to: Compilation): JsonObject {
    const { inputs = {}, code } = this.#options;
    const list = Object.entries(inputs).map(([name, input]) => {
      const { source, path, distribution } = isInputOptions(input) ? input : { source: input };
      return defineInput(name, to.assets.locate(source), path ?? `/opt/ml/processing/input/${name}`, distribution);
    });
    if (code !== undefined) {
      list.push(defineInput('code', to.assets.locate(typeof code === 'string' ? code : code.folder), codeFolder));
    }
    return list.length === 0 ? {} : { ProcessingInputs: list };
  }

  #defineOutputs(to: Compilation): JsonObject {
    const entries = Object.entries<string | ProcessingOutputOptions>(this.#options.outputs ?? {});
    const list = entries.map(([name, output]): Json => {
      const { path, uri, uploadMode }: ProcessingOutputOptions = typeof output === 'string' ? { path: output } : output;
      return {
        OutputName: name,
        AppManaged: false,
        S3Output: {
          S3Uri: uri === undefined ? this.#defaultUri(to, name) : toJson(uri),
          LocalPath: path,
          S3UploadMode: uploadMode ?? 'EndOfJob',
        },
      };
    });
    return list.length === 0 ? {} : { ProcessingOutputConfig: { Outputs: list } };
  }

  /** The Python SDK's place for outputs without one: no two executions share it. */
  #defaultUri(to: Compilation, output: string): Json {
    const execution = { Get: 'Execution.PipelineExecutionId' };
    return {
      'Std:Join': { On: '/', Values: ['s3:/', to.bucket, to.pipelineName, execution, this.name, 'output', output] },
    };
  }
}

function isInputOptions(input: Value<string> | ProcessingInputOptions): input is ProcessingInputOptions {
  return typeof input === 'object' && Object.hasOwn(input, 'source');
}

function defineInput(name: string, uri: Json, path: string, distribution = 'FullyReplicated'): Json {
  return {
    InputName: name,
    AppManaged: false,
    S3Input: {
      S3Uri: uri,
      LocalPath: path,
      S3DataType: 'S3Prefix',
      S3InputMode: 'File',
      S3DataDistributionType: distribution,
      S3CompressionType: 'None',
    },
  };
}

/** `Std:JsonGet`: a value of a property file of a processing step, by its path in the file (`metrics.accuracy.value`). */
export function jsonGet<F extends string>(
  step: { readonly name: string; readonly propertyFiles: readonly F[] },
  propertyFile: NoInfer<F>,
  path: string,
): Expression<Scalar> {
  const file = { Get: `Steps.${step.name}.PropertyFiles.${propertyFile}` };
  return createExpression(() => ({ 'Std:JsonGet': { PropertyFile: file, Path: path } }));
}
