import assert from 'node:assert/strict';
import { request } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRuntimeCatalogue } from './runtime-catalogue.ts';
import { locateRuntime } from './runtime-environment.ts';
import { waitForChange } from '../../platform/ports/work-suite.ts';
import { absence, createTrial, type Trial } from './testing/sandbox-trial.ts';

/** The real runtime in the real sandbox: what a training job and then an endpoint do, without a server around them. */

const IMAGE = 'sagemaker-xgboost:1.7-1';

function imageEnvironment(): { train: readonly string[]; serve: readonly string[]; environment: Record<string, string> } {
  const resolved = createRuntimeCatalogue().resolve(IMAGE);
  assert.ok(!('problem' in resolved));
  const { trainCommand, serveCommand, profile } = resolved;
  assert.ok(trainCommand && serveCommand);
  return { train: trainCommand, serve: serveCommand, environment: { SLIPWAY_IMAGE_PROFILE: JSON.stringify(profile) } };
}

const runtimes = { locateRuntime };
const roomy = { graceSeconds: 5, memoryBytes: 2 * 1024 ** 3, cpus: 2 };

function config(name: string, value: unknown): { path: string; text: string } {
  return { path: `/opt/ml/input/config/${name}.json`, text: JSON.stringify(value) };
}

async function trainModel(trial: Trial): Promise<string> {
  const csv = Array.from({ length: 40 }, (_, row) => `${row % 2},${row},${row % 2}`).join('\n');
  const { train, environment } = imageEnvironment();
  await trial.backend.start(
    trial.spec('train', '', {
      command: train,
      environment,
      image: IMAGE,
      limits: roomy,
      workingDirectory: '/opt/ml',
      network: 'none',
      files: [
        config('hyperparameters', { num_round: '3', objective: 'binary:logistic' }),
        config('inputdataconfig', { train: { ContentType: 'text/csv', TrainingInputMode: 'File' } }),
        config('resourceconfig', { current_host: 'algo-1', hosts: ['algo-1'] }),
      ],
      inputs: [
        {
          path: '/opt/ml/input/data/train',
          access: 'read-only',
          entries: [{ relativePath: 'a.csv', digest: trial.store(csv), sizeBytes: csv.length }],
        },
      ],
      outputs: [{ name: 'model', path: '/opt/ml/model' }],
    }),
  );
  const end = await trial.end('train');
  assert.deepEqual([end.reason, end.exitCode], ['exited', 0], trial.log('train'));
  assert.match(trial.log('train'), /\d{13} \[2\]\ttrain-logloss:0\.\d{5}\n/);
  return trial.store(readFileSync(join(trial.folder, 'runs/train/ml/model/xgboost-model')));
}

function ask(socketPath: string, method: string, path: string, body = ''): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { 'content-type': 'text/csv' } }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

for (const isolation of ['bubblewrap', 'unshare', 'container'] as const) {
  test(`${isolation}: the built-in algorithm trains and its model is served, without network`, {
    skip: absence(isolation),
  }, async () => {
    const trial = createTrial(isolation, undefined, runtimes);
    const digest = await trainModel(trial);
    const { serve, environment } = imageEnvironment();
    await trial.backend.start(
      trial.spec('serve', '', {
        kind: 'service',
        command: serve,
        environment,
        image: IMAGE,
        limits: roomy,
        network: 'none',
        workingDirectory: '/opt/ml',
        inputs: [
          { path: '/opt/ml/model', access: 'read-only', entries: [{ relativePath: 'xgboost-model', digest, sizeBytes: 1 }] },
        ],
      }),
    );
    const address = trial.backend.address('serve');
    assert.ok(address.kind === 'unix');
    await waitForChange(
      trial.backend,
      'serve',
      async () => (await trial.backend.status('serve')).phase === 'running' || undefined,
    );
    await listening(trial, 'serve');
    assert.equal((await ask(address.socketPath, 'GET', '/ping')).status, 200);
    const answer = await ask(address.socketPath, 'POST', '/invocations', '3,1\n4,0');
    assert.match(answer.body, /^0\.\d+\n0\.\d+\n$/);
    const [one = 0, zero = 1] = answer.body.split('\n').map(Number);
    assert.ok(one > 0.5 && zero < 0.5);
    await trial.backend.stop('serve');
    const end = await trial.end('serve');
    assert.deepEqual([end.reason, end.exitCode], ['stopped', 0]);
    trial.close();
  });

  test(`${isolation}: a job runs on its own Python on top of the runtime, which it cannot change`, {
    skip: absence(isolation),
  }, async () => {
    const trial = createTrial(isolation, undefined, runtimes);
    const script = `
import os, sys, pip
print(sys.prefix)
for folder, name in ((os.path.dirname(pip.__file__), "runtime"), (os.path.join(sys.prefix, "bin"), "own")):
    try:
        open(os.path.join(folder, "mark"), "w").close()
        print(name, "writable")
    except OSError:
        print(name, "read-only")`;
    await trial.backend.start(trial.spec('own', script, { command: ['python3', '-c', script], limits: roomy }));
    assert.equal((await trial.end('own')).exitCode, 0, trial.log('own'));
    assert.deepEqual(trial.lines('own'), ['/root/.python', 'runtime read-only', 'own writable']);
    trial.close();
  });

  test(`${isolation}: what a job installs with pip is its own`, { skip: absence(isolation) }, async () => {
    const trial = createTrial(isolation, undefined, runtimes);
    const script = `
import subprocess, sys, zipfile
wheel = "/tmp/tiny-1.0-py3-none-any.whl"
about = "tiny-1.0.dist-info/"
with zipfile.ZipFile(wheel, "w") as file:
    file.writestr("tiny.py", "")
    file.writestr(about + "METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    file.writestr(about + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    file.writestr(about + "RECORD", "tiny.py,,\\n")
subprocess.run(["pip", "install", "-q", "--no-index", wheel], check=True)
import tiny
print(tiny.__file__.startswith(sys.prefix), sys.prefix)`;
    await trial.backend.start(trial.spec('pip', script, { command: ['python3', '-c', script], limits: roomy }));
    assert.equal((await trial.end('pip')).exitCode, 0, trial.log('pip'));
    assert.deepEqual(trial.lines('pip'), ['True /root/.python']);
    trial.close();
  });
}

/** The server's log line is the sign: it is written when the socket is there. */
async function listening(trial: Trial, id: string): Promise<void> {
  while (!trial.log(id).includes('listening on')) {
    const status = await trial.backend.status(id);
    assert.notEqual(status.phase, 'ended', trial.log(id));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
