import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkEnd } from '../../platform/ports/work.ts';
import { timeText } from './build-rows.ts';
import { readCoverage } from './decide-coverage.ts';
import { decideEnd, refusedImage } from './decide-end.ts';
import { buildEnvironment } from './decide-environment.ts';
import { begun, closed, merged, next, readRecords } from './decide-phases.ts';
import { artifactKey } from './decide-plan.ts';
import { mergedVariables, refusedProject } from './decide-settings.ts';
import { buildspecPlace, gitOf } from './decide-source.ts';
import { readTestResults } from './decide-test-results.ts';
import { parseSecretReference } from './resolve-variables.ts';
import type { BuildDocument, BuildSettings } from './resources.ts';

const lines = (...records: object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const NO_RECORDS = readRecords('');

test('records become phases; what is half written or makes no sense is left out', () => {
  const text =
    lines(
      { t: 1000, kind: 'begin', phase: 'DOWNLOAD_SOURCE' },
      { t: 3500, kind: 'finish', phase: 'DOWNLOAD_SOURCE', status: 'SUCCEEDED', contexts: [] },
      { t: 3500, kind: 'begin', phase: 'COMPLETED' },
      { t: 3600, kind: 'begin', phase: 'INSTALL' },
      { t: 3600, kind: 'begin', phase: 'DOWNLOAD_SOURCE' },
      { t: 'x', kind: 'exported', variables: [{ name: 'A', value: 1 }] },
    ) + 'null\n[1]\nnot json\n{"kind":"end","status":"SUCC';
  const records = readRecords(text);
  assert.deepEqual(
    records.phases.map(({ phaseType, phaseStatus, durationInSeconds }) => [phaseType, phaseStatus, durationInSeconds]),
    [
      ['DOWNLOAD_SOURCE', 'SUCCEEDED', 2],
      ['INSTALL', undefined, undefined],
    ],
  );
  assert.deepEqual([records.end, records.exported], [undefined, [{ name: 'A', value: '1' }]]);
  const own = next([begun('SUBMITTED', 0)], 'PROVISIONING', 500);
  const all = closed(merged(own, records), 'STOPPED', 9000);
  assert.deepEqual(
    all.map(({ phaseType, phaseStatus }) => `${phaseType} ${phaseStatus ?? ''}`.trim()),
    [
      'SUBMITTED SUCCEEDED',
      'PROVISIONING SUCCEEDED',
      'DOWNLOAD_SOURCE SUCCEEDED',
      'INSTALL STOPPED',
      'FINALIZING SUCCEEDED',
      'COMPLETED',
    ],
  );
});

test('records that code of a build wrote for nobody to read are read', () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  const long = 'x'.repeat(100_000);
  const text = [
    `{"kind":"source","version":${deep}}`,
    `{"kind":"begin","phase":${deep}}`,
    `{"kind":"begin","phase":"INSTALL"}`,
    `{"kind":"finish","phase":"INSTALL","status":"FAILED","contexts":[{"statusCode":${deep},"message":${deep}}]}`,
    `{"kind":"exported","variables":[null,{"name":${deep},"value":${deep}},{"name":"${long}","value":{}}]}`,
    `{"kind":"artifact","place":${deep},"name":${deep}}`,
    `{"kind":"report","index":${deep},"files":${deep}}`,
    `{"kind":"report","index":0,"files":["${long}",1,null]}`,
  ];
  const records = readRecords(`${text.join('\n')}\n`);
  assert.deepEqual(records.phases[0]?.contexts, [{ statusCode: '', message: '' }]);
  assert.deepEqual(
    records.exported?.map(({ name, value }) => [name.length, value]),
    [
      [0, ''],
      [0, ''],
      [255, ''],
    ],
  );
  const end = '{"kind":"end","status":"SUCCEEDED"}\n';
  const ends = [1_000, 10_000].map((count) => readRecords(`${'{}\n'.repeat(count)}${end}`).end);
  assert.deepEqual(ends, ['SUCCEEDED', undefined], 'as many as a driver may write');
  assert.deepEqual(
    records.reports.get(0)?.map(({ length }) => length),
    [1024, 1, 0],
  );
});

test('how a build ends, by how its work ended', () => {
  const end = (reason: WorkEnd['reason'], more: Partial<WorkEnd> = {}): WorkEnd => ({
    phase: 'ended',
    reason,
    endedAtMs: 1,
    isolation: 'bubblewrap',
    ...more,
  });
  const status = (work: WorkEnd, records = NO_RECORDS, stopping = false) => decideEnd(work, records, stopping).status;
  const succeeded = readRecords(lines({ t: 1, kind: 'end', status: 'SUCCEEDED' }));
  assert.equal(status(end('exited', { exitCode: 0 }), succeeded), 'SUCCEEDED');
  assert.equal(status(end('exited', { exitCode: 0 }), succeeded, true), 'STOPPED');
  assert.equal(status(end('exited', { exitCode: 0 })), 'FAILED');
  assert.equal(status(end('max-runtime')), 'TIMED_OUT');
  assert.equal(status(end('out-of-memory')), 'FAILED');
  assert.equal(status(end('lost')), 'FAULT');
  assert.equal(status(end('failed-to-start', { message: 'No space left' })), 'FAULT');
  const archive = decideEnd(end('failed-to-start', { message: 'The archive is no readable zip' }), NO_RECORDS, false);
  assert.deepEqual([archive.status, archive.inSource], ['FAILED', true]);
  const message = 'The object "a//b" cannot be a file below /codebuild/output/src/src: its key is no plain path.';
  assert.equal(decideEnd(end('failed-to-start', { message }), NO_RECORDS, false).inSource, true);
  assert.equal(refusedImage('aws/codebuild/amazonlinux2-x86_64-standard:5.0'), undefined);
  assert.match(refusedImage('123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1')?.message ?? '', /not implemented/);
});

