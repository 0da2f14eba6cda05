import type { TrainingInstanceType } from '../src/contract/generated/sagemaker.ts';
import type { InputOf, OutputOf } from '../src/contract/operations.ts';
import { baseName } from './assets.ts';
import type { Json, JsonObject, WorkStep } from './definition/language.ts';
import {
  type Arguments,
  createExpression,
  type Expression,
  isExpression,
  type Scalar,
  toJson,
  toText,
  type Value,
} from './expressions.ts';
import { createProperties, type Properties } from './properties.ts';
import { type Compilation, defineImage, defineTexts, type Image, overlay, Step, type WorkStepOptions } from './steps.ts';

type Describe = OutputOf<'sagemaker:DescribeTrainingJob'>;

export interface ChannelOptions {
  /** An S3 URI, an expression, or the path of a local file or folder. */
  source: Value<string>;
  contentType?: Value<string>;
  inputMode?: 'File' | 'FastFile' | 'Pipe';
  distribution?: 'FullyReplicated' | 'ShardedByS3Key';
}

export interface TrainingStepOptions extends WorkStepOptions {
  image: Image;
  instanceType: Value<TrainingInstanceType | (string & {})>;
  instanceCount?: Value<number>;
  volumeSizeInGB?: Value<number>;
  /** By channel name: a source, or a source and how it is read. */
  channels?: Readonly<Record<string, Value<string> | ChannelOptions>>;
  hyperParameters?: Readonly<Record<string, Value<Scalar> | undefined>>;
  /** Script mode of the framework images: a local script, or a local folder and the script in it. */
  script?: string | { folder: string; entryPoint: string };
  /** Metrics read from the log, by name: a regular expression with one group. */
  metricDefinitions?: Readonly<Record<string, string>>;
  /** Where model.tar.gz goes, below a prefix named after the job; the pipeline's bucket by default. */
  outputPath?: Value<string>;
  inputMode?: 'File' | 'FastFile' | 'Pipe';
  environment?: Readonly<Record<string, Value<Scalar>>>;
  role?: Value<string>;
  maxRuntimeInSeconds?: Value<number>;
  /** Anything else of CreateTrainingJob, in its own words; laid over the rest. */
  request?: Arguments<InputOf<'sagemaker:CreateTrainingJob'>>;
}

/** Trains a model: CreateTrainingJob. */
export class TrainingStep extends Step {
  readonly properties: Properties<Describe>;
  readonly #options: TrainingStepOptions;

  constructor(name: string, options: TrainingStepOptions) {
    super(name, options);
    this.#options = options;
    this.properties = createProperties<Describe>(name);
  }

  /** The S3 URI of model.tar.gz: short for `properties.ModelArtifacts.S3ModelArtifacts`. */
  get modelData(): Expression<string> {
    return this.properties.ModelArtifacts.S3ModelArtifacts;
  }

  /** The last value of a metric: short for `properties.FinalMetricDataList[name].Value`. */
  metric(name: string): Expression<number> {
    return createExpression(() => ({ Get: `Steps.${this.name}.FinalMetricDataList['${name}'].Value` }));
  }

  define(to: Compilation): WorkStep {
    const options = this.#options;
    const hyperParameters = { ...this.#defineHyperParameters(), ...this.#defineScript(to) };
    const channels = Object.entries(options.channels ?? {}).map(([name, channel]) => defineChannel(name, channel, to));
    const metrics = Object.entries(options.metricDefinitions ?? {}).map(([Name, Regex]): Json => ({ Name, Regex }));
    const args: JsonObject = {
      AlgorithmSpecification: {
        TrainingInputMode: options.inputMode ?? 'File',
        TrainingImage: defineImage(options.image, to),
        ...(metrics.length === 0 ? {} : { MetricDefinitions: metrics }),
      },
      OutputDataConfig: { S3OutputPath: toJson(options.outputPath ?? `s3://${to.bucket}/`) },
      StoppingCondition: { MaxRuntimeInSeconds: toJson(options.maxRuntimeInSeconds ?? 86_400) },
      ResourceConfig: {
        VolumeSizeInGB: toJson(options.volumeSizeInGB ?? 30),
        InstanceCount: toJson(options.instanceCount ?? 1),
        InstanceType: toJson(options.instanceType),
      },
      RoleArn: toJson(options.role ?? to.role),
      ...(channels.length === 0 ? {} : { InputDataConfig: channels }),
      ...(Object.keys(hyperParameters).length === 0 ? {} : { HyperParameters: hyperParameters }),
      ...(options.environment === undefined ? {} : { Environment: defineTexts(options.environment) }),
    };
    return this.defineWork('Training', overlay(args, options.request), options);
  }

  /** The framework images read each hyperparameter as JSON, so text is quoted for them; built-in algorithms take it plain. */
  #defineHyperParameters(): JsonObject {
    const isScript = this.#options.script !== undefined;
    const given = Object.entries(this.#options.hyperParameters ?? {});
    return Object.fromEntries(
      given.flatMap(([name, value]): [string, Json][] => {
        if (value === undefined) return [];
        return [[name, isScript && typeof value === 'string' && !isExpression(value) ? JSON.stringify(value) : toText(value)]];
      }),
    );
  }

  #defineScript(to: Compilation): JsonObject {
    const { script } = this.#options;
    if (script === undefined) return {};
    const folder = typeof script === 'string' ? script : script.folder;
    const program = typeof script === 'string' ? baseName(script) : script.entryPoint;
    return {
      sagemaker_submit_directory: JSON.stringify(to.assets.add(folder, 'tar.gz', 'sourcedir.tar.gz')),
      sagemaker_program: JSON.stringify(program),
      sagemaker_container_log_level: '20',
      sagemaker_region: JSON.stringify(to.region),
    };
  }
}

function defineChannel(name: string, channel: Value<string> | ChannelOptions, to: Compilation): Json {
  const options = typeof channel === 'object' && Object.hasOwn(channel, 'source') ? (channel as ChannelOptions) : undefined;
  const source = options?.source ?? (channel as Value<string>);
  return {
    DataSource: {
      S3DataSource: {
        S3DataType: 'S3Prefix',
        S3Uri: to.assets.locate(source),
        S3DataDistributionType: options?.distribution ?? 'FullyReplicated',
      },
    },
    ...(options?.contentType === undefined ? {} : { ContentType: toJson(options.contentType) }),
    ...(options?.inputMode === undefined ? {} : { InputMode: options.inputMode }),
    ChannelName: name,
  };
}
