import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToSuccess } from '../../harness/client-program.ts';
import { absence } from '../../../src/backends/sandbox/testing/sandbox-trial.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createSqliteStore } from '../../../src/platform/store/sqlite/sqlite-store.ts';
import { startServer } from '../../harness/server.ts';

const DENIED = ['iam:CreateRole', 'iam:PutRolePolicy', 'sagemaker:CreateModelPackage', 'sagemaker:UpdateModelPackage'];

for (const sandbox of ['bubblewrap', 'unshare'] as const) {
  test(`under ${sandbox} a job reaches nothing of the host, other jobs or its own approval; the denials are in the ledger`, {
    skip: absence(sandbox),
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-test-'));
    const server = await startServer({ folder, settings: `sandbox: ${sandbox}\n` });
    try {
      const program = ['python3', join(import.meta.dirname, 'isolation.py'), folder, String(server.pid)];
      await runToSuccess(server, program, { test: 'boto3 isolation.py', env: { HOME_OF_SERVER: homedir() } });
    } finally {
      await server.stop();
    }
    const store = createSqliteStore({ path: join(folder, 'slipway.db'), clock: systemClock });
    const entries = (await store.ledger({ afterSequence: 0, limit: 1000 })).map(({ entry }) => entry);
    const denied = entries.filter(({ outcome, actor }) => outcome === 'denied' && actor.includes('/processing-job-intruder-'));
    assert.deepEqual(denied.map(({ action }) => action).toSorted(), DENIED);
    assert.ok(denied.every(({ origin }) => String(origin?.onBehalfOf).endsWith(':processing-job/intruder')));
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
}

test('a container engine runs a training job and the endpoint of its model', { skip: absence('container') }, async () => {
  const server = await startServer({ settings: 'sandbox: container\n' });
  try {
    await runToSuccess(server, ['python3', join(import.meta.dirname, 'container_engine.py')], {
      test: 'boto3 container_engine.py',
    });
  } finally {
    await server.stop();
  }
});

const PROGRAMS = [
  ['training.py', 'boto3: built-in XGBoost trains, fails with its reason, is stopped'],
  ['sdk_hosts.py', 'SageMaker SDK: a script and a processing job on two hosts'],
  ['cluster.py', 'boto3: several hosts train one model; checkpoints, pipes, folds, outputs while a job runs'],
] as const;

for (const [program, title] of PROGRAMS) {
  test(title, async () => {
    const server = await startServer();
    try {
      await runToSuccess(server, ['python3', join(import.meta.dirname, program)], { test: `boto3 ${program}` });
    } finally {
      await server.stop();
    }
  });
}
