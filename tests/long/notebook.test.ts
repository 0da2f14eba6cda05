import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { startServer } from '../harness/server.ts';
import { environmentOf } from './locked-environment.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');

test('the starter notebook runs unchanged under slipway exec, from data to an endpoint and away', async () => {
  const python = join(await environmentOf('notebook'), 'bin/python3');
  const folder = mkdtempSync(join(tmpdir(), 'slipway-notebook-'));
  const server = await startServer();
  try {
    for (const name of ['abalone', 'notebook']) cpSync(join(EXAMPLES, name), join(folder, name), { recursive: true });
    const notebook = join(folder, 'notebook/first-model.ipynb');
    const program = join(import.meta.dirname, 'notebook.py');
    const words = ['exec', '--data', server.folder, '--', python, program, notebook];
    const { code, stdout, stderr } = await slipway(words);
    assert.equal(code, 0, `${stdout}\n${stderr}\n${server.log().slice(-3000)}`);
    assert.match(stdout, /^account: 123456789012\nrole: {4}arn:aws:iam::123456789012:role\/SageMakerPipelineExecutionRole$/m);
    assert.match(stdout, /^bucket: {2}sagemaker-us-east-1-123456789012$/m);
    assert.match(stdout, /\[59\]#011train-rmse:\S+#011validation-rmse:/, 'the log of the training job');
    assert.match(stdout, /first-model\/1 PendingManualApproval\nApproved\n/);
    const [, wrongBy = ''] = /477 predictions, wrong by (\d\.\d\d) rings on average$/m.exec(stdout) ?? [];
    assert.ok(Number(wrongBy) > 0 && Number(wrongBy) < 1.8, stdout);
    assert.match(stdout, /^endpoints left: \[\]$/m);
    assert.deepEqual(readdirSync(join(folder, 'notebook')), ['first-model.ipynb'], 'it leaves nothing beside it');
    assert.deepEqual(outputsIn(join(EXAMPLES, 'notebook/first-model.ipynb')), [], 'it is kept without outputs');
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

function outputsIn(notebook: string): unknown[] {
  const { cells } = JSON.parse(readFileSync(notebook, 'utf8')) as { cells: readonly { readonly outputs?: readonly unknown[] }[] };
  return cells.flatMap(({ outputs }) => outputs ?? []);
}
