import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { clientEnvironment } from '../harness/client-program.ts';
import { CLI } from '../harness/server.ts';

const scratch = mkdtempSync(join(tmpdir(), 'slipway-run-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A folder of its own, so that no run finds another's server. */
function folderWith(name: string, files: Record<string, string>): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

const definition = (code: string) =>
  JSON.stringify({
    Version: '2020-12-01',
    Parameters: [{ Name: 'Word', Type: 'String', DefaultValue: 'none' }],
    Steps: [
      {
        Name: 'Say',
        Type: 'Processing',
        Arguments: {
          ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
          AppSpecification: { ImageUri: 'python:3.11', ContainerEntrypoint: ['python3', '-c', code] },
          Environment: { WORD: { Get: 'Parameters.Word' } },
          RoleArn: 'arn:aws:iam::123456789012:role/SomeRole',
        },
      },
    ],
  });

/** As a data scientist writes it for AWS: the definition, the start. More pipelines than a page of their list are newer than the one it starts. */
const PROGRAM = `
import json, sys, boto3
sagemaker = boto3.client("sagemaker")
role = boto3.client("sts").get_caller_identity()["Arn"].split("/")[1]
print("role", role, "arguments", sys.argv[1:])
definition = open("definition.json").read()
sagemaker.create_pipeline(PipelineName="mine", PipelineDefinition=definition, ClientRequestToken="t" * 32, RoleArn="arn:aws:iam::123456789012:role/" + role)
for n in range(101):
    sagemaker.create_pipeline(PipelineName=f"newer-{n}", PipelineDefinition=definition, ClientRequestToken=f"{n:032}", RoleArn="arn:aws:iam::123456789012:role/" + role)
sagemaker.start_pipeline_execution(PipelineName="mine", ClientRequestToken="s" * 32)
`;

suite('slipway run, with no server beforehand', () => {
  test('a definition: to its end, and the server with it; the folder keeps what was done', async () => {
    const cwd = folderWith('definition', { 'say.json': definition('import os; assert os.environ["WORD"] == "given"') });
    const first = await slipway(['run', 'say.json', '--param', 'Word=given'], { cwd });
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /^server {5}http:\/\/127\.0\.0\.1:\d+ for this run, data folder .*\/\.slipway\n/);
    assert.match(first.stdout, /\nexecution Succeeded\n$/);
    assert.equal((await slipway(['status'], { cwd })).code, 1, 'its server is gone');
    const second = await slipway(['run', 'say.json', '--param', 'Word=other'], { cwd });
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^execution Failed: .*Say/);
    assert.match(second.stdout, /^its logs are kept: npx slipway serve; in another shell: npx slipway logs \w+ STEP$/m);
    const plan = await slipway(['plan', 'say.json', '--param', 'Word=given'], { cwd });
    assert.match(plan.stdout, /^Say +Processing +runs /m, 'neither does a plan need a server');
    assert.equal((await slipway(['audit', 'verify'], { cwd })).code, 0);
  });

  test('a Python program, with the role a notebook has; executions it leaves running are followed', async () => {
    const cwd = folderWith('program', { 'pipeline.py': PROGRAM, 'definition.json': definition('print(1)') });
    const env = { ...process.env, VIRTUAL_ENV: await clientEnvironment() };
    const { code, stdout, stderr } = await slipway(['run', 'pipeline.py', '--', '--local-test'], { cwd, env });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^role SageMakerPipelineExecutionRole arguments \['--local-test'\]$/m);
    assert.match(stdout, /^execution {2}arn:aws:sagemaker:\S+:pipeline\/mine\/execution\/\w+$/m);
    assert.match(stdout, /\nSucceeded\n$/);
    writeFileSync(join(cwd, 'failing.py'), 'raise SystemExit(3)');
    const failing = await slipway(['run', 'failing.py'], { cwd, env });
    assert.deepEqual([failing.code, failing.stderr], [3, 'slipway run: failing.py ended with exit code 3.\n']);
  });

  test('Ctrl-C ends the server too, and the next run finds the folder free', async () => {
    const cwd = folderWith('interrupted', { 'say.json': definition('import time; time.sleep(600)') });
    const child = spawn(process.execPath, [CLI, 'run', 'say.json'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    const running = new Promise<void>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        printed += text;
        if (/Say +Executing/.test(printed)) resolve();
      });
    });
    const ended = once(child, 'exit');
    await running;
    child.kill('SIGINT');
    assert.deepEqual(await ended, [130, null]);
    writeFileSync(join(cwd, 'say.json'), definition('pass'));
    assert.equal((await slipway(['run', 'say.json'], { cwd })).code, 0);
  });

  test('arguments that go nowhere are refused', async () => {
    const cwd = folderWith('wrong', { 'say.json': definition('pass'), 'p.py': '' });
    assert.equal((await slipway(['run', 'say.json', '--', 'x'], { cwd })).code, 2);
    assert.equal((await slipway(['run', 'absent.py'], { cwd })).code, 2);
    assert.equal((await slipway(['run', 'p.py', '--param', 'A=1'], { cwd })).code, 2);
  });
});

suite('slipway init', () => {
  const cwd = folderWith('projects', {});

  test('in an empty folder: a project whose pipeline succeeds', async () => {
    const made = await slipway(['init', 'mine'], { cwd });
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /run it: cd .*mine && npx slipway run pipeline\.ts\n$/);
    const project = join(cwd, 'mine');
    const bin = join(project, 'node_modules/.bin/slipway');
    const child = spawn(bin, ['run', 'pipeline.ts'], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (text: Buffer) => {
      printed += text;
    });
    assert.deepEqual(await once(child, 'exit'), [0, null], printed);
    assert.match(printed, /Register +Succeeded[\s\S]*execution Succeeded\n$/);
  });

  test('it writes over nothing', async () => {
    const folder = folderWith('taken', { 'pipeline.ts': 'mine' });
    const { code, stderr } = await slipway(['init', 'taken'], { cwd: scratch });
    assert.equal(code, 1);
    assert.match(stderr, /has pipeline\.ts already/);
    assert.deepEqual(readdirSync(folder), ['pipeline.ts']);
    assert.equal(readFileSync(join(folder, 'pipeline.ts'), 'utf8'), 'mine');
    assert.equal((await slipway(['init', 'x', '--template', 'gitlab'], { cwd })).code, 1);
    assert.equal((await slipway(['init', 'x', '--template', 'other'], { cwd })).code, 2);
  });
});
