import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Build } from '../../contract/generated/codebuild.ts';
import { zipOf } from '../functions/functions-rig.ts';
import { refusal, user } from '../registry/registry-rig.ts';
import { BuildsRig, Front, phasesOf, unzipped } from './builds-rig.ts';

let front: Front;
let rig: BuildsRig;
before(async () => {
  front = await Front.open();
  rig = await BuildsRig.start({ front });
});
after(async () => {
  await rig.close();
  front.close();
});

const spec = (phases: object, more: object = {}): string => JSON.stringify({ version: '0.2', phases, ...more });
const commands = (...list: string[]) => ({ commands: list });

const ALL_PHASES =
  'DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD SUCCEEDED, POST_BUILD SUCCEEDED, ' +
  'UPLOAD_ARTIFACTS SUCCEEDED, FINALIZING SUCCEEDED, COMPLETED';

test('one shell through all phases; precedence of variables; exported ones; events of phases and build', async () => {
  await rig.project(
    'first',
    spec(
      {
        install: commands('cd /tmp', 'X=kept', 'f() { echo "from a function $1"; }'),
        build: commands(
          'pwd; echo "$X $A $B $C"',
          'f one',
          'export OUT=$(echo result)',
          'echo "$CODEBUILD_BUILD_ID $CODEBUILD_INITIATOR"',
        ),
      },
      { env: { variables: { A: 'spec', B: 'spec', C: 'spec' }, 'exported-variables': ['OUT', 'X'] } },
    ),
    {
      environment: {
        type: 'LINUX_CONTAINER',
        image: 'aws/codebuild/standard:7.0',
        computeType: 'BUILD_GENERAL1_SMALL',
        environmentVariables: [
          { name: 'A', value: 'project' },
          { name: 'B', value: 'project' },
        ],
      },
    },
  );
  const before = (await rig.store.events({ afterSequence: 0, limit: 1000 })).length;
  const build = await rig.run({ projectName: 'first', environmentVariablesOverride: [{ name: 'A', value: 'start' }] });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.equal(phasesOf(build), ALL_PHASES);
  const log = await rig.log(build);
  for (const line of ['/tmp', 'kept start project spec', 'from a function one', `${build.id} admin`]) {
    assert.ok(log.includes(line), `${line} in\n${log.join('\n')}`);
  }
  assert.match(log.join('\n'), /^\[Container\] \d{4}\/\d\d\/\d\d [\d:.]+ Running command pwd; echo/m);
  assert.deepEqual(build.exportedEnvironmentVariables, [
    { name: 'OUT', value: 'result' },
    { name: 'X', value: 'kept' },
  ]);
  const events = (await rig.store.events({ afterSequence: 0, limit: 1000 })).slice(before);
  const states = events.filter(({ detailType }) => detailType === 'CodeBuild Build State Change');
  assert.deepEqual(
    states.map(({ detail }) => [detail['build-status'], detail['current-phase']]),
    [
      ['IN_PROGRESS', 'QUEUED'],
      ['SUCCEEDED', 'COMPLETED'],
    ],
  );
  const phases = events.filter(({ detailType }) => detailType === 'CodeBuild Build Phase Change');
  assert.deepEqual(
    phases.map(({ detail }) => detail['completed-phase']),
    (build.phases ?? []).map(({ phaseType }) => phaseType),
    'each phase once, in order',
  );
});

