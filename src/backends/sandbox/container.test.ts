import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToEnd, said } from '../../platform/ports/work-suite.ts';
import type { WorkInput } from '../../platform/ports/work.ts';
import { findIsolation } from './isolation.ts';
import { absence, createTrial } from './testing/sandbox-trial.ts';

test('a client without an engine, and an engine that is not there, are no container engine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-engine-'));
  // itself, not a script of a version manager, which needs more of PATH
  const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  const path = process.env['PATH'];
  writeFileSync(join(folder, 'docker'), '#!/bin/sh\necho "Client: made up"\necho "Cannot connect to the daemon" >&2\nexit 1\n');
  chmodSync(join(folder, 'docker'), 0o755);
  try {
    process.env['PATH'] = folder;
    const found = await findIsolation({ sandbox: 'container', python, folder });
    assert.ok(found.isolation === 'none');
    assert.match(found.problem, /podman is not installed; docker has no engine that answers: Cannot connect to the daemon/);
    assert.match(found.problem, /use `auto` in slipway\.yaml/);
  } finally {
    process.env['PATH'] = path;
    rmSync(folder, { recursive: true });
  }
});

test('what an engine is not asked for is refused by name', { skip: absence('container') }, async () => {
  const trial = createTrial('container', undefined, {
    locateRuntime: () => ({ folders: [], environment: {} }),
    openImage: () => Promise.reject(new Error('opened')),
  });
  const own = await runToEnd(trial, trial.spec('own', '', { runtime: { name: `sha256:${'a'.repeat(64)}` } }));
  assert.equal(own.reason, 'failed-to-start');
  assert.match(own.message ?? '', /is one of your own, which is not implemented under a container engine/);
  const hosts = ['algo-1', 'algo-2'];
  const alone = await runToEnd(trial, trial.spec('alone', '', { network: 'none', hosts }));
  assert.match(alone.message ?? '', /Network isolation of a job on 2 hosts is not implemented under a container engine/);
  trial.close();
});

test("a container that has the name already is in nobody's way", { skip: absence('container') }, async () => {
  const trial = createTrial('container');
  await trial.backend.start(trial.spec('again', 'import time; print("first", flush=True); time.sleep(600)'));
  await said(trial, 'again', 'first');
  const [pid = ''] = readFileSync(join(trial.folder, 'runs/again/claim'), 'utf8').split(' ');
  process.kill(Number(pid), 'SIGKILL');
  for (const gone of ['runs/again', 'runs/.records/again.started'])
    rmSync(join(trial.folder, gone), { recursive: true, force: true });
  const next = trial.reopen();
  const end = await runToEnd(next, next.spec('again', 'print("second")'));
  assert.equal(end.exitCode, 0);
  assert.equal(next.lines('again').at(-1), 'second');
  next.close();
});

test('files whose names an engine cannot mount are copies', { skip: absence('container') }, async () => {
  const trial = createTrial('container');
  const entries = [{ relativePath: 'one,ro:two', digest: trial.store('stored'), sizeBytes: 6 }];
  const inputs: WorkInput[] = [{ path: '/opt/ml/processing/in', access: 'additive', entries }];
  const script = 'print(open("/opt/ml/processing/in/one,ro:two").read(), ascii(__import__("os").environ["LINES_OF"]))';
  const end = await runToEnd(trial, trial.spec('comma', script, { inputs, environment: { LINES_OF: 'a\nb' } }));
  assert.equal(end.exitCode, 0);
  assert.deepEqual(trial.lines('comma'), ["stored 'a\\nb'"]);
  trial.close();
});
