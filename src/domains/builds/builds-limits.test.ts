import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Row } from '../../platform/store/port.ts';
import { zipOf } from '../functions/functions-rig.ts';
import { refusal } from '../registry/registry-rig.ts';
import { phasesOf, rigOfFile, unzipped } from './builds-rig.ts';
import type { BuildsPorts } from './ports.ts';
import { createBuildReconciler } from './reconcile-build.ts';
import { buildKey } from './resources.ts';

const rig = await rigOfFile();

const spec = (build: readonly string[], more: object = {}): string =>
  JSON.stringify({ version: '0.2', phases: { build: { commands: build } }, ...more });

test('variables that hold secrets are not exported, and what is exported shows none', async () => {
  await rig.call('secretsmanager:CreateSecret', { Name: 'api', SecretString: 's3cr3t-key' });
  const env = { 'secrets-manager': { S: 'api' }, 'exported-variables': ['S', 'U', 'AWS_REGION', 'BIG'] };
  // more than all that a server reads of a build's records
  const commands = ['U="https://user:$S@host"', "BIG=$(head -c 5000000 /dev/zero | tr '\\0' x)"];
  await rig.project('exporting', spec(commands, { env }));
  const build = await rig.run({ projectName: 'exporting' });
  assert.equal(build.buildStatus, 'SUCCEEDED', JSON.stringify(build.phases));
  const [url, big, ...more] = build.exportedEnvironmentVariables ?? [];
  assert.deepEqual([url, more], [{ name: 'U', value: 'https://user:***@host' }, []]);
  assert.deepEqual([big?.name, big?.value?.length], ['BIG', 5 * 1024]);
  const log = await rig.log(build);
  assert.ok(
    log.some((line) => /exported-variables: S holds a secret/.test(line)),
    log.join('\n'),
  );
  const events = await rig.store.events({ afterSequence: 0, limit: 1000 });
  assert.ok(!JSON.stringify(events).includes('s3cr3t'));
});

test('a secret is hidden where a line is too long to be kept whole', () => {
  const program = `
import sys
sys.path.insert(0, sys.argv[1])
import console
console.hide(["s3cr3t-key"])
output = console.Output()
output.feed(b"x" * 65531 + b"s3cr3t")
output.feed(b"-key and more\\n")
output.flush()`;
  const driver = fileURLToPath(new URL('../../../runtimes/build/driver', import.meta.url));
  const shown = execFileSync('python3', ['-c', program, driver], { encoding: 'utf8' });
  assert.equal(shown.replaceAll('\n', ''), `${'x'.repeat(65_531)}*** and more`);
});

test('a build whose role goes before it has its plan ends, and says so', async () => {
  await rig.project('orphaned', spec(['true']));
  rig.losesRole = true;
  try {
    const build = await rig.run({ projectName: 'orphaned' });
    assert.equal(phasesOf(build), 'DOWNLOAD_SOURCE FAILED, FINALIZING SUCCEEDED, COMPLETED');
    assert.match(build.phases?.[3]?.contexts?.[0]?.message ?? '', /AccessDenied: The role .* does not exist/);
  } finally {
    rig.restoreRole();
  }
});

test('artifacts are published of builds that came to their end only, whatever the records say', async () => {
  await rig.putObject('s3://forged/none', '');
  const records = [
    { kind: 'begin', phase: 'UPLOAD_ARTIFACTS' },
    { kind: 'artifact', place: '0' },
    { kind: 'end', status: 'SUCCEEDED' },
  ];
  const forge = records.map((one) => `echo '${JSON.stringify({ t: 1, ...one })}' >> /opt/ml/build/records.jsonl`);
  const commands = ['echo x > /opt/ml/build/artifacts/0.zip', ...forge, 'while true; do sleep 0.1; done'];
  await rig.project('forged', spec(commands, { artifacts: { files: ['x'] } }), {
    artifacts: { type: 'S3', location: 'forged', packaging: 'ZIP', name: 'made.zip' },
  });
  const build = await rig.run({ projectName: 'forged', timeoutInMinutesOverride: 5, imageOverride: 'hasty' });
  assert.equal(build.buildStatus, 'TIMED_OUT');
  await assert.rejects(rig.text('forged', 'made.zip'), refusal('NoSuchKey', /./));
});

test('what is no file is no artifact, and holds no build up', async () => {
  await rig.putObject('s3://pipes/none', '');
  const artifacts = { files: ['**/*'], 'base-directory': 'out', 'enable-symlinks': 'yes' };
  await rig.project(
    'pipes',
    spec(['mkdir out; cd out; mkfifo pipe; echo a > a; ln -s a link; ln -s /none gone'], { artifacts }),
    {
      artifacts: { type: 'S3', location: 'pipes', packaging: 'ZIP', name: 'made.zip' },
    },
  );
  const build = await rig.run({ projectName: 'pipes', timeoutInMinutesOverride: 30, imageOverride: 'hasty' });
  assert.equal(build.buildStatus, 'SUCCEEDED', JSON.stringify(build.phases));
  assert.deepEqual(unzipped(await rig.text('pipes', 'made.zip')), { a: 'a\n', gone: '/none', link: 'a' });
  const files = { type: 'S3' as const, location: 'pipes', packaging: 'NONE' as const, name: 'files' };
  const plain = await rig.run({ projectName: 'pipes', artifactsOverride: files });
  assert.equal(plain.buildStatus, 'SUCCEEDED', JSON.stringify(plain.phases));
  assert.equal((await rig.text('pipes', 'files/link')).toString(), 'a\n');
});

