import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { callJson, putObject } from '../../src/cli/client.ts';
import { connect } from '../../src/cli/connection.ts';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const CACHED = { CacheConfig: { Enabled: true, ExpireAfter: '30d' } };
const BUCKET = 'sagemaker-us-east-1-123456789012';
const PLACE = '/opt/ml/processing';

/** A processing step that runs a line of Python, and puts what it leaves in its `out` folder into S3. */
function python(name: string, code: string, extra: object = {}, args: object = {}) {
  const S3Uri = { 'Std:Join': { On: '/', Values: [`s3://${BUCKET}`, name, { Get: 'Execution.PipelineExecutionId' }] } };
  return {
    Name: name,
    Type: 'Processing',
    Arguments: {
      ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
      AppSpecification: { ImageUri: 'python:3.11', ContainerEntrypoint: ['python3', '-u', '-c', code] },
      RoleArn: 'arn:aws:iam::123456789012:role/SomeRole',
      ProcessingOutputConfig: {
        Outputs: [{ OutputName: 'out', S3Output: { S3Uri, LocalPath: `${PLACE}/out`, S3UploadMode: 'EndOfJob' } }],
      },
      ...args,
    },
    ...extra,
  };
}

const input = (S3Uri: unknown) => ({
  ProcessingInputs: [
    { InputName: 'in', S3Input: { S3Uri, LocalPath: `${PLACE}/in`, S3DataType: 'S3Prefix', S3InputMode: 'File' } },
  ],
});
const outputOf = (step: string) => ({ Get: `Steps.${step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri` });
const WRITE = `open('${PLACE}/out/value', 'w').write('7')`;
const COPY = `open('${PLACE}/out/value', 'w').write(open('${PLACE}/in/value').read())`;

interface Planned {
  readonly Steps: {
    readonly StepName: string;
    readonly Verdict: string;
    readonly Reason: string | null;
    readonly PipelineExecutionArn: string | null;
    readonly Differences: { readonly Attribute: string; readonly Before: unknown; readonly After: unknown }[];
    readonly OnlyIf: string | null;
  }[];
}

