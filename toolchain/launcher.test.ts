import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** A checkout with the real launcher and set-up, no packages, and a command line that tells what it was given. */
const CHECKOUT = fileURLToPath(new URL('..', import.meta.url));
const checkout = mkdtempSync(join(tmpdir(), 'slipway-launcher-'));
after(() => rmSync(checkout, { recursive: true, force: true }));
for (const part of ['bin', 'toolchain']) cpSync(join(CHECKOUT, part), join(checkout, part), { recursive: true });
for (const folder of ['src/cli', 'node_modules']) mkdirSync(join(checkout, folder), { recursive: true });
writeFileSync(join(checkout, 'package.json'), '{ "type": "module" }');
writeFileSync(join(checkout, 'package-lock.json'), '{ "packages": {} }');
writeFileSync(join(checkout, 'node_modules/.package-lock.json'), '{ "packages": {} }');
writeFileSync(
  join(checkout, 'src/cli/main.ts'),
  `
const facts: { args: string[]; pid: number; major: number } = { args: process.argv.slice(2), pid: process.pid, major: Number(process.versions.node.split('.')[0]) };
if (facts.args[0] === 'wait') {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => { console.log(signal); process.exit(7); });
  setInterval(() => undefined, 1000);
}
console.log(JSON.stringify(facts));
if (facts.args[0] === 'exit') process.exit(Number(facts.args[1]));
if (facts.args[0] === 'die') process.kill(process.pid, 'SIGKILL');
`,
);

/** A Node of the host that is too old to run Slipway itself, if there is one. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find((path) => existsSync(path) && Number(/^v(\d+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[1]) < 24);

const environment = { ...process.env, SLIPWAY_NODE: process.execPath, SLIPWAY_CACHE: join(checkout, 'cache') };

function launch(node: string, args: readonly string[]) {
  const child = spawn(node, [join(checkout, 'bin/slipway.mjs'), ...args], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seen = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (seen.err += text));
  return { child, seen, closed: once(child, 'close').then(([code]) => code as number | null) };
}

for (const [kind, node] of [
  ['too old a Node', oldNode],
  ['a Node that is new enough', process.execPath],
] as const) {
  const skip = node === undefined ? 'this host has no older Node' : false;

  test(`from ${kind}: arguments go in, output and exit code come out`, { skip }, async () => {
    const { child, seen, closed } = launch(node ?? '', ['exit', '3', 'a b', '']);
    assert.equal(await closed, 3, seen.err);
    const facts = JSON.parse(seen.out) as { args: string[]; pid: number; major: number };
    assert.deepEqual(facts.args, ['exit', '3', 'a b', '']);
    assert.ok(facts.major >= 24);
    assert.equal(facts.pid === child.pid, kind === 'a Node that is new enough');
    assert.equal(seen.err, '');
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    test(`from ${kind}: ${signal} is passed on`, { skip }, async () => {
      const { child, seen, closed } = launch(node ?? '', ['wait']);
      while (!seen.out.includes('\n')) await once(child.stdout, 'data');
      child.kill(signal);
      assert.equal(await closed, 7, seen.err);
      assert.ok(seen.out.endsWith(`${signal}\n`));
    });
  }
}

test('a child ended by a signal is told as the shell tells it', { skip: oldNode === undefined }, async () => {
  assert.equal(await launch(oldNode ?? '', ['die']).closed, 137);
});

test('setup refuses words it does not know', async () => {
  const { seen, closed } = launch(process.execPath, ['setup', 'everything']);
  assert.equal(await closed, 2);
  assert.match(seen.out, /usage: slipway setup/);
});
