import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Buildspec, isBuildspecProblem, parseBuildspec } from './decide-buildspec.ts';

const good = (text: string): Buildspec => {
  const spec = parseBuildspec(text);
  assert.ok(!isBuildspecProblem(spec), JSON.stringify(spec));
  return spec;
};
const bad = (text: string): string => {
  const spec = parseBuildspec(text);
  assert.ok(isBuildspecProblem(spec), JSON.stringify(spec));
  return spec.problem;
};
const phases = (text: string): string => `version: 0.2\nphases:\n  build:\n    commands: [make]\n${text}`;

test('everything a buildspec can say, as text', () => {
  const spec = good(`
version: 0.2
env:
  shell: bash
  variables: { A: 3.10, B: yes, C: 007, D: }
  parameter-store: { P: /a/b }
  secrets-manager: { S: "id:key:AWSCURRENT" }
  exported-variables: [A, B]
phases:
  install:
    runtime-versions: { python: 3.10, nodejs: 20 }
    commands: [npm ci]
    finally: [echo over]
    on-failure: CONTINUE
  build:
    commands:
      - |
        if true; then
          echo "two lines"
        fi
    on-failure: RETRY-2-timeout.*
artifacts:
  files: ['**/*']
  base-directory: dist
  discard-paths: yes
  exclude-paths: ['**/*.map']
  enable-symlinks: no
  name: app-$(date +%Y)
  s3-prefix: releases
  secondary-artifacts:
    docs: { files: [docs/*] }
reports:
  unit: { files: [r.xml] }
  coverage: { files: ['*.xml'], base-directory: cov, file-format: CoberturaXml }
cache: { paths: ['/root/.npm/**/*'] }
`);
  assert.deepEqual(spec.variables, { A: '3.10', B: 'yes', C: '007', D: '' });
  assert.deepEqual(spec.runtimeVersions, { python: '3.10', nodejs: '20' });
  assert.deepEqual(spec.phases.install, { commands: ['npm ci'], finally: ['echo over'], onFailure: { action: 'CONTINUE' } });
  assert.deepEqual(spec.phases.build.onFailure, { action: 'RETRY', times: 2, pattern: 'timeout.*' });
  assert.equal(spec.phases.build.commands[0], 'if true; then\n  echo "two lines"\nfi\n');
  assert.deepEqual(spec.artifacts, {
    files: ['**/*'],
    excludePaths: ['**/*.map'],
    discardPaths: true,
    enableSymlinks: false,
    baseDirectory: 'dist',
    name: 'app-$(date +%Y)',
    s3Prefix: 'releases',
  });
  assert.deepEqual(Object.keys(spec.secondaryArtifacts), ['docs']);
  assert.deepEqual(
    spec.reports.map(({ group, format }) => [group, format]),
    [
      ['unit', 'JUNITXML'],
      ['coverage', 'COBERTURAXML'],
    ],
  );
  assert.deepEqual([spec.cachePaths, spec.shell, spec.notes], [['/root/.npm/**/*'], 'bash', []]);
});

test('wrong structure names the path and the rule', () => {
  const cases: [string, RegExp][] = [
    ['', /^The buildspec must be a mapping that begins with `version: 0\.2`; found nothing\.$/],
    ['- a', /found a list\.$/],
    ['phases: {}', /^version: is missing/],
    ['version: 2\nphases: {}', /^version: must be 0\.1 or 0\.2; found "2"\.$/],
    ['version: 0.2', /^phases: is missing/],
    ['version: 0.2\nphases: [a]', /^phases: must be a mapping; found a list\.$/],
    [
      'version: 0.2\nphases: {test: {commands: [a]}}',
      /^phases\.test: is no phase\. Phases are install, pre_build, build, post_build\.$/,
    ],
    ['version: 0.2\nphases: {build: {commands: make}}', /^phases\.build\.commands: must be a list.*found the text "make"\.$/],
    ['version: 0.2\nphases: {build: {commands: {a: b}}}', /^phases\.build\.commands: must be a list.*found a mapping\.$/],
    [
      'version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b',
      /^phases\.build\.commands\[0\]: must be text; found a mapping with the key "echo a"/,
    ],
    [phases('    on-failure: MAYBE'), /^phases\.build\.on-failure: must be ABORT/],
    [phases('    on-failure: RETRY-101'), /at most 100 retries/],
    [phases('artifacts: {name: x}'), /^artifacts\.files: is missing/],
    [phases('artifacts: {files: [a], discard-paths: maybe}'), /^artifacts\.discard-paths: must be yes or no; found "maybe"\.$/],
    [phases('artifacts: {secondary-artifacts: {a: {name: x}}}'), /^artifacts\.secondary-artifacts\.a\.files: is missing/],
    [phases('reports: {a: {files: [x], file-format: TAP}}'), /^reports\.a\.file-format: must be one of JUNITXML/],
    [phases('env: {variables: {1A: x}}'), /^env\.variables\.1A: is no name of a variable/],
    [phases('env: {exported-variables: [a-b]}'), /^env\.exported-variables\[0\]: "a-b" is no name/],
    [phases('env: {shell: zsh}'), /^env\.shell: must be bash, sh or \/bin\/sh; found "zsh"/],
    ['version: 0.2\nphases: [', /at line \d+, column \d+/],
    ['version: 0.2\nphases: {}\nversion: 0.2', /unique/i],
  ];
  for (const [text, rule] of cases) assert.match(bad(text), rule, text);
});

test('what is unknown or not done is told in the log, and stops nothing', () => {
  const { notes } = good(phases('run-as: joe\nbatch: {fast-fail: true}\nsteps: 1\nproxy: {logs: yes}\ncache: {key: k}'));
  assert.deepEqual(notes, [
    'steps is not a key of a buildspec and was left out.',
    'proxy is not implemented and was left out.',
    'batch is not implemented and was left out.',
    'run-as: joe is not another user here; commands run as root of the sandbox.',
    'cache.key is not implemented: a project has one cache.',
  ]);
});

test('names that look like members of an object are names; aliases cannot grow without end', () => {
  assert.equal(good(phases('env: {variables: {__proto__: x, constructor: y}}')).variables['constructor'], 'y');
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...'bcdefghi'.split('').map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[at]}`).join(', ')}]`),
  ];
  assert.match(bad(`version: 0.2\n${bomb.join('\n')}`), /alias/i);
  assert.match(bad('x'.repeat(600_000)), /at most 524288 are read/);
});

test('a buildspec of many keys costs no more than they are, and a key given twice is told', () => {
  const many = Array.from({ length: 50_000 }, (_, at) => `k${at}: v`).join('\n');
  assert.match(bad(many), /version: is missing/);
  assert.match(bad(phases('env:\n  variables:\n    A: 1\n    B: 2\n    A: 3\n')), /"A" is given twice/);
  assert.match(bad(`${phases('')}\nversion: 0.1\n`), /"version" is given twice/);
});