suite('cache, retry and resume by command line', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-cache-'));
  let server: TestServer;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: scratch });
  const write = (name: string, steps: object[], Parameters: object[] = []): string => {
    writeFileSync(join(scratch, name), JSON.stringify({ Version: '2020-12-01', Parameters, Steps: steps }));
    return name;
  };
  const plan = async (...args: string[]): Promise<Planned['Steps']> => {
    const { code, stdout, stderr } = await cli('plan', '--json', ...args);
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as Planned).Steps;
  };
  const verdicts = async (...args: string[]) =>
    Object.fromEntries((await plan(...args)).map((step) => [step.StepName, step.Verdict]));
  /** Runs to the end; which steps took their result from the cache. */
  const run = async (...args: string[]): Promise<{ id: string; hits: string[]; ran: string[] }> => {
    const { code, stderr, stdout } = await cli('run', '--wait', '--json', ...args);
    assert.equal(code, 0, stderr);
    const id = (JSON.parse(stdout) as { PipelineExecutionArn: string }).PipelineExecutionArn.split('/').at(-1)!;
    const steps = JSON.parse((await cli('steps', id, '--json')).stdout) as { StepName: string; CacheHitResult?: object }[];
    const named = (hit: boolean) =>
      steps.filter((step) => (step.CacheHitResult !== undefined) === hit).map(({ StepName }) => StepName);
    return { id, hits: named(true), ran: named(false) };
  };

  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const definition = (second: object = {}, condition: unknown = 1) => [
    python('Prepare', WRITE, CACHED),
    python('Train', COPY, CACHED, { ...input(outputOf('Prepare')), ...second }),
    python('Report', 'pass', { DependsOn: ['Train'] }),
    {
      Name: 'Check',
      Type: 'Condition',
      DependsOn: ['Train'],
      Arguments: {
        Conditions: [{ Type: 'Equals', LeftValue: condition, RightValue: 1 }],
        IfSteps: [python('Good', 'pass', CACHED)],
        ElseSteps: [python('Bad', 'pass', CACHED)],
      },
    },
  ];

  test('the plan says for every step what will happen and why; the run does just that', async () => {
    const file = write('p.json', definition());
    assert.deepEqual(await verdicts(file), {
      Prepare: 'miss',
      Train: 'unknown',
      Report: 'off',
      Check: 'decided',
      Good: 'miss',
      Bad: 'not-run',
    });
    const text = (await cli('plan', file)).stdout;
    assert.match(text, /Prepare +Processing +miss +no earlier run of the step left a result/);
    assert.match(text, /Train +Processing +not known before +depends on Prepare, which will run/);
    assert.match(text, /Report +Processing +runs +cache off/);
    const first = await run(file);
    assert.deepEqual(first.hits, []);
    const again = await plan('p');
    for (const { StepName, Verdict, PipelineExecutionArn } of again) {
      if (['Prepare', 'Train', 'Good'].includes(StepName)) {
        assert.deepEqual([Verdict, PipelineExecutionArn?.split('/').at(-1)], ['hit', first.id], StepName);
      }
    }
    const connection = await connect(server.folder);
    const place = `Good/${first.id}`;
    assert.doesNotMatch((await cli('plan', 'p')).stdout, /Train .*nothing lies any more/);
    assert.match(
      (await cli('plan', 'p')).stdout,
      new RegExp(`Good .* hit .*BUT nothing lies any more at s3://${BUCKET}/${place}`),
    );
    await putObject(connection, BUCKET, `${place}/something`, Buffer.from('1'));
    assert.doesNotMatch((await cli('plan', 'p')).stdout, /nothing lies any more/);
    const human = await cli('run', 'p', '--wait');
    assert.match(human.stdout, new RegExp(`Prepare +Succeeded +[\\d.]+s +cached, from ${first.id}`));
    assert.match(human.stdout, /Report +Succeeded/);

    write('p.json', definition({ Environment: { DEPTH: '4' } }));
    const changed = (await plan(file)).find(({ StepName }) => StepName === 'Train')!;
    assert.deepEqual([changed.Verdict, changed.PipelineExecutionArn?.split('/').at(-1)], ['miss', first.id]);
    assert.deepEqual(changed.Differences, [{ Attribute: 'Environment', Before: null, After: { DEPTH: '4' } }]);
    assert.deepEqual((await run(file)).hits, ['Prepare', 'Good']);
    write('p.json', definition({ Environment: { DEPTH: '5' } }));
    assert.match((await cli('plan', file)).stdout, /\nTrain:\n {2}Environment\.DEPTH: "4" -> "5"\n/);
    write('p.json', definition({ ...input({ Get: 'Execution.PipelineExecutionId' }) }));
    const unique = (await plan(file)).find(({ StepName }) => StepName === 'Train')!;
    assert.match(
      `${unique.Verdict} ${unique.Reason}`,
      /^miss ProcessingInputs names Execution\.PipelineExecutionId, which is new/,
    );
    write('p.json', definition({}, outputOf('Report')));
    const open = await plan(file);
    assert.match(open.find(({ StepName }) => StepName === 'Check')!.Reason!, /depends on Report, which will run/);
    assert.deepEqual(
      open.filter(({ OnlyIf }) => OnlyIf).map(({ StepName, Verdict, OnlyIf }) => [StepName, Verdict, OnlyIf]),
      [
        ['Good', 'hit', 'Check is True'],
        ['Bad', 'miss', 'Check is False'],
      ],
    );
    assert.equal((await cli('plan', 'absent')).code, 1);
    assert.equal((await cli('plan', 'absent.json')).code, 2);
  });

  test('a result is found however many executions took it since', async () => {
    const file = write('many.json', [python('Same', WRITE, CACHED)]);
    const first = await run(file);
    const connection = await connect(server.folder);
    for (let count = 0; count < 30; count++) {
      const input = { PipelineName: 'many', ClientRequestToken: crypto.randomUUID() };
      await callJson(connection, 'sagemaker:StartPipelineExecution', input);
    }
    const [same] = await plan('many');
    assert.deepEqual([same!.Verdict, same!.PipelineExecutionArn?.split('/').at(-1)], ['hit', first.id]);
    write('many.json', [python('Same', WRITE, CACHED, { Environment: { A: '1' } })]);
    assert.match((await cli('plan', file)).stdout, /Environment: \(absent\) -> \{"A":"1"\}[\s\S]*the 25 newest were looked at/);
  });

  test('content mode: chosen by run --cache content, planned exactly, never stale', async () => {
    const connection = await connect(server.folder);
    const put = (text: string) => putObject(connection, BUCKET, 'data & more/value', Buffer.from(text));
    await put('1');
    const file = write('c.json', [python('Read', COPY, CACHED, input(`s3://${BUCKET}/data & more/value`))]);
    const spaced = write('c.json', [python('Read', COPY, CACHED, input(`s3://${BUCKET}/data`))]);
    assert.equal(file, spaced);
    await putObject(connection, BUCKET, 'data/value', Buffer.from('1'));
    await run(file);
    await putObject(connection, BUCKET, 'data/value', Buffer.from('2'));
    assert.deepEqual((await run(file)).hits, ['Read'], 'stale, as on AWS');
    assert.deepEqual((await run(file, '--cache', 'content')).ran, ['Read']);
    assert.deepEqual(await verdicts(file), { Read: 'hit' });
    assert.deepEqual((await run(file)).hits, ['Read']);
    await putObject(connection, BUCKET, 'data/value', Buffer.from('3'));
    const [read] = await plan(file);
    assert.deepEqual([read!.Verdict, read!.Reason], ['miss', 'the data behind the same addresses is other data']);
    assert.deepEqual((await run(file)).ran, ['Read']);
    assert.equal((await cli('run', file, '--cache', 'sometimes')).code, 2);
    assert.deepEqual((await run(file, '--cache', 'documented')).hits, ['Read'], 'the result kept by address is still there');
  });

  test('a failure mended: resume runs what is missing and takes the rest; retry goes on as it was; wait tells by its exit code', async () => {
    const steps = (middle: string) => [
      python('First', WRITE),
      python('Middle', middle, {}, input(outputOf('First'))),
      python('Last', COPY, {}, input(outputOf('Middle'))),
    ];
    const Parameters = [{ Name: 'N', Type: 'Integer', DefaultValue: 1 }];
    const file = write('r.json', steps('raise SystemExit("no such column")'), Parameters);
    assert.equal((await cli('run', file, '--wait', '--param', 'N=5')).code, 1);
    assert.equal((await cli('wait', 'r')).code, 1);
    const id = /execution\/([a-z0-9]+)/.exec((await cli('status', 'r')).stdout)![1]!;
    const retried = await cli('retry', id, '--wait');
    assert.equal(retried.code, 1, 'nothing was mended');
    assert.match(retried.stdout, new RegExp(`execution/${id}\n`));
    write('r.json', steps(COPY), Parameters);
    assert.equal((await cli('upsert', file)).code, 0);
    const resumed = await cli('resume', id, '--wait');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stdout, new RegExp(`^runs Middle, Last; takes the rest from ${id}\n`));
    assert.match(resumed.stdout, new RegExp(`First +Succeeded +[\\d.]+s +taken from ${id}`));
    assert.match((await cli('steps', 'r')).stdout, new RegExp(`First +Succeeded .*\\(taken from ${id}\\)`));
    assert.equal((await cli('wait', 'r')).code, 0);
    const from = await cli('resume', 'r', '--from', 'Last', '--wait');
    assert.match(from.stdout, /^runs Last; takes the rest/);
    assert.equal(from.code, 0, from.stderr);
    const selected = await cli('run', 'r', '--select', 'Middle', '--wait');
    assert.equal(selected.code, 0, selected.stderr);
    assert.match(selected.stdout, /First +Succeeded .*taken from/);
    assert.doesNotMatch(selected.stdout, /Last/);
    assert.equal((await cli('retry', 'r')).code, 1);
    assert.equal((await cli('resume', 'r', '--from', 'Nope')).code, 2);
  });
});
