import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDataFolder, readServerRecord } from './data-folder.ts';
import { ConfigError } from './errors/families.ts';

const root = fs.mkdtempSync(join(tmpdir(), 'slipway-folder-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const record = { pid: 1, routerPid: 2, port: 7600, runtimePort: 7601, url: 'http://127.0.0.1:7600' };

test('a new folder is private, and its server record comes back', () => {
  const folder = join(root, 'a', 'new');
  const opened = openDataFolder(folder);
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  assert.equal(opened.readServerRecord(), undefined);
  opened.writeServerRecord(record);
  assert.deepEqual(readServerRecord(folder), record);
  opened.close();
  const again = openDataFolder(folder);
  assert.deepEqual(again.readServerRecord(), record);
  again.close();
});

test('a record that is none counts as absent', () => {
  const folder = join(root, 'broken');
  fs.mkdirSync(folder);
  for (const text of ['', '{', 'null', '[]', '{"pid":"1"}', JSON.stringify({ ...record, url: 5 })]) {
    fs.writeFileSync(join(folder, 'server.json'), text);
    assert.equal(readServerRecord(folder), undefined, text);
  }
});

test('a second server is refused with the pid of the first, until that one is killed', async () => {
  const folder = join(root, 'locked');
  const code = `
    const { openDataFolder } = await import(${JSON.stringify(new URL('data-folder.ts', import.meta.url).href)});
    openDataFolder(${JSON.stringify(folder)});
    console.log('held');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  assert.throws(
    () => openDataFolder(folder),
    (error) => error instanceof ConfigError && error.message.includes(`pid ${holder.pid}`),
  );
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  openDataFolder(folder).close();
});

test('a folder that cannot be made is an error of the configuration', () => {
  fs.writeFileSync(join(root, 'file'), '');
  assert.throws(() => openDataFolder(join(root, 'file', 'inside')), ConfigError);
});