test('a command that fails, in each phase: what still runs, and how the build ends', async () => {
  const noted = commands('echo "succeeding=$CODEBUILD_BUILD_SUCCEEDING"');
  await rig.project('failing', spec({ build: noted }));
  const failed = async (phases: object) => rig.run({ projectName: 'failing', buildspecOverride: spec(phases) });
  const end = 'FINALIZING SUCCEEDED, COMPLETED';
  const upload = `UPLOAD_ARTIFACTS SUCCEEDED, ${end}`;

  const install = await failed({ install: { commands: ['exit 7'], finally: ['echo finally'] }, build: noted });
  assert.equal(phasesOf(install), `DOWNLOAD_SOURCE SUCCEEDED, INSTALL FAILED, ${end}`);
  assert.equal(install.buildStatus, 'FAILED');
  assert.deepEqual(install.phases?.[4]?.contexts, [
    { statusCode: 'COMMAND_EXECUTION_ERROR', message: 'Error while executing command: exit 7. Reason: exit status 7' },
  ]);
  assert.ok((await rig.log(install)).includes('finally'));

  const build = await failed({
    build: commands('cd /tmp; export KEPT=1', 'false', 'echo never'),
    post_build: commands('pwd; echo "$KEPT" "succeeding=$CODEBUILD_BUILD_SUCCEEDING"'),
  });
  assert.equal(
    phasesOf(build),
    `DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD FAILED, POST_BUILD SUCCEEDED, ${upload}`,
  );
  const log = await rig.log(build);
  assert.ok(log.includes('1 succeeding=0') && log.includes('/tmp') && !log.includes('never'));

  const left = await failed({
    build: commands('cd /tmp; export KEPT=2; exit 3'),
    post_build: commands('pwd; echo "again $KEPT"'),
  });
  assert.ok((await rig.log(left)).includes('again 2'), 'a command that leaves the shell takes nothing along');

  const aborted = await failed({ build: { commands: ['false'], 'on-failure': 'ABORT' }, post_build: noted });
  assert.equal(phasesOf(aborted), `DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD FAILED, ${end}`);

  const on = await failed({ pre_build: { commands: ['false'], 'on-failure': 'CONTINUE' }, build: noted });
  assert.equal(
    phasesOf(on),
    `DOWNLOAD_SOURCE SUCCEEDED, INSTALL SUCCEEDED, PRE_BUILD FAILED, BUILD SUCCEEDED, POST_BUILD SUCCEEDED, ${upload}`,
  );
  assert.equal(on.buildStatus, 'FAILED');

  const again = await failed({
    build: { commands: ['echo x >> /tmp/tries; [ $(wc -l < /tmp/tries) -ge 3 ]'], 'on-failure': 'RETRY-2' },
  });
  assert.deepEqual([again.buildStatus, phasesOf(again)], ['SUCCEEDED', ALL_PHASES]);
});

test('a buildspec that is wrong or absent ends the build in DOWNLOAD_SOURCE, with path and rule', async () => {
  await rig.project('wrong', spec({ build: { commands: 'echo hi' } }));
  const inline = await rig.run({ projectName: 'wrong' });
  assert.equal(phasesOf(inline), 'DOWNLOAD_SOURCE FAILED, FINALIZING SUCCEEDED, COMPLETED');
  assert.match(inline.phases?.[3]?.contexts?.[0]?.message ?? '', /^phases\.build\.commands: must be a list/);
  assert.equal(inline.phases?.[3]?.contexts?.[0]?.statusCode, 'YAML_FILE_ERROR');
  await rig.putObject('s3://wrong/empty.zip', zipOf({ 'readme.md': 'hi' }));
  const absent = await rig.run({
    projectName: 'wrong',
    sourceTypeOverride: 'S3',
    sourceLocationOverride: 'wrong/empty.zip',
    buildspecOverride: 'ci/spec.yml',
  });
  assert.match(absent.phases?.[3]?.contexts?.[0]?.message ?? '', /^stat .*\/ci\/spec\.yml: no such file/);
  const gone = await rig.run({ projectName: 'wrong', sourceTypeOverride: 'S3', sourceLocationOverride: 'wrong/gone.zip' });
  assert.match(gone.phases?.[3]?.contexts?.[0]?.message ?? '', /NoSuchKey/);
  await rig.putObject('s3://wrong/spec.yml', 'version: 0.2\nphases:\n  build:\n    commands: [echo by arn]\n');
  const byArn = await rig.run({ projectName: 'wrong', buildspecOverride: 'arn:aws:s3:::wrong/spec.yml' });
  assert.ok((await rig.log(byArn)).includes('by arn'));
});

