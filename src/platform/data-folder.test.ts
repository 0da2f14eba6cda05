import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
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

/** A process that opens the folder, drops what it got, collects garbage, and stays. Its first line says how that went. */
function holderOf(
  folder: string,
  t: TestContext,
): { readonly pid: number | undefined; said: Promise<string>; kill(): Promise<void> } {
  const code = `
    const { openDataFolder } = await import(${JSON.stringify(new URL('data-folder.ts', import.meta.url).href)});
    try { openDataFolder(${JSON.stringify(folder)}); gc(); console.log('held'); } catch (error) { console.log(error.message); }
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  const kill = async () => {
    holder.kill('SIGKILL');
    await ended;
  };
  t.after(kill);
  return { pid: holder.pid, said: once(holder.stdout, 'data').then(([text]) => String(text)), kill };
}

test('a second server is refused with the pid of the first, until that one is killed', async (t) => {
  const folder = join(root, 'locked');
  const holder = holderOf(folder, t);
  assert.equal(await holder.said, 'held\n');
  assert.throws(
    () => openDataFolder(folder),
    (error) => error instanceof ConfigError && error.message.includes(`pid ${holder.pid}`),
  );
  await holder.kill();
  openDataFolder(folder).close();
});

test('of several that come at once, one has the folder', async (t) => {
  for (let round = 0; round < 3; round += 1) {
    const folder = join(root, `raced-${round}`);
    const holders = Array.from({ length: 4 }, () => holderOf(folder, t));
    const said = await Promise.all(holders.map((holder) => holder.said));
    assert.equal(said.filter((text) => text === 'held\n').length, 1, said.join(''));
    assert.equal(said.filter((text) => text.includes('is in use by another server')).length, 3, said.join(''));
    await Promise.all(holders.map((holder) => holder.kill()));
  }
});

test('a folder that cannot be made is an error of the configuration', () => {
  fs.writeFileSync(join(root, 'file'), '');
  assert.throws(() => openDataFolder(join(root, 'file', 'inside')), ConfigError);
});
