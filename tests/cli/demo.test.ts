import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { CLI } from '../harness/server.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/breast-cancer');

// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const CONTROL_CODES = /\u001b|\r/;

/** Runs a program as a root without capabilities in a world where no namespace can be made. */
const WITHOUT_ISOLATION = [
  'unshare',
  '-Ur',
  'sh',
  '-c',
  'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"',
  'sh',
];
/** Plain mode owns the real /opt/ml, which only root can make. */
const NO_ISOLATION_PROBLEM =
  process.getuid?.() !== 0 || spawnSync('unshare', [...WITHOUT_ISOLATION.slice(1), 'true']).status !== 0
    ? 'needs root, and user namespaces to take away'
    : false;

suite('demo', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-demo-test-'));
  const env = { ...process.env, TMPDIR: scratch }; // what the demo leaves behind shows
  after(() => rmSync(scratch, { recursive: true, force: true }));
  const left = () => readdirSync(scratch).filter((name) => name.startsWith('slipway-demo-'));

  test('the main job: registered, refused, approved, served, compared; nothing is left', async () => {
    const { code, stdout, stderr } = await slipway(['demo'], { env });
    assert.equal(code, 0, stdout + stderr);
    assert.doesNotMatch(stdout, CONTROL_CODES);
    assert.match(stdout, /registered breast-cancer\/1, PendingManualApproval\nrefused +\w+: .*PendingManualApproval/);
    assert.match(
      stdout,
      /\nWhat ran, in [\d.]+s\n[\s\S]*Train +training job[\s\S]*\nMetrics on 114 held-out rows\n +accuracy +0\.9/,
    );
    assert.match(stdout, /recomputed from 118 answers of the endpoint/);
    assert.match(stdout, /\nVersion\n +breast-cancer\/1 +Approved[\s\S]*\nEndpoint\n +breast-cancer +InService/);
    assert.match(
      stdout,
      /ledger has \d+ entries[\s\S]*model\.tar\.gz +[0-9a-f]{64} +entry \d+\n[\s\S]*the approval +by arn:\S+ +entry \d+\n/,
    );
    assert.match(
      stdout,
      /\nOn AWS this would differ\n {2}library versions\n {4}image sagemaker-[\s\S]*\n {2}role\n {4}\S[\s\S]*\n {2}instance type\n {4}\S[^\n]*\n$/,
    );
    assert.deepEqual(left(), []);
  });

  test('container: an image of one’s own is imported, trains, serves and transforms; nothing is left', async () => {
    const { code, stdout, stderr } = await slipway(['demo', 'container'], { env });
    assert.equal(code, 0, stdout + stderr);
    assert.doesNotMatch(stdout, CONTROL_CODES);
    assert.match(stdout, /imported +own-container:1, 2 layers/);
    assert.match(stdout, /\| this is .+ with Python 3\./);
    assert.match(stdout, /mean squared error on 836 held-out abalones: 4\.9/);
    assert.match(stdout, /differ by at most 0\n/);
    assert.deepEqual(left(), []);
  });

  test('an unreachable threshold takes the other branch and registers nothing', async () => {
    const { code, stdout, stderr } = await slipway(['demo', '--threshold', '0.9999', '--json'], { env });
    assert.equal(code, 0, stderr);
    const facts = JSON.parse(stdout) as { version: unknown; endpoint: unknown; steps: { StepName: string }[] };
    assert.deepEqual([facts.version, facts.endpoint], [null, null]);
    assert.equal(
      facts.steps.some(({ StepName }) => StepName === 'Register'),
      false,
    );
    assert.deepEqual(left(), []);
  });

  test('a raise in the train script: exit 1, the line is shown, the data folder is left', async () => {
    const project = join(scratch, 'project');
    cpSync(EXAMPLE, project, { recursive: true });
    const script = join(project, 'scripts', 'train.py');
    writeFileSync(
      script,
      readFileSync(script, 'utf8').replace(
        'booster = xgboost.train(',
        'raise RuntimeError("the lab is closed")\nbooster = xgboost.train(',
      ),
    );
    const { code, stdout, stderr } = await slipway(['demo', '--project', project], { env });
    assert.equal(code, 1, stdout);
    assert.match(stdout, /RuntimeError: the lab is closed/);
    assert.match(stderr, /step Train: AlgorithmError: [\s\S]*the lab is closed[\s\S]*exit code: 1/);
    assert.equal(left().length, 1);
    assert.match(stderr, new RegExp(`npx slipway serve --data ${scratch}/slipway-demo-`));
    for (const name of left()) rmSync(join(scratch, name), { recursive: true });
  });

  test('--break: the last lines, the fix, and a resumption that repeats nothing; then everything from the cache', async () => {
    const { code, stdout, stderr } = await slipway(['demo', '--break'], { env });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /last lines of the log of Train:\n[\s\S]*KeyError: 'diagnosis'[\s\S]*\nexecution Failed\n/);
    assert.match(stdout, /the fix +scripts\/train\.py, line \d+\n +- .*frame\["diagnosis"\].*\n +\+ .*frame\[0\]/);
    assert.match(stdout, / Ingest +Processing +hit [\s\S]* Train +Training +miss /);
    assert.match(stdout, /\nresumed +[a-z0-9]+ \(slipway resume\): runs Train, Evaluate, GoodEnough, Register\n/);
    assert.match(stdout, /\n +Preprocess +ran, \S+ +taken +cached\n +Train +FAILED, \S+ +ran, \S+ +cached\n/);
    assert.deepEqual(left(), []);
  });

  test('--keep leaves a server running, with a page and commands that work', async () => {
    const { code, stdout, stderr } = await slipway(['demo', '--keep', '--json'], { env });
    assert.equal(code, 0, stderr);
    const { kept } = JSON.parse(stdout) as { kept: { folder: string; page: string } };
    try {
      assert.equal((await fetch(kept.page)).status, 200);
      assert.equal((await slipway(['logs', 'breast-cancer', 'Train', '--data', kept.folder])).code, 0);
      assert.equal((await slipway(['audit', 'verify', '--data', kept.folder])).code, 0);
    } finally {
      assert.match((await slipway(['down', '--data', kept.folder])).stdout, /^slipway: stopped/);
    }
  });

  test('on a host without any isolation it says so and goes without', { skip: NO_ISOLATION_PROBLEM }, async () => {
    const [command = '', ...args] = [...WITHOUT_ISOLATION, process.execPath, CLI, 'demo', '--threshold', '1'];
    const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^sandbox +NONE: this host allows no isolation/);
    assert.match(stdout, /GoodEnough +Succeeded .*outcome False/);
  });
});