test('a zip of S3 becomes artifacts of S3: globs, names, secondary ones; the same files give the same bytes', async () => {
  const files = {
    'buildspec.yml': spec(
      { build: commands('mkdir -p out/sub; echo a > out/a.txt; echo b > out/sub/b.log; cat $CODEBUILD_SRC_DIR_extra/x.txt') },
      {
        artifacts: {
          files: ['**/*'],
          'exclude-paths': ['**/*.log'],
          'base-directory': 'out',
          name: 'v-$CODEBUILD_BUILD_NUMBER.zip',
          'secondary-artifacts': { logs: { files: ['out/sub/*'], 'discard-paths': 'yes' } },
        },
      },
    ),
  };
  await rig.putObject('s3://sources/app.zip', zipOf(files));
  await rig.putObject('s3://sources/extra/x.txt', 'extra content');
  await rig.project('zip', '', {
    source: { type: 'S3', location: 'sources/app.zip' },
    secondarySources: [{ type: 'S3', location: 'sources/extra/', sourceIdentifier: 'extra' }],
    artifacts: { type: 'S3', location: 'sources', path: 'out', packaging: 'ZIP', overrideArtifactName: true },
    secondaryArtifacts: [
      { type: 'S3', location: 'sources', name: 'logs', namespaceType: 'BUILD_ID', artifactIdentifier: 'logs' },
    ],
  });
  const build = await rig.run({ projectName: 'zip' });
  assert.equal(build.buildStatus, 'SUCCEEDED', (await rig.log(build)).join('\n'));
  assert.equal(build.artifacts?.location, 'arn:aws:s3:::sources/out/v-1.zip');
  assert.deepEqual(unzipped(await rig.text('sources', 'out/v-1.zip')), { 'a.txt': 'a\n' });
  const uuid = build.id?.split(':')[1] ?? '';
  assert.equal((await rig.text('sources', `${uuid}/logs/b.log`)).toString(), 'b\n');
  assert.ok((await rig.log(build)).includes('extra content'));
  const again = await rig.run({ projectName: 'zip' });
  assert.equal(again.artifacts?.sha256sum, build.artifacts?.sha256sum);
  assert.match(build.resolvedSourceVersion ?? '', /^[0-9a-f]{32}$/);
});

test('parameters and secrets are read as the role, and the log does not show them', async () => {
  await rig.call('ssm:PutParameter', { Name: '/db/password', Value: 'hunter22', Type: 'SecureString' });
  await rig.call('secretsmanager:CreateSecret', { Name: 'token', SecretString: '{"key":"s3cr3t"}' });
  const env = { 'parameter-store': { P: '/db/password' }, 'secrets-manager': { S: 'token:key' } };
  await rig.project('secrets', spec({ build: commands('echo "P=$P S=$S ${#P} ${#S}"', 'test "$P" = hunter22') }, { env }));
  const build = await rig.run({ projectName: 'secrets' });
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.ok((await rig.log(build)).includes('P=*** S=*** 8 6'));
  const missing = await rig.run({
    projectName: 'secrets',
    environmentVariablesOverride: [{ name: 'P', value: '/none', type: 'PARAMETER_STORE' }],
  });
  assert.deepEqual(missing.phases?.[3]?.contexts, [
    { statusCode: 'Decrypted Variables Error', message: 'parameter does not exist: /none' },
  ]);
});

