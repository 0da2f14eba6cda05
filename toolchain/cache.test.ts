import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

const CACHE = new URL('./cache.mjs', import.meta.url).href;

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-cache-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a snippet in a process of its own, since what is tested is the meeting of processes. `lines` are its output so far. */
function start(code: string): {
  kill(): void;
  ended: Promise<number | null>;
  said(text: string): Promise<void>;
  lines(): string[];
} {
  const program = `import { buildOnce, prune, withLock } from ${JSON.stringify(CACHE)}; import * as fs from 'node:fs'; const say = (t) => console.log(t);\n${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    kill: () => child.kill('SIGKILL'),
    ended,
    lines: () => output.trim().split('\n'),
    async said(text) {
      while (!output.includes(text))
        await Promise.race([once(child.stdout, 'data'), ended.then(() => assert.fail(`ended, having said ${output}`))]);
    },
  };
}

test('several set-ups at once build once', async (context) => {
  const target = join(folderOf(context), 'thing');
  const code = `
    const ready = await buildOnce(${JSON.stringify(target)}, say, async (folder) => {
      say('building'); fs.writeFileSync(folder + '/file', 'whole');
      await new Promise((done) => setTimeout(done, 300));
      return { by: process.pid };
    });
    say('by ' + ready.by);`;
  const runs = [1, 2, 3, 4].map(() => start(code));
  assert.deepEqual(await Promise.all(runs.map((run) => run.ended)), [0, 0, 0, 0]);
  const lines = runs.flatMap((run) => run.lines());
  assert.equal(lines.filter((line) => line === 'building').length, 1);
  assert.equal(new Set(lines.filter((line) => line.startsWith('by '))).size, 1);
  assert.deepEqual(readdirSync(join(target, '..')), ['thing']);
});

test('a set-up killed on the way leaves nothing that looks finished, and the next one takes over', async (context) => {
  const folder = folderOf(context);
  const target = join(folder, 'thing');
  const stuck = start(`await buildOnce(${JSON.stringify(target)}, say, async (folder) => {
    fs.writeFileSync(folder + '/half', ''); say('half done'); setInterval(() => {}, 1000); await new Promise(() => {}); });`);
  await stuck.said('half done');
  stuck.kill();
  await stuck.ended;
  assert.ok(!existsSync(target));
  const next = start(
    `await buildOnce(${JSON.stringify(target)}, say, async (folder) => { fs.writeFileSync(folder + '/file', ''); return { ok: true }; });`,
  );
  assert.equal(await next.ended, 0);
  assert.deepEqual(readdirSync(target).sort(), ['file', 'ready.json']);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('partial')),
    [],
  );
});

test('a failed build says so and can be repeated', async (context) => {
  const target = join(folderOf(context), 'thing');
  const failing = start(
    `await buildOnce(${JSON.stringify(target)}, say, async () => { throw new Error('no line'); }).catch((error) => say(error.message));`,
  );
  assert.equal(await failing.ended, 0);
  assert.deepEqual(failing.lines(), ['no line']);
  assert.deepEqual(readdirSync(join(target, '..')), []);
});

test('of several that find a dead owner, one goes on at a time', async (context) => {
  const folder = folderOf(context);
  const lock = join(folder, 'lock');
  const dead = start('say(process.pid)');
  await dead.ended;
  const { hostname } = await import('node:os');
  writeFileSync(lock, `${hostname()} ${dead.lines()[0]} 1 x`);
  const count = join(folder, 'count');
  writeFileSync(count, '0');
  const code = `await withLock(${JSON.stringify(lock)}, () => {}, async () => {
    const before = fs.readFileSync(${JSON.stringify(count)}, 'utf8');
    await new Promise((done) => setTimeout(done, 50));
    fs.writeFileSync(${JSON.stringify(count)}, String(Number(before) + 1)); });`;
  const runs = [1, 2, 3, 4].map(() => start(code));
  assert.deepEqual(await Promise.all(runs.map((run) => run.ended)), [0, 0, 0, 0]);
  assert.equal(readFileSync(count, 'utf8'), '4');
});

test('pruning spares what is kept, recently used, unfinished or running', async (context) => {
  const folder = folderOf(context);
  const long = new Date(Date.now() - 40 * 86_400_000);
  for (const name of ['old', 'kept', 'recent', 'unfinished', 'running']) {
    mkdirSync(join(folder, name));
    if (name === 'unfinished') continue;
    writeFileSync(join(folder, name, 'ready.json'), '{}');
    if (name !== 'recent') utimesSync(join(folder, name, 'ready.json'), long, long);
  }
  const running = start(`/* ${join(folder, 'running')} */ say('up'); setInterval(() => {}, 1000);`);
  await running.said('up');
  const pruning = start(
    `prune(${JSON.stringify(folder)}.slice(0), [${JSON.stringify(folder)} + '/kept'], 30 * 86400000, () => {});`,
  );
  assert.equal(await pruning.ended, 0);
  running.kill();
  await running.ended;
  assert.deepEqual(readdirSync(folder).sort(), ['kept', 'recent', 'running', 'unfinished']);
});
