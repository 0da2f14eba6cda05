import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { CLI, startServer, type TestServer } from '../harness/server.ts';

/** A processing step that runs a line of Python. */
const python = (name: string, code: string, dependsOn: string[] = []) => ({
  Name: name,
  Type: 'Processing',
  DependsOn: dependsOn,
  Arguments: {
    ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
    AppSpecification: { ImageUri: 'python:3.11', ContainerEntrypoint: ['python3', '-u', '-c', code] },
    RoleArn: 'arn:aws:iam::123456789012:role/SomeRole',
  },
});

const definition = (steps: unknown[], parameters: unknown[] = []) =>
  JSON.stringify({ Version: '2020-12-01', Parameters: parameters, Steps: steps });

// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const CONTROL_CODES = /\u001b|\r/;

suite('pipelines by command line', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
  let server: TestServer;
  const cli = (...args: string[]) => slipway(args, { env: server.env, cwd: scratch });
  const write = (name: string, text: string): string => {
    writeFileSync(join(scratch, name), text);
    return name;
  };

  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('validate names step and path of every problem, and needs no server', async () => {
    const broken = write(
      'broken.json',
      definition([
        python('First', 'pass', ['Absent']),
        {
          ...python('Second', 'pass'),
          Arguments: { ...python('', '').Arguments, RoleArn: { Get: 'Steps.First.ProcessingJobAnr' } },
        },
      ]),
    );
    const { code, stderr } = await slipway(['validate', broken], { cwd: scratch });
    assert.equal(code, 1);
    assert.match(stderr, /broken\.json: Steps\[0\]\.DependsOn.* \(step 'First'\):.*Absent/);
    assert.match(stderr, /\(step 'Second'\):.*ProcessingJobAnr.*ProcessingJobArn/);
    const json = JSON.parse((await slipway(['validate', broken, '--json'], { cwd: scratch })).stdout) as {
      valid: boolean;
      problems: string[];
    };
    assert.deepEqual([json.valid, json.problems.length], [false, 2]);
  });

  test("a program that throws is its author's to read", async () => {
    const program = write('throws.ts', 'export const pipeline = { compile() { throw new Error("no such column"); } };');
    const { code, stderr } = await cli('upsert', program);
    assert.equal(code, 1);
    assert.match(stderr, /the program failed\.\nError: no such column\n\s+at .*throws\.ts:1/);
    assert.match((await cli('upsert', write('empty.ts', 'export const nothing = 1;'))).stderr, /export the pipeline/);
  });

  test('run --wait piped: a line per change, no control codes, exit 0; then status, steps, logs', async () => {
    const file = write(
      'hello.json',
      definition([python('Hello', 'print("hello from the job")'), python('After', 'print(1)', ['Hello'])]),
    );
    const ran = await cli('run', file, '--wait');
    assert.equal(ran.code, 0, ran.stderr);
    assert.doesNotMatch(ran.stdout, CONTROL_CODES);
    assert.match(
      ran.stdout,
      /^arn:aws:sagemaker:.*:pipeline\/hello\/execution\/[a-z0-9]+\n[\s\S]* {2}Hello +Succeeded +[\d.]+s\n[\s\S]* {2}After +Succeeded [\s\S]*execution Succeeded\n$/,
    );
    assert.match((await cli('status', 'hello')).stdout, /status +Succeeded/);
    assert.match((await cli('status')).stdout, /^PIPELINE .*\nhello +[a-z0-9]+ +Succeeded/);
    const id = ran.stdout.split('\n')[0]?.split('/').at(-1) ?? '';
    assert.match((await cli('steps', id)).stdout, /^STEP .*\nHello +Succeeded +[\d.]+s +processing-job\/.*\nAfter +Succeeded/);
    assert.match((await cli('logs', 'hello', 'Hello')).stdout, /^hello from the job$/m);
    const events = JSON.parse((await cli('logs', 'hello', 'Hello', '--json')).stdout) as { message: string; timestamp: number }[];
    assert.equal(
      events.some(({ message }) => message === 'hello from the job'),
      true,
    );
    const steps = JSON.parse((await cli('steps', 'hello', '--json')).stdout) as { StepName: string }[];
    assert.deepEqual(
      steps.map(({ StepName }) => StepName),
      ['Hello', 'After'],
    );
    assert.equal((await cli('wait', id)).code, 0);
  });

  test('a log of a step that is not there or ran no job says so', async () => {
    assert.match((await cli('logs', 'hello', 'Helo')).stderr, /no step "Helo". Its steps: Hello, After/);
  });

  test('the children of a ForEach step have logs, each its own', async () => {
    const say = { ...python('Say', 'import os; print("item", os.environ["ITEM"])') };
    const body = { ...say, Arguments: { ...say.Arguments, Environment: { ITEM: { Get: 'ForEach.CurrentItem' } } } };
    const each = { IterableItems: ['a', 'b'], MaxConcurrency: 2, ForEachBody: [body] };
    const file = write('each.json', definition([{ Name: 'Each', Type: 'ForEach', Arguments: each }]));
    assert.equal((await cli('run', file, '--wait')).code, 0);
    assert.match((await cli('logs', 'each', 'Say-0')).stdout, /^item a$/m);
    assert.match((await cli('logs', '-f', 'each', 'Say-1')).stdout, /^item b$/m);
    const all = await cli('logs', 'each', 'Say');
    assert.deepEqual([all.code, all.stderr], [2, 'Step "Say" runs once for each item: Say-0, Say-1\n']);
    assert.match((await cli('logs', 'each', 'Each')).stderr, /^Step Each ran no job and no function/);
  });

  test('a failing step: exit 1 with the reason', async () => {
    const file = write('sad.json', definition([python('Sad', 'raise ValueError("column 7 is empty")')]));
    const { code, stdout, stderr } = await cli('run', file, '--wait');
    assert.equal(code, 1);
    assert.match(stdout, /Sad +Failed/);
    assert.match(stderr, /execution Failed: [\s\S]*AlgorithmError: [\s\S]*exit code: 1/);
    assert.match(stdout, /ValueError: column 7 is empty/);
    assert.match((await cli('steps', 'sad')).stdout, /Sad +Failed [\s\S]*\nSad:\n {2}AlgorithmError: [\s\S]*column 7 is empty/);
    assert.equal((await cli('wait', 'sad')).code, 1);
  });

  test('parameters: given, unknown, mistyped, malformed', async () => {
    const file = write(
      'rounds.json',
      definition(
        [
          {
            ...python('Show', 'import os; print("rounds", os.environ["ROUNDS"])'),
            Arguments: {
              ...python('', 'import os; print("rounds", os.environ["ROUNDS"])').Arguments,
              Environment: { ROUNDS: { 'Std:Join': { On: '', Values: [{ Get: 'Parameters.Rounds' }] } } },
            },
          },
        ],
        [{ Name: 'Rounds', Type: 'Integer', DefaultValue: 3 }],
      ),
    );
    assert.equal((await cli('run', file, '--param', 'Rounds=7', '--wait')).code, 0);
    assert.match((await cli('logs', 'rounds', 'Show')).stdout, /^rounds 7$/m);
    for (const [param, complaint] of [
      ['Round=7', /Round\b/],
      ['Rounds=many', /many|Integer/],
    ] as const) {
      const { code, stderr } = await cli('run', 'rounds', '--param', param);
      assert.equal(code, 1);
      assert.match(stderr, complaint);
    }
    assert.equal((await cli('run', 'rounds', '--param', 'Rounds')).code, 2);
  });

  test('logs -f follows a running step; stop ends it', async () => {
    const file = write('long.json', definition([python('Long', 'import time; print("under way"); time.sleep(600)')]));
    const { stdout } = await cli('run', file);
    assert.match(stdout, /follow it: npx slipway wait [a-z0-9]+\n$/);
    const follower = spawn(process.execPath, [CLI, 'logs', '-f', 'long', 'Long'], { env: server.env });
    const ended = once(follower, 'close');
    let seen = '';
    await new Promise<void>((found) =>
      follower.stdout.on('data', (text: Buffer) => {
        seen += text.toString();
        if (seen.includes('under way')) found();
      }),
    );
    assert.match((await cli('stop', 'long')).stdout, /^stopping arn:/);
    const waited = await cli('wait', 'long');
    assert.equal(waited.code, 1);
    assert.match(waited.stderr, /execution Stopped/);
    await ended;
    assert.equal(follower.exitCode, 0);
  });

  test('what this version cannot execute is refused before anything is stored', async () => {
    const file = write('later.json', definition([{ Name: 'Ask', Type: 'AutoML', Arguments: { a: 1 } }]));
    const { code, stderr } = await cli('upsert', file);
    assert.equal(code, 1);
    assert.match(stderr, /Ask/);
    assert.doesNotMatch((await cli('status')).stdout, /later/);
  });
});