test('a cache is there again in the next build of its project', async () => {
  const cached = spec(
    { build: commands('cat /tmp/deps/one || echo cold', 'mkdir -p /tmp/deps; echo warm > /tmp/deps/one') },
    { cache: { paths: ['/tmp/deps/**/*'] } },
  );
  await rig.project('cached', cached, { cache: { type: 'LOCAL', modes: ['LOCAL_CUSTOM_CACHE'] } });
  assert.ok((await rig.log(await rig.run({ projectName: 'cached' }))).includes('cold'));
  assert.ok((await rig.log(await rig.run({ projectName: 'cached' }))).includes('warm'));
  await rig.call('codebuild:InvalidateProjectCache', { projectName: 'cached' });
  const job = { ...user('admin'), sessionPolicy: { Statement: { Effect: 'Allow' as const, Action: '*', Resource: '*' } } };
  await rig.ended(await rig.startBuild({ projectName: 'cached' }, job));
  const next = await rig.log(await rig.run({ projectName: 'cached' }));
  assert.ok(next.includes('cold'), 'what code of a job leaves is given to no build with more rights');
  await rig.call('s3:CreateBucket', { Bucket: 'caches' });
  const inS3 = { projectName: 'cached', cacheOverride: { type: 'S3' as const, location: 'caches/here' } };
  await rig.run(inS3);
  assert.ok((await rig.log(await rig.run(inS3))).includes('warm'));
});

test('reports are read and kept; one that cannot be read is incomplete', async () => {
  const junit =
    '<testsuite name="s"><testcase classname="c" name="a" time="0.25"/><testcase name="b"><failure message="no"/></testcase></testsuite>';
  await rig.project(
    'reported',
    spec(
      { build: commands(`mkdir r; echo '${junit}' > r/one.xml; echo '<broken' > r/two.xml`) },
      {
        reports: {
          unit: { files: ['one.xml'], 'base-directory': 'r' },
          bad: { files: ['r/two.xml'], 'file-format': 'COBERTURAXML' },
        },
      },
    ),
  );
  const build = await rig.run({ projectName: 'reported' });
  const { reports = [] } = await rig.call('codebuild:BatchGetReports', { reportArns: build.reportArns ?? [] });
  assert.deepEqual(
    reports.map(({ type, status, testSummary }) => [type, status, testSummary?.total]),
    [
      ['TEST', 'FAILED', 2],
      ['CODE_COVERAGE', 'INCOMPLETE', undefined],
    ],
  );
  const reportArn = build.reportArns?.[0] ?? '';
  const { testCases = [] } = await rig.call('codebuild:DescribeTestCases', { reportArn, filter: { status: 'FAILED' } });
  assert.deepEqual(
    testCases.map(({ name, message }) => [name, message]),
    [['b', 'no']],
  );
  const group = reports[0]?.reportGroupArn ?? '';
  await assert.rejects(rig.call('codebuild:DeleteReportGroup', { arn: group }), refusal('InvalidInputException', /has reports/));
  await rig.call('codebuild:DeleteReportGroup', { arn: group, deleteReports: true });
  assert.deepEqual((await rig.call('codebuild:BatchGetReports', { reportArns: [reportArn] })).reportsNotFound, [reportArn]);
});

