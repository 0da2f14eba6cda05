import { AssetList, type CompiledPipeline } from './assets.ts';
import { DEFINITION_VERSION } from './definition/language.ts';
import type { Parameter } from './parameters.ts';
import type { Step } from './steps.ts';

export interface PipelineOptions {
  description?: string;
  parameters?: readonly Parameter[];
  steps: readonly Step[];
}

export interface CompileOptions {
  region: string;
  /** Where assets and outputs without a place of their own go. */
  bucket: string;
  /** The ARN of the role of jobs and models that name none. */
  role: string;
}

/** A pipeline as a program writes it. */
export class Pipeline {
  readonly name: string;
  readonly description: string | undefined;
  readonly #options: PipelineOptions;

  constructor(name: string, options: PipelineOptions) {
    this.name = name;
    this.description = options.description;
    this.#options = options;
  }

  /**
   * The definition, and what has to be uploaded for it. The same program and options always give the same result; nothing is read, sent
   * or looked up.
   */
  compile(options: CompileOptions): CompiledPipeline {
    const assets = new AssetList(`s3://${options.bucket}/${this.name}/assets`);
    const to = { ...options, pipelineName: this.name, assets };
    return {
      name: this.name,
      ...(this.description === undefined ? {} : { description: this.description }),
      definition: {
        Version: DEFINITION_VERSION,
        Metadata: {},
        Parameters: (this.#options.parameters ?? []).map((parameter) => parameter.definition),
        PipelineExperimentConfig: {
          ExperimentName: { Get: 'Execution.PipelineName' },
          TrialName: { Get: 'Execution.PipelineExecutionId' },
        },
        Steps: this.#options.steps.map((step) => step.define(to)),
      },
      assets: assets.assets,
    };
  }
}
