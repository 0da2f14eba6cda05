import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENVIRONMENTS_FILE } from './environments.ts';
import { prepareRepository, writeProject } from './template.ts';

const withFolder = (run: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-template-'));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test('what was interrupted is finished by the same again', () =>
  withFolder((folder) => {
    const files = writeProject(folder, 'tumour', 'typescript');
    // it ended after the first files
    for (const name of [ENVIRONMENTS_FILE, 'train.py', 'vendor/slipway-sdk/package.json']) rmSync(join(folder, name));
    assert.deepEqual(writeProject(folder, 'tumour', 'typescript'), files);
    for (const name of [...files, 'vendor/slipway-sdk/package.json'])
      assert.ok(readFileSync(join(folder, name)).length > 0, name);
  }));

test('of what could not be written to its end nobody says that it is a project', () =>
  withFolder((folder) => {
    writeFileSync(join(folder, 'tests'), 'a file where a folder is to be');
    assert.throws(() => writeProject(folder, 'tumour', 'python'));
    assert.equal(existsSync(join(folder, ENVIRONMENTS_FILE)), false);
  }));

test('nothing of somebody else’s is written over, and nothing beside it is begun', () =>
  withFolder((folder) => {
    mkdirSync(join(folder, 'tests'));
    writeFileSync(join(folder, 'train.py'), 'mine');
    assert.throws(() => writeProject(folder, 'tumour', 'python'), /has train\.py already/);
    assert.equal(readFileSync(join(folder, 'train.py'), 'utf8'), 'mine');
    assert.throws(() => readFileSync(join(folder, 'package.json')));
  }));

test('a data folder within the project is not committed: it holds the keys of the server', () =>
  withFolder((folder) => {
    const data = join(folder, 'my data');
    mkdirSync(join(data, 'keys'), { recursive: true });
    writeFileSync(join(data, 'keys/root.key'), 'secret');
    writeFileSync(join(folder, 'train.py'), 'mine');
    assert.equal(prepareRepository(folder, data), undefined);
    const git = (...words: string[]) => spawnSync('git', words, { cwd: folder, encoding: 'utf8' }).stdout;
    assert.equal(git('ls-files'), 'train.py\n');
    assert.equal(git('status', '--porcelain'), '', 'and what somebody adds later neither');
    prepareRepository(folder, data, 'http://localhost:7600/_slipway/git/tumour');
    assert.equal(readFileSync(join(folder, '.git/info/exclude'), 'utf8').match(/my/g)?.length, 1);
    assert.match(git('config', '--get-all', 'credential.http://localhost:7600.helper'), /git-credential --data '.*my data'/);
  }));
