import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runProgram, runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const python = (seed: string, program: string): string[] => ['python3', join(import.meta.dirname, 'seeds', seed, program)];

test('the programs are as on AWS: they name neither Slipway nor an address', () => {
  for (const path of globSync('seeds/**/*.{py,json}', { cwd: import.meta.dirname })) {
    assert.doesNotMatch(
      readFileSync(join(import.meta.dirname, path), 'utf8'),
      /slipway|endpoint_url|localhost|127\.0\.0\.1|https?:/i,
      path,
    );
  }
});

suite('ClinicalRiskPipeline, with the SageMaker SDK and boto3', () => {
  const program = (name: string): string[] => python('sagemaker-pipeline', name);
  const named = { test: 'seed sagemaker-pipeline' };

  test('script mode trains, and a version waits for approval', async () => {
    const printed = await runToSuccess(server, program('pipeline.py'), named);
    assert.deepEqual(printed.match(/^\w+(-\w+)?: Succeeded$/gm)?.sort(), [
      'Evaluate: Succeeded',
      'Preprocess: Succeeded',
      'RegisterModel-RegisterModel: Succeeded',
      'TrainModel: Succeeded',
    ]);
    assert.match(printed, /^train:auc 0\.[89]\d+$/m);
  });

  test('it is refused before its approval, by name and status, and nothing is left behind', async () => {
    const { code, stderr } = await runProgram(server, program('deploy.py'), named);
    assert.equal(code, 1);
    assert.match(stderr, /CreateModel operation: .*model-package\/clinical-dropout-risk\/1.*PendingManualApproval/);
  });

  test('approved, it is deployed, tells steady participants from those at risk, and is deleted', async () => {
    const approved = await runToSuccess(server, [...program('approve.py'), 'Statistician signed the report.'], named);
    assert.match(approved, /model-package\/clinical-dropout-risk\/1 is Approved/);
    assert.match(await runToSuccess(server, program('deploy.py'), named), /^AllTraffic: risk 0\.\d+ and 0\.\d+$/m);
    await runToSuccess(server, program('clean_up.py'), named);
  });
});

suite('MyMLPipeline, with the SageMaker SDK', () => {
  const program = (name: string): string[] => python('my-ml-pipeline', name);
  const named = { test: 'seed my-ml-pipeline' };

  test('both branches run: the accurate model is registered, the strict threshold registers nothing', async () => {
    const printed = await runToSuccess(server, program('pipeline.py'), named);
    assert.equal(printed.match(/^Succeeded arn:/gm)?.length, 2, printed);
    assert.match(printed, /registered arn:aws:sagemaker:us-east-1:123456789012:model-package\/MyModels\/1$/m);
  });

  test('who may deploy but not approve cannot deploy before the approval, whatever the SDK tries', async () => {
    await runToSuccess(server, program('deployer.py'), named);
    const { code, stdout } = await runProgram(server, program('deploy.py'), named);
    assert.equal(code, 1);
    // the SDK prints errors broken into lines
    assert.match(
      stdout.replaceAll(/\s+/g, ' '),
      /AccessDeniedException\).* UpdateModelPackage .*\/ModelDeployer\/release is not authorized/,
    );
  });

  test('approved, it is deployed, predicts what the evaluation measured, and is deleted', async () => {
    await runToSuccess(server, program('approve.py'), named);
    const printed = await runToSuccess(server, program('deploy.py'), named);
    assert.match(printed, /^114 predictions/m);
    assert.match(printed, /cleaned up/);
  });
});

test('they prove what docs/api-coverage.md says', () =>
  assert.deepEqual(unprovenClaims(['seed sagemaker-pipeline', 'seed my-ml-pipeline']), []));