test('the variables that CodeBuild sets, of each source its own', () => {
  const build = {
    arn: 'arn:aws:codebuild:eu-west-1:123456789012:build/app:1',
    id: 'app:1',
    projectName: 'app',
    number: 1,
    input: {},
    settings: {
      source: { type: 'S3', location: 'arn:aws:s3:::b/app.zip' },
      sourceVersion: 'v1',
      secondarySources: [{ type: 'GITHUB', location: 'https://example.com/a.git', sourceIdentifier: 'other' }],
      secondarySourceVersions: [{ sourceIdentifier: 'other', sourceVersion: 'main' }],
      environment: { image: 'aws/codebuild/standard:7.0' },
      logs: {},
    },
  } as unknown as BuildDocument;
  const found = buildEnvironment(build, true);
  const expected = {
    CODEBUILD_PROJECT_ARN: 'arn:aws:codebuild:eu-west-1:123456789012:project/app',
    CODEBUILD_SOURCE_REPO_URL: 's3://b/app.zip',
    CODEBUILD_SOURCE_VERSION: 'v1',
    CODEBUILD_SOURCE_REPO_URL_other: 'https://example.com/a.git',
    CODEBUILD_SOURCE_VERSION_other: 'main',
    CODEBUILD_SRC_DIR_other: '/codebuild/output/src/src-other',
  };
  assert.deepEqual({ ...found, ...expected }, found);
});

test('a version may be a reference and a commit: the commit is what is cloned', () => {
  const commit = 'c0ffee00'.repeat(5);
  const source = { type: 'GITHUB' as const, location: 'https://example.com/a.git' };
  const versionOf = (sourceVersion: string) => gitOf({ sourceVersion } as BuildSettings, source)?.version;
  for (const reference of ['refs/heads/main', 'refs/heads/a/b', 'refs/tags/v1', 'refs/pull/1/head']) {
    assert.equal(versionOf(`${reference}^{${commit}}`), commit);
    assert.equal(versionOf(reference), reference);
  }
  assert.equal(versionOf('main'), 'main');
  assert.equal(versionOf('pr/25'), 'refs/pull/25/head');
});

test('a buildspec is inline, a path, or an object of S3; keys of artifacts', () => {
  assert.deepEqual(buildspecPlace(undefined), { kind: 'path', path: 'buildspec.yml' });
  assert.deepEqual(buildspecPlace('ci/build.yaml'), { kind: 'path', path: 'ci/build.yaml' });
  assert.deepEqual(buildspecPlace('arn:aws:s3:::b/x/y.yml'), { kind: 's3', bucket: 'b', key: 'x/y.yml' });
  assert.equal(buildspecPlace('version: 0.2\nphases: {}').kind, 'inline');
  assert.equal(buildspecPlace('{"version":"0.2"}').kind, 'inline');
  const kept = {
    place: '0',
    spec: {} as never,
    zip: true,
    bucket: 'b',
    prefix: 'a/b',
    name: 'p',
    overrideName: true,
    exact: false,
  };
  assert.equal(artifactKey(kept, 'given.zip'), 'a/b/given.zip');
  assert.equal(artifactKey({ ...kept, overrideName: false }, 'given.zip'), 'a/b/p');
  assert.equal(artifactKey({ ...kept, name: '/', overrideName: false, zip: false }, undefined), 'a/b');
  assert.deepEqual(parseSecretReference('arn:aws:secretsmanager:r:1:secret:n-x:key:AWSCURRENT'), {
    secretId: 'arn:aws:secretsmanager:r:1:secret:n-x',
    key: 'key',
    stage: 'AWSCURRENT',
    version: '',
  });
  assert.deepEqual(
    mergedVariables(
      [{ name: 'A', value: '1' }],
      [
        { name: 'B', value: '2' },
        { name: 'A', value: '3' },
      ],
    ).map(({ value }) => value),
    ['3', '2'],
  );
  assert.equal(timeText(Date.UTC(2017, 8, 1, 16, 12, 29)), 'Sep 1, 2017 4:12:29 PM');
});

