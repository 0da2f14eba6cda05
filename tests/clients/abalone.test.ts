import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { clientEnvironment } from '../harness/client-program.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const SEED = join(import.meta.dirname, 'seeds/abalone');
const DATA = resolve(import.meta.dirname, '../../examples/abalone/abalone.csv');
const BUCKET = 'sagemaker-us-east-1-123456789012';
const PIPELINE = 'AbalonePipelineTestPrintName';

type Json = { [member: string]: unknown };

suite('the Abalone pipeline, with the SageMaker SDK under slipway exec, and with the TypeScript SDK', () => {
  let server: TestServer;
  let aws: AwsClient;
  before(async () => {
    server = await startServer();
    aws = new AwsClient(optionsOf(server));
  });
  after(() => server.stop());

  const definition = async (): Promise<Json> =>
    JSON.parse((await aws.call('sagemaker:DescribePipeline', { PipelineName: PIPELINE })).PipelineDefinition ?? '') as Json;
  const predictions = async (): Promise<string> => (await aws.get(BUCKET, 'AbaloneTransform/test.csv.out')).toString();
  let authored: Json;
  let predicted: string;

  test('every step runs, the name is recorded, held-out rows are predicted well', async () => {
    const environment = { ...process.env, PATH: `${join(await clientEnvironment(), 'bin')}:${process.env['PATH']}` };
    const program = ['python3', join(SEED, 'hello_sagemaker_workflow.py'), DATA];
    const { code, stdout, stderr } = await slipway(['exec', '--data', server.folder, '--', ...program], { env: environment });
    assert.equal(code, 0, `${stdout}\n${stderr}\n${server.log().slice(-3000)}`);
    assert.deepEqual(stdout.match(/^\w+: Succeeded$/gm)?.sort(), [
      'AbaloneCreateModel: Succeeded',
      'AbaloneProcess: Succeeded',
      'AbaloneTrain: Succeeded',
      'AbaloneTransform: Succeeded',
      'LambdaRecordModelNameToParameterStore: Succeeded',
    ]);
    assert.match(stdout, /^recorded True True$/m);
    const [, error = '', rows] = /^test MSE ([\d.]+) over (\d+) rows$/m.exec(stdout) ?? [];
    assert.equal(rows, '627');
    assert.ok(Number(error) < 6, `MSE ${error}`);
    authored = await definition();
    predicted = await predictions();
  });

  test('authored in TypeScript it means the same and gives the same', async () => {
    const file = join(import.meta.dirname, 'typescript/abalone.ts');
    const { code, stdout, stderr } = await slipway(['run', file, '--wait', '--data', server.folder]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.deepEqual(meaning(await definition()), meaning(authored));
    assert.equal(await predictions(), predicted);
  });
});

/** What a definition says beyond whose account an image is in, where code was uploaded to, and what is said by saying nothing. */
function meaning(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => meaning(item));
  if (typeof value === 'string') {
    if (name === 'TrainingImage' || name === 'Image' || name === 'ImageUri') return value.replace(/^.*\//, '');
    return /^s3:\/\/.*\/preprocessing\.py$/.test(value) ? 'the uploaded script' : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([member, given]) =>
      !['DebugHookConfig', 'ProfilerConfig'].includes(member) &&
      !(member === 'Environment' && Object.keys(given as Json).length === 0),
  );
  return Object.fromEntries(kept.map(([member, given]) => [member, meaning(given, member)]));
}