test('an output that cannot be read is the failure of its build, not a build without end', async () => {
  const deep = "cd /opt/ml/build/reports; n=$(printf 'd%.0s' $(seq 200)); for i in $(seq 30); do mkdir $n; cd $n; done";
  await rig.project('deep', spec([deep], { reports: { unit: { files: ['x.xml'] } } }));
  const build = await rig.run({ projectName: 'deep' });
  assert.equal(build.buildStatus, 'FAILED');
  const phase = build.phases?.find(({ phaseType }) => phaseType === 'UPLOAD_ARTIFACTS');
  assert.match(phase?.contexts?.[0]?.message ?? '', /its path is too long/);
  assert.ok((await rig.log(build)).some((line) => line.includes('its path is too long')));
  // as long as it is there, removing the rig's folder would stumble over it
  execFileSync('python3', [
    '-c',
    'import shutil, sys; shutil.rmtree(sys.argv[1])',
    join(rig.folder, 'runs', `build-${build.id?.split(':')[1]}`),
  ]);
});

test('a cache in S3: a damaged one is left out, one that was invalidated as well', async () => {
  const broken = Buffer.concat([Buffer.from('1f8b08000000000000ff', 'hex'), Buffer.alloc(1000, 0xee)]);
  await rig.putObject('s3://caches/in-s3/cache.tar.gz', broken);
  await rig.project(
    'in-s3',
    spec(['cat deps/one || echo cold', 'mkdir -p deps; echo warm > deps/one'], { cache: { paths: ['deps/'] } }),
    {
      cache: { type: 'S3', location: 'caches' },
    },
  );
  const run = async () => {
    const build = await rig.run({ projectName: 'in-s3' });
    assert.equal(build.buildStatus, 'SUCCEEDED', JSON.stringify(build.phases));
    return rig.log(build);
  };
  assert.ok((await run()).some((line) => line.includes('The cache cannot be restored')));
  assert.ok((await run()).includes('warm'));
  await rig.call('codebuild:InvalidateProjectCache', { projectName: 'in-s3' });
  assert.ok((await run()).includes('cold'), 'what was there before is not given any more');
  assert.ok((await run()).includes('warm'));
});

test('a log that nobody is to see goes with the files of its build', async () => {
  await rig.project('silent', spec(['echo nobody sees this']), { logsConfig: { cloudWatchLogs: { status: 'DISABLED' } } });
  const build = await rig.run({ projectName: 'silent' });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  const uuid = build.id?.split(':')[1] ?? '';
  const logs = () => readdirSync(join(rig.folder, 'logs'), { recursive: true }).filter((name) => String(name).includes(uuid));
  assert.equal(logs().length, 1);
  await rig.call('codebuild:BatchDeleteBuilds', { ids: [build.id ?? ''] });
  assert.deepEqual(logs(), []);
});

test('a build of a delivery pipeline is repeated by its pipeline only', async () => {
  await rig.putObject('s3://pipeline/in.zip', zipOf({ 'buildspec.yml': spec(['true'], { artifacts: { files: ['*'] } }) }));
  await rig.project('piped', '', { source: { type: 'CODEPIPELINE' }, artifacts: { type: 'CODEPIPELINE' } });
  const place = (key: string) => ({ name: 'One', bucket: 'pipeline', key });
  const PipelineOrigin = { initiator: 'codepipeline/app', inputs: [place('in.zip')], outputs: [place('out.zip')] };
  const build = await rig.run({ projectName: 'piped', PipelineOrigin });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  await assert.rejects(rig.call('codebuild:RetryBuild', { id: build.id ?? '' }), refusal('InvalidInputException', /pipeline/));
});

test('a build that was let in once waits for its next turn without asking for it', async () => {
  const key = buildKey({ account: '1', region: 'r' }, 'p:1');
  const settings = { queuedTimeoutInMinutes: 5 };
  const document = { id: 'p:1', workId: 'build-1', status: 'IN_PROGRESS', createdAtMs: 0, sources: [], settings };
  const row = { key, version: 1, document, index: {} } as unknown as Row;
  const ports = {
    store: { get: async () => row },
    clock: { now: () => 3_600_000 },
    backend: { status: async () => ({ phase: 'absent' }) },
    admission: { request: () => ({ admitted: false }) },
    settings: { reservations: { job: {} } },
  } as unknown as BuildsPorts;
  const reconciler = createBuildReconciler(ports, { remember() {}, forget() {} });
  assert.equal((await reconciler.reconcile(key))?.retryAtMs, undefined, 'a time that is over would be now, again and again');
});