test('projects that CodeBuild would not take either', () => {
  const project = {
    name: 'p1',
    source: { type: 'NO_SOURCE' as const, buildspec: 'version: 0.2' },
    artifacts: { type: 'NO_ARTIFACTS' as const },
    environment: { type: 'LINUX_CONTAINER' as const, image: 'i', computeType: 'BUILD_GENERAL1_SMALL' as const },
  };
  assert.equal(refusedProject(project), undefined);
  const cases: [object, RegExp][] = [
    [{ name: '-x' }, /Project name must start/],
    [{ source: { type: 'NO_SOURCE' } }, /requires a buildspec/],
    [{ source: { type: 'S3' } }, /location is required/],
    [{ source: { type: 'S3', location: 'bucket' } }, /must be bucket\/key/],
    [{ source: { type: 'GITHUB', location: 'file:///etc' } }, /must be a http or https URL/],
    [{ source: { type: 'CODEPIPELINE' } }, /both be of type CODEPIPELINE/],
    [{ artifacts: { type: 'S3' } }, /location must be set/],
    [{ environment: { ...project.environment, type: 'WINDOWS_CONTAINER' } }, /builds run on Linux/],
    [
      { environment: { ...project.environment, environmentVariables: [{ name: 'A B', value: '' }] } },
      /Invalid environment variable name/,
    ],
    [{ secondarySources: [{ type: 'S3', location: 'a/b' }] }, /sourceIdentifier is required/],
  ];
  for (const [change, rule] of cases) assert.match(refusedProject({ ...project, ...change })?.message ?? '', rule);
});

test('test results and coverage of every format', () => {
  const cases = (format: Parameters<typeof readTestResults>[0], text: string) => {
    const found = readTestResults(format, text);
    assert.ok('cases' in found, JSON.stringify(found));
    return found.cases.map(({ name, status, durationInNanoSeconds }) => [name, status, durationInNanoSeconds]);
  };
  assert.deepEqual(
    cases(
      'JUNITXML',
      '<testsuites><testsuite><testcase name="a" time="1.5"/><testsuite><testcase name="b"><error/></testcase><testcase name="c"><skipped/></testcase></testsuite></testsuite></testsuites>',
    ),
    [
      ['a', 'SUCCEEDED', 1.5e9],
      ['b', 'ERROR', 0],
      ['c', 'SKIPPED', 0],
    ],
  );
  assert.deepEqual(
    cases(
      'NUNIT3XML',
      '<test-run><test-suite><test-case fullname="N.A" result="Failed" duration="0.1"/></test-suite></test-run>',
    ),
    [['N.A', 'FAILED', 1e8]],
  );
  assert.deepEqual(
    cases(
      'TESTNGXML',
      '<testng-results><suite><test><class name="C"><test-method name="m" status="PASS" duration-ms="3"/><test-method is-config="true" name="s" status="PASS"/></class></test></suite></testng-results>',
    ),
    [['m', 'SUCCEEDED', 3e6]],
  );
  assert.deepEqual(
    cases(
      'VISUALSTUDIOTRX',
      '<TestRun><Results><UnitTestResult testName="t" outcome="NotExecuted" duration="00:00:01.5"/></Results></TestRun>',
    ),
    [['t', 'SKIPPED', 1.5e9]],
  );
  assert.deepEqual(
    cases(
      'CUCUMBERJSON',
      '[{"name":"f","elements":[{"name":"s","steps":[{"result":{"status":"passed","duration":5}},{"result":{"status":"failed","error_message":"x"}}]}]}]',
    ),
    [['s', 'FAILED', 5]],
  );
  const covered = (format: Parameters<typeof readCoverage>[0], text: string) => {
    const found = readCoverage(format, text);
    assert.ok('files' in found, JSON.stringify(found));
    return found.files.map((file) => [
      file.filePath,
      file.linesCovered,
      file.linesMissed,
      file.branchesCovered,
      file.branchesMissed,
    ]);
  };
  assert.deepEqual(
    covered(
      'COBERTURAXML',
      '<!DOCTYPE coverage SYSTEM "http://x/y.dtd"><coverage><class filename="a.py"><lines><line hits="2"/><line hits="0" condition-coverage="50% (1/2)"/></lines></class></coverage>',
    ),
    [['a.py', 1, 1, 1, 1]],
  );
  assert.deepEqual(
    covered(
      'CLOVERXML',
      '<coverage><project><file path="a.js"><metrics statements="4" coveredstatements="3" conditionals="2" coveredconditionals="1"/></file></project></coverage>',
    ),
    [['a.js', 3, 1, 1, 1]],
  );
  assert.deepEqual(
    covered(
      'JACOCOXML',
      '<report><package name="p"><sourcefile name="A.java"><counter type="LINE" missed="1" covered="2"/></sourcefile></package></report>',
    ),
    [['p/A.java', 2, 1, 0, 0]],
  );
  assert.deepEqual(covered('SIMPLECOV', '{"RSpec":{"coverage":{"a.rb":{"lines":[1,null,0]}}}}'), [['a.rb', 1, 1, 0, 0]]);
  const bomb = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>';
  assert.deepEqual(cases('JUNITXML', bomb), [['&c;', 'SUCCEEDED', 0]]);
  for (const text of ['', '<a', '{', '[]x']) assert.ok('problem' in readCoverage('CLOVERXML', text) || text === '', text);
});
