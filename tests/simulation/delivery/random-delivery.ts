import type { ActionDeclaration, PipelineDeclaration, StageDeclaration } from '../../../src/contract/generated/codepipeline.ts';
import type { Random } from '../random.ts';
import { OUTCOME_MEMBER } from '../workload/outcomes.ts';
import { SURROUNDINGS } from '../workload/step-shapes.ts';

/** What stands ready for delivery pipelines to name, besides what `SURROUNDINGS` lists. */
export const SOURCES = { bucket: 'sim-sources', artifacts: 'sim-artifacts', keys: ['a.zip', 'b.zip'] } as const;
export const MODEL_PIPELINE = 'sim-model-pipeline';
export const MODEL_PACKAGE = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/delivered/1';
export const ENDPOINTS = ['live-a', 'live-b'];
/** Stages of all pipelines bear these, so that versions of one share their lines. */
const STAGES = ['One', 'Two', 'Three'];

/** What somebody is to answer who works on a function's job; it stands in what the function is given. */
const SUCCESSES = Array.from({ length: 8 }, () => 'success' as const);
export type JobAnswer = 'success' | 'failure' | 'continue' | 'never';

/** Written out with all defaults, so that what is read back is the same but for its version. */
export function randomDelivery(random: Random, name: string): PipelineDeclaration {
  const isV2 = random.chance(0.75);
  const variables = isV2 ? [{ name: 'Flavor', ...(random.chance(0.85) && { defaultValue: 'plain' }) }] : [];
  const names = STAGES.filter((_, at) => at === 0 || random.chance(0.6));
  const executionMode = isV2 ? random.pick(['SUPERSEDED', 'QUEUED', 'QUEUED', 'PARALLEL'] as const) : 'SUPERSEDED';
  const draw = new Draw(random, isV2, executionMode !== 'PARALLEL');
  return {
    name,
    roleArn: SURROUNDINGS.roleArn,
    artifactStore: { type: 'S3', location: SOURCES.artifacts },
    stages: [draw.sources(), ...names.map((stage) => draw.stage(stage))],
    executionMode,
    pipelineType: isV2 ? 'V2' : 'V1',
    ...(variables.length > 0 && { variables }),
  };
}

/** Draws the stages of one pipeline in their order; knows what those behind may refer to. */
class Draw {
  readonly #random: Random;
  readonly #isV2: boolean;
  /** Others cannot be rolled back. */
  readonly #takesTurns: boolean;
  /** References that have a value, should what gives it say so. */
  readonly #references: string[];
  #count = 0;

  constructor(random: Random, isV2: boolean, takesTurns: boolean) {
    this.#takesTurns = takesTurns;
    this.#random = random;
    this.#isV2 = isV2;
    this.#references = ['#{codepipeline.PipelineExecutionId}', ...(isV2 ? ['#{variables.Flavor}'] : [])];
  }

  sources(): StageDeclaration {
    const random = this.#random;
    const keys = random.chance(0.25) ? SOURCES.keys : [random.pick(SOURCES.keys)];
    const polls = random.chance(0.35);
    const actions = keys.map((key, at): ActionDeclaration => {
      const namespace = random.chance(0.5) ? `Origin${at}` : undefined;
      if (namespace) this.#references.push(`#{${namespace}.VersionId}`);
      return {
        name: `Source${at}`,
        actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' },
        runOrder: 1,
        configuration: { S3Bucket: SOURCES.bucket, S3ObjectKey: key, PollForSourceChanges: String(polls) },
        inputArtifacts: [],
        outputArtifacts: [{ name: `Files${at}` }],
        ...(namespace && { namespace }),
      };
    });
    return { name: 'Source', actions, ...(this.#isV2 && random.chance(0.1) && { onFailure: { result: 'RETRY' } }) };
  }

  stage(name: string): StageDeclaration {
    const random = this.#random;
    const orders = random.pick([[1], [1], [1, 1], [1, 2], [1, 1, 2], [2, 5]]);
    const references = [...this.#references];
    const actions = orders.map((runOrder): ActionDeclaration => {
      this.#count += 1;
      // of two that run at once neither may refer to the other
      const known = runOrder === orders[0] ? references : [...this.#references];
      return { name: `Do${this.#count}`, runOrder, inputArtifacts: [], outputArtifacts: [], ...this.#action(known) };
    });
    return { name, actions, ...(this.#isV2 && random.chance(0.5) && { onFailure: this.#onFailure() }) };
  }

  #onFailure(): NonNullable<StageDeclaration['onFailure']> {
    const back = this.#takesTurns ? ('ROLLBACK' as const) : ('FAIL' as const);
    const result = this.#random.pick(['RETRY', 'RETRY', back, back, back, 'SKIP'] as const);
    if (result !== 'RETRY' || this.#random.chance(0.3)) return { result };
    return { result, retryConfiguration: { retryMode: this.#random.pick(['FAILED_ACTIONS', 'ALL_ACTIONS']) } };
  }

  #action(references: readonly string[]): Pick<ActionDeclaration, 'actionTypeId' | 'configuration'> & Partial<ActionDeclaration> {
    const random = this.#random;
    const kind = random.pick(['approval', 'approval', 'function', 'function', 'function', 'model pipeline', 'endpoint']);
    if (kind === 'approval') {
      return {
        actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' },
        configuration: { CustomData: `look at ${random.pick(references)}` },
        ...(random.chance(0.3) && { timeoutInMinutes: random.pick([5, 60]) }),
      };
    }
    if (kind === 'function') return this.#function(references);
    if (kind === 'model pipeline') {
      const Outcome = random.pick(['ok', 'ok', 'ok', 'fail']);
      return {
        actionTypeId: { category: 'Invoke', owner: 'AWS', provider: 'SageMakerPipeline', version: '1' },
        configuration: { PipelineName: MODEL_PIPELINE, PipelineParameters: JSON.stringify({ Outcome }) },
      };
    }
    return {
      actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'SageMakerEndpoint', version: '1' },
      configuration: {
        EndpointName: random.pick(ENDPOINTS),
        ModelPackageArn: MODEL_PACKAGE,
        ExecutionRoleArn: SURROUNDINGS.roleArn,
      },
    };
  }

  #function(
    references: readonly string[],
  ): Pick<ActionDeclaration, 'actionTypeId' | 'configuration'> & Partial<ActionDeclaration> {
    const random = this.#random;
    const answer: JobAnswer = random.pick([...SUCCESSES, 'failure', 'continue', 'continue', 'never']);
    const outcome = random.pick([...Array.from({ length: 18 }, () => 'ok'), 'fail', 'oom']);
    const namespace = random.chance(0.4) ? `Told${this.#count}` : undefined;
    const parameters = { [OUTCOME_MEMBER]: outcome, answer, about: random.pick(references) };
    // what it refers to is drawn before it may be referred to itself
    if (namespace) this.#references.push(`#{${namespace}.Found}`);
    return {
      actionTypeId: { category: 'Invoke', owner: 'AWS', provider: 'Lambda', version: '1' },
      configuration: { FunctionName: 'sim', UserParameters: JSON.stringify(parameters) },
      ...(random.chance(0.4) && { inputArtifacts: [{ name: 'Files0' }] }),
      ...(namespace && { namespace }),
    };
  }
}
