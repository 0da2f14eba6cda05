import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { findRuntime } from '../../toolchain/python.mjs';
import { slipway } from '../harness/cli.ts';
import { runToSuccess } from '../harness/client-program.ts';
import { unprovenClaims } from '../harness/proof.ts';
import { startServer, type TestServer } from '../harness/server.ts';

interface Suite {
  /** Text of slipway.yaml. */
  readonly settings: string;
  /** Each is a unittest of its own subject; they share one server and keep to names of their own. */
  readonly programs: readonly string[];
}

const SUITES: Readonly<Record<string, Suite>> = {
  'boto3: neighbours of SageMaker': {
    settings: '',
    programs: [
      's3/objects.py',
      's3/listing.py',
      's3/multipart.py',
      's3/raw_requests.py',
      's3/versions.py',
      's3/notifications.py',
      'logs/logs.py',
      'tags/tags.py',
      'identity/identity.py',
    ],
  },
  'boto3: SageMaker': {
    settings: 'instances: { ml.t3.medium: { cpus: 1, memoryMiB: 256 } }\n',
    programs: ['refusals', 'kinds', 'jobs', 'pipelines', 'reruns', 'serving', 'deploy_steps'].map(
      (name) => `sagemaker/${name}.py`,
    ),
  },
  'boto3: SageMaker under other settings': {
    settings: 'roles: strict\napproval: open\n',
    programs: ['sagemaker/other_settings.py'],
  },
  'boto3: Lambda': { settings: '', programs: ['lambda/functions.py', 'lambda/sagemaker_helper.py'] },
  'boto3: models of its own': { settings: '', programs: ['hosting/hosting.py', 'hosting/modes.py'] },
};

/** These make models themselves and need XGBoost beside boto3: the runtime of jobs has both. */
const pythonOf = (program: string): string =>
  program.startsWith('hosting/') ? join(findRuntime('ml')?.path ?? '', 'bin/python3') : 'python3';

const nameOf = (program: string): string => `boto3 ${basename(program)}`;

for (const [name, { settings, programs }] of Object.entries(SUITES)) {
  suite(name, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer({ settings });
    });
    after(() => server.stop());

    for (const program of programs) {
      test(program, async () => {
        await runToSuccess(server, [pythonOf(program), join(import.meta.dirname, program)], { test: nameOf(program) });
      });
    }
    test('the ledger of all this is whole', async () => {
      const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', server.folder]);
      assert.equal(code, 0, stdout + stderr);
    });
    test('they prove what docs/api-coverage.md says', () => assert.deepEqual(unprovenClaims(programs.map(nameOf)), []));
  });
}