test('a build writes only reports that its role may write', async () => {
  const junit = '<testsuite name="s"><testcase name="a"/></testsuite>';
  const reports = { unit: { files: ['one.xml'] } };
  await rig.project('denied', spec({ build: commands(`echo '${junit}' > one.xml`) }, { reports }));
  const role = 'SageMakerPipelineExecutionRole';
  const groups = async () => (await rig.ledger()).filter((action) => action === 'codebuild:CreateReportGroup').length;
  const earlier = await groups();
  const before = rig.policies.get(role) ?? [];
  const deny = (Action: string) => ({ Statement: { Effect: 'Deny' as const, Action, Resource: '*' } });
  rig.policies.set(role, [...before, deny('codebuild:CreateReportGroup')]);
  const refused = await rig.run({ projectName: 'denied' });
  assert.equal(refused.buildStatus, 'FAILED');
  const problemOf = ({ phases = [] }: Build) => phases.find(({ phaseType }) => phaseType === 'UPLOAD_ARTIFACTS')?.contexts?.[0];
  const problem = problemOf(refused);
  assert.equal(problem?.statusCode, 'CLIENT_ERROR');
  assert.match(
    problem.message ?? '',
    /\[unit: \[error creating report group: AccessDeniedException: User: .* codebuild:CreateReportGroup /,
  );
  assert.ok((await rig.log(refused)).some((line) => line.includes('AccessDeniedException')));
  assert.deepEqual(refused.reportArns ?? [], []);
  rig.policies.set(role, before);
  assert.equal((await rig.run({ projectName: 'denied' })).reportArns?.length, 1);
  rig.policies.set(role, [...before, deny('codebuild:CreateReport')]);
  assert.match(problemOf(await rig.run({ projectName: 'denied' }))?.message ?? '', /creating report: /);
  rig.policies.set(role, before);
  assert.equal(await groups(), earlier + 2, 'one denied, one made');
});

const WAITS = commands('echo waiting', 'while [ ! -e /tmp/go ]; do sleep 0.05; done');

test('a stop wins: the running phase is STOPPED, and so is a build that waits for its turn', async () => {
  await rig.project('stopped', spec({ build: WAITS, post_build: commands('echo never') }));
  const running = await rig.startBuild({ projectName: 'stopped' });
  await rig.until(running, ({ currentPhase }) => currentPhase === 'BUILD');
  const { build: answer } = await rig.call('codebuild:StopBuild', { id: running });
  assert.equal(answer?.buildStatus, 'STOPPED');
  const build = await rig.ended(running);
  assert.equal(build.buildStatus, 'STOPPED');
  assert.match(phasesOf(build), /BUILD STOPPED, FINALIZING SUCCEEDED, COMPLETED$/);
  // four at a time get in; the fifth waits
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) ids.push(await rig.startBuild({ projectName: 'stopped' }));
  for (const id of ids.slice(0, 4)) await rig.until(id, ({ currentPhase }) => currentPhase === 'BUILD');
  assert.equal((await rig.build(ids[4] ?? '')).currentPhase, 'QUEUED');
  for (const id of ids.toReversed()) await rig.call('codebuild:StopBuild', { id });
  for (const id of ids) assert.equal((await rig.ended(id)).buildStatus, 'STOPPED');
  const waited = await rig.build(ids[4] ?? '');
  assert.deepEqual(
    waited.phases?.map(({ phaseType }) => phaseType),
    ['SUBMITTED', 'QUEUED', 'FINALIZING', 'COMPLETED'],
  );
});

test('a build that never ends is TIMED_OUT when its time is over, in the phase it was in', async () => {
  await rig.project('endless', spec({ pre_build: commands('trap "" TERM', 'while true; do sleep 0.1; done') }));
  const build = await rig.run({ projectName: 'endless', timeoutInMinutesOverride: 5, imageOverride: 'hasty' });
  assert.equal(build.buildStatus, 'TIMED_OUT');
  assert.match(phasesOf(build), /PRE_BUILD TIMED_OUT, FINALIZING SUCCEEDED, COMPLETED$/);
  assert.deepEqual(build.phases?.find(({ phaseStatus }) => phaseStatus === 'TIMED_OUT')?.contexts, [
    { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' },
  ]);
});

test('a build whose supervisor was killed ends as FAULT and says so', async () => {
  await rig.project('lost', spec({ build: WAITS }));
  const id = await rig.startBuild({ projectName: 'lost' });
  await rig.until(id, ({ currentPhase }) => currentPhase === 'BUILD');
  const [pid = ''] = readFileSync(join(rig.folder, 'runs', `build-${id.split(':')[1]}`, 'claim'), 'utf8').split(' ');
  process.kill(Number(pid), 'SIGKILL');
  const build = await rig.ended(id);
  assert.equal(build.buildStatus, 'FAULT');
  assert.match(phasesOf(build), /BUILD FAULT, FINALIZING SUCCEEDED, COMPLETED$/);
  const fault = build.phases?.find(({ phaseStatus }) => phaseStatus === 'FAULT')?.contexts?.[0];
  assert.match(fault?.message ?? '', /^The build was lost: /);
});

test('a token starts one build; retry starts another; only ended builds can be deleted', async () => {
  await rig.project('tokens', spec({ build: commands('true') }), { concurrentBuildLimit: 1 });
  const token = { projectName: 'tokens', idempotencyToken: 'once' };
  const [one, two] = await Promise.all([rig.startBuild(token), rig.startBuild(token)]);
  assert.equal(one, two);
  await assert.rejects(rig.startBuild({ projectName: 'tokens' }), refusal('AccountLimitExceededException', /more than 1 builds/));
  await assert.rejects(
    rig.startBuild({ ...token, imageOverride: 'x' }),
    refusal('InvalidInputException', /different parameters/),
  );
  const { buildsNotDeleted } = await rig.call('codebuild:BatchDeleteBuilds', { ids: [one] });
  assert.deepEqual(buildsNotDeleted, [{ id: one, statusCode: 'BUILD_IN_PROGRESS' }]);
  await rig.ended(one);
  const { build } = await rig.call('codebuild:RetryBuild', { id: one });
  assert.equal((await rig.ended(build?.id ?? '')).buildNumber, 2);
  assert.deepEqual((await rig.call('codebuild:ListBuildsForProject', { projectName: 'tokens' })).ids, [build?.id, one]);
  await rig.call('codebuild:BatchDeleteBuilds', { ids: [one] });
  assert.deepEqual((await rig.call('codebuild:BatchGetBuilds', { ids: [one] })).buildsNotFound, [one]);
});

test('a delivery pipeline gives zips and gets zips at the places it names', async () => {
  await rig.putObject(
    's3://pipe/in.zip',
    zipOf({
      'buildspec.yml': spec(
        {
          build: commands(
            'echo made > made.txt',
            'echo "by $CODEBUILD_INITIATOR at $CODEBUILD_RESOLVED_SOURCE_VERSION"',
            'cat $CODEBUILD_SRC_DIR_Second/y.txt',
          ),
        },
        { artifacts: { files: ['made.txt'], 'secondary-artifacts': { More: { files: ['*.yml'] } } } },
      ),
    }),
  );
  await rig.putObject('s3://pipe/second.zip', zipOf({ 'y.txt': 'second content' }));
  await rig.project('delivered', '', { source: { type: 'CODEPIPELINE' }, artifacts: { type: 'CODEPIPELINE' } });
  await assert.rejects(rig.startBuild({ projectName: 'delivered' }), refusal('InvalidInputException', /CODEPIPELINE/));
  const place = (name: string, key: string) => ({ name, bucket: 'pipe', key });
  const build = await rig.run({
    projectName: 'delivered',
    idempotencyToken: 'execution/action',
    PipelineOrigin: {
      initiator: 'codepipeline/app',
      inputs: [place('Source', 'in.zip'), place('Second', 'second.zip')],
      sourceVersion: 'c0ffee',
      outputs: [place('Out', 'app/Out/abc'), place('More', 'app/More/abc')],
    },
  });
  const log = await rig.log(build);
  assert.equal(build.buildStatus, 'SUCCEEDED', log.join('\n'));
  assert.ok(log.includes('by codepipeline/app at c0ffee') && log.includes('second content'));
  assert.deepEqual([build.initiator, build.resolvedSourceVersion], ['codepipeline/app', 'c0ffee']);
  assert.deepEqual(unzipped(await rig.text('pipe', 'app/Out/abc')), { 'made.txt': 'made\n' });
  assert.deepEqual(Object.keys(unzipped(await rig.text('pipe', 'app/More/abc'))), ['buildspec.yml']);
});

test('what a job made or starts has no more rights than that job', async () => {
  const job = { ...user('admin'), sessionPolicy: { Statement: { Effect: 'Allow' as const, Action: '*', Resource: '*' } } };
  await rig.project('rights', spec({ build: commands('true') }));
  const kinds: (string | undefined)[] = [];
  let id = '';
  for (const principal of [user('admin'), job]) {
    id = await rig.startBuild({ projectName: 'rights' }, principal);
    await rig.ended(id);
    kinds.push(rig.accesses.at(-1)?.kind);
  }
  const retried = await rig.call('codebuild:RetryBuild', { id });
  await rig.ended(retried.build?.id ?? '');
  kinds.push(rig.accesses.at(-1)?.kind);
  await rig.call('codebuild:UpdateProject', { name: 'rights', description: 'changed by a job' }, job);
  await rig.run({ projectName: 'rights' });
  kinds.push(rig.accesses.at(-1)?.kind);
  assert.deepEqual(kinds, ['build', 'build-of-job', 'build-of-job', 'build-of-job']);
});

test('a source that would fill the disk or leave its folder is refused in DOWNLOAD_SOURCE', async () => {
  const bomb = `
import io, sys, zipfile
made = io.BytesIO(); archive = zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED)
archive.writestr("big", b"0" * 1000)
archive.filelist[0].file_size = 1 << 50
archive.close(); sys.stdout.buffer.write(made.getvalue())`;
  await rig.putObject('s3://evil/bomb.zip', execFileSync('python3', ['-c', bomb]));
  await rig.putObject('s3://evil/climb.zip', zipOf({ '../../escaped': 'x' }));
  await rig.project('evil', spec({ build: commands('true') }));
  const source = (name: string) => ({
    projectName: 'evil',
    sourceTypeOverride: 'S3' as const,
    sourceLocationOverride: `evil/${name}`,
  });
  for (const [name, rule] of [
    ['bomb.zip', /unpacks to more than/],
    ['climb.zip', /would land outside/],
  ] as const) {
    const build = await rig.run(source(name));
    assert.equal(phasesOf(build), 'DOWNLOAD_SOURCE FAILED, FINALIZING SUCCEEDED, COMPLETED');
    assert.match(build.phases?.[3]?.contexts?.[0]?.message ?? '', rule);
  }
  assert.ok(!existsSync(join(rig.folder, 'runs', 'escaped')));
});

test('the driver is answered for its own build only, and by its token', async () => {
  const url = `${front.url}/_slipway/builds/x`;
  for (const authorization of ['', 'a|b|c|d', '123456789012|us-east-1|first:1|AAAA']) {
    const answer = await fetch(url, { method: 'POST', headers: { authorization }, body: '{"kind":"plan"}' });
    assert.equal(answer.status, 403);
  }
});

test('killed before and after every commit and effect: each build runs exactly once and ends well', async () => {
  await rig.putObject('s3://kills/out/none', '');
  await rig.project('killed', spec({ build: commands('echo began', 'echo x > made') }, { artifacts: { files: ['made'] } }), {
    artifacts: { type: 'S3', location: 'kills', packaging: 'ZIP', name: 'made.zip' },
  });
  const folder = await rig.abandon();
  let steps = 0;
  for (let dieAt = 1; ; dieAt += 1) {
    rig = await BuildsRig.start({ front, folder, dieAt });
    const token = { projectName: 'killed', idempotencyToken: `kill-${dieAt}` };
    const call = rig.startBuild(token).then((id) => rig.ended(id));
    await Promise.race([call, rig.death.happened]);
    const survived = !rig.death.isDead;
    steps = rig.death.steps;
    await rig.abandon();
    call.catch(() => undefined); // it asks a store that is closed
    rig = await BuildsRig.start({ front, folder });
    const build = await rig.ended(await rig.startBuild(token));
    assert.deepEqual([build.buildStatus, phasesOf(build)], ['SUCCEEDED', ALL_PHASES], `killed at ${dieAt}`);
    const log = await rig.log(build);
    for (const once of [/^began$/, / Phase complete: UPLOAD_ARTIFACTS /, / Uploaded 1 file/]) {
      assert.equal(log.filter((line) => once.test(line)).length, 1, `killed at ${dieAt}: ${once}`);
    }
    assert.deepEqual(unzipped(await rig.text('kills', 'made.zip')), { made: 'x\n' });
    await rig.abandon();
    if (survived) break;
  }
  assert.ok(steps >= 8, `row, start, phases, end: ${steps}`);
  assert.ok(readdirSync(join(folder, 'runs')).length > 0);
  rig = await BuildsRig.start({ front, folder });
});
