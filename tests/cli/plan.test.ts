import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseCacheMode } from '../../src/cli/cache-mode.ts';
import { callJson, putObject } from '../../src/cli/client.ts';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { hasEnded, stepsOf, type StepSummary } from '../../src/cli/execution-watch.ts';
import { planDefinition } from '../../src/cli/verbs/plan.ts';
import { pause } from '../../src/cli/wait.ts';
import { startServer } from '../harness/server.ts';

const ROUNDS = 24;
const NAME = 'planned';
const BUCKET = 'sagemaker-us-east-1-123456789012';
const ROLE = 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole';
const STEPS = ['A', 'B', 'C', 'D', 'E'];

/** What a round may change of a step. */
interface Variant {
  readonly cached: boolean;
  readonly variable: string;
  /** In no key. */
  readonly seconds: number;
  /** Where its input comes from: data, another step, or an address new in every execution. */
  readonly source: string;
}

function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function stepOf(name: string, { cached, variable, seconds, source }: Variant): object {
  const outputOf = (step: string) => ({ Get: `Steps.${step}.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri` });
  const S3Uri = source === 'data' ? `s3://${BUCKET}/plan-data/${name}` : source === 'new' ? placeOf('in') : outputOf(source);
  const text = { S3DataType: 'S3Prefix', S3InputMode: 'File' };
  return {
    Name: name,
    Type: 'Processing',
    ...(cached && { CacheConfig: { Enabled: true, ExpireAfter: 'P1D' } }),
    Arguments: {
      RoleArn: ROLE,
      ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
      AppSpecification: {
        ImageUri: 'python:3.11',
        ContainerEntrypoint: ['python3', '-c', "open('/opt/ml/processing/o/x', 'w')"],
      },
      Environment: { V: variable, P: { Get: 'Parameters.P' } },
      StoppingCondition: { MaxRuntimeInSeconds: seconds },
      // an address under which nothing lies is no input of a job that runs
      ...(source !== 'new' && {
        ProcessingInputs: [{ InputName: 'i', S3Input: { S3Uri, LocalPath: '/opt/ml/processing/i', ...text } }],
      }),
      ...(source === 'new' && { Environment: { V: variable, NEW: S3Uri } }),
      ProcessingOutputConfig: {
        Outputs: [
          { OutputName: 'o', S3Output: { S3Uri: placeOf(name), LocalPath: '/opt/ml/processing/o', S3UploadMode: 'EndOfJob' } },
        ],
      },
    },
  };
}

const placeOf = (name: string) => ({
  'Std:Join': { On: '/', Values: [`s3://${BUCKET}/plan-out`, { Get: 'Execution.PipelineExecutionId' }, name] },
});

const definitionOf = (variants: readonly Variant[]) =>
  JSON.stringify({
    Version: '2020-12-01',
    Parameters: [{ Name: 'P', Type: 'String', DefaultValue: '1' }],
    Steps: variants.map((variant, at) => stepOf(STEPS[at] ?? '', variant)),
  });

async function run(connection: Connection, given: { Name: string; Value: string }[]): Promise<StepSummary[]> {
  const { PipelineExecutionArn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: NAME,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: given,
  });
  for (;;) {
    const execution = await callJson(connection, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn });
    if (!hasEnded(execution)) await pause(20);
    else if (execution.PipelineExecutionStatus === 'Succeeded') return stepsOf(connection, PipelineExecutionArn);
    else throw new Error(execution.FailureReason);
  }
}

test('what is planned happens: pipelines changed at random, in both modes of the cache', async () => {
  const server = await startServer();
  const seen = { hit: 0, miss: 0, off: 0, unknown: 0 };
  try {
    const connection = await connect(server.folder);
    const next = random(20_261_121);
    const write = (step: string) => putObject(connection, BUCKET, `plan-data/${step}/x`, Buffer.from(String(next(3))));
    for (const step of STEPS) await write(step);
    const variants: Variant[] = STEPS.map((_, at) => ({
      cached: at !== 4,
      variable: '1',
      seconds: 600,
      source: at % 2 === 0 ? 'data' : (STEPS[at - 1] ?? ''),
    }));
    await callJson(connection, 'sagemaker:CreatePipeline', {
      PipelineName: NAME,
      RoleArn: ROLE,
      PipelineDefinition: definitionOf(variants),
      ClientRequestToken: crypto.randomUUID(),
    });
    for (let round = 0; round < ROUNDS; round++) {
      for (let changes = next(2); changes > 0; changes--) {
        const at = next(STEPS.length);
        const sources = ['data', 'data', 'data', 'new', ...STEPS.slice(0, at)];
        const change = [
          { cached: next(2) > 0 },
          { variable: String(next(3)) },
          { seconds: 600 + next(3) },
          { source: sources[next(sources.length)] },
        ][next(4)];
        variants[at] = { ...variants[at], ...change } as Variant;
      }
      if (next(3) === 0) await write(STEPS[next(STEPS.length)] ?? '');
      if (next(5) === 0) await chooseCacheMode(connection, NAME, next(2) === 0 ? 'content' : 'documented');
      const given = [{ Name: 'P', Value: next(5) === 0 ? '2' : '1' }];
      const definition = definitionOf(variants);
      await callJson(connection, 'sagemaker:UpdatePipeline', { PipelineName: NAME, PipelineDefinition: definition });
      const { steps: planned } = await planDefinition(connection, NAME, definition, given);
      const happened = new Map((await run(connection, given)).map((step) => [step.StepName, step]));
      for (const { name, verdict, executionArn, reason } of planned) {
        const source = happened.get(name)?.CacheHitResult?.SourcePipelineExecutionArn;
        const text = `round ${round}, ${name}: ${verdict} ${reason} ${executionArn}, but took ${source}`;
        if (verdict === 'hit') assert.equal(source, executionArn, text);
        else if (verdict !== 'unknown') assert.equal(source, undefined, text);
        seen[verdict as keyof typeof seen]++;
      }
    }
  } finally {
    await server.stop();
  }
  assert.ok(seen.hit > 10 && seen.miss > 10 && seen.off > 5 && seen.unknown > 5, JSON.stringify(seen));
});
