import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite, test } from 'node:test';

/** As root a mount namespace is enough, anybody else needs a user namespace for it, too. */
const UNSHARE = process.getuid?.() === 0 ? ['-m'] : ['-rm'];
const canMount = spawnSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'none', '/tmp']).status === 0;

suite('a disk that is full', { skip: canMount ? false : 'no file system can be mounted here' }, () => {
  for (const [place, what] of [
    ['.', 'of the whole data folder'],
    ['database', 'of the database'],
    ['blobs', 'of the contents'],
    ['logs', 'of the logs'],
  ] as const) {
    test(`${what}: refused in clear words, nothing acknowledged is lost, also by a kill; with room again it goes on`, () => {
      const script = join(import.meta.dirname, 'disk-full-scenario.ts');
      const { stdout, stderr } = spawnSync('unshare', [...UNSHARE, process.execPath, script, place], { encoding: 'utf8' });
      assert.deepEqual(JSON.parse(stdout.trim() || '["no answer"]'), [], stderr);
    });
  }
});
