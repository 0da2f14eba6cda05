import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { CLI, startServer, type TestServer } from '../harness/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('without a server a verb exits 1 and says how to start one', async () => {
  for (const verb of [['status'], ['env'], ['ui'], ['run', 'p'], ['invoke', 'e', '--body', 'x']]) {
    const { code, stdout, stderr } = await slipway([...verb, '--data', folder]);
    assert.deepEqual([code, stdout], [1, ''], verb[0]);
    assert.match(
      stderr,
      new RegExp(`^slipway: no server is listening for ${folder}. Start one: npx slipway serve --data ${folder}\n$`),
    );
  }
});

test('wrong use exits 2', async () => {
  for (const args of [
    ['nonsense'],
    ['run'],
    ['deploy', 'p'],
    ['serve', '--port', 'x'],
    ['validate', 'absent.json'],
    ['dev', 'x'],
    ['audit', 'verify', '--data', folder],
    ['demo', '--threshold', 'high'],
  ]) {
    const { code, stderr } = await slipway(args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.notEqual(stderr, '');
    assert.doesNotMatch(stderr, /\n\s+at /, 'no stack');
  }
});

test('verbs and chapters of later versions say that they are not there yet', async () => {
  for (const args of [
    ['monitor', 'e'],
    ['demo', 'release'],
    ['graph', '--to', 'x'],
  ]) {
    const { code, stderr } = await slipway(args);
    assert.equal(code, 1);
    assert.match(stderr, /not implemented in this version/);
  }
});

test('an unknown setting refuses to start', async () => {
  await assert.rejects(startServer({ settings: 'aproval: open\n' }), /\(2\) before it listened:\n[\s\S]*aproval/);
});

/** Serves on a terminal of its own, which is closed as soon as the server listens; exits as the server does. */
const CLOSED_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
while b'listening' not in seen:
    seen += os.read(terminal, 65536)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

test('a server whose terminal is closed stops in order, although nobody reads its log any more', () => {
  const closed = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
  const command = [process.execPath, CLI, 'serve', '--port', '0', '--data', closed];
  const { status, stderr } = spawnSync('python3', ['-c', CLOSED_TERMINAL, ...command], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { routerPid } = JSON.parse(readFileSync(join(closed, 'server.json'), 'utf8')) as { routerPid: number };
  assert.throws(() => process.kill(routerPid, 0), { code: 'ESRCH' });
  rmSync(closed, { recursive: true, force: true });
});

test('npm passes a signal on to the server, and its exit code back', async () => {
  const served = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
  const npm = spawn('npm', ['start', '--', '--port', '0', '--data', served], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(npm, 'exit');
  const listening = new Promise((seen) => npm.stdout.on('data', (text) => String(text).includes('listening on') && seen(text)));
  await Promise.race([listening, ended.then(([code]) => assert.fail(`npm ended with ${code}`))]);
  const { pid } = JSON.parse(readFileSync(join(served, 'server.json'), 'utf8')) as { pid: number };
  npm.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  rmSync(served, { recursive: true, force: true });
});

suite('with a server', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({ folder });
  });
  after(() => server.stop());

  test('env prints lines a shell can evaluate, whatever was set before', () => {
    const script = 'export AWS_PROFILE=other; eval "$("$NODE" "$CLI" env)"; env';
    const { stdout } = spawnSync('sh', ['-c', script], {
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH,
        NODE: process.execPath,
        CLI: join(import.meta.dirname, '../../src/cli/main.ts'),
        SLIPWAY_DATA: folder,
      },
    });
    const seen = Object.fromEntries(
      stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    assert.equal(seen['AWS_ENDPOINT_URL'], server.url);
    assert.equal(seen['AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME'], server.runtimeUrl);
    assert.equal(seen['AWS_ACCESS_KEY_ID'], server.env.AWS_ACCESS_KEY_ID);
    assert.equal(seen['AWS_PROFILE'], undefined);
    assert.equal(statSync(seen['SAGEMAKER_USER_CONFIG_OVERRIDE'] ?? '').isFile(), true);
    assert.equal(statSync(join(folder, 'credentials')).mode & 0o777, 0o600);
  });

  test('status says how to begin; --json is JSON', async () => {
    const { stdout } = await slipway(['status', '--data', folder]);
    assert.match(stdout, new RegExp(`^No pipeline yet. Create one: npx slipway upsert FILE --data ${folder}\n$`));
    assert.deepEqual(JSON.parse((await slipway(['status', '--json', '--data', folder])).stdout), []);
  });

  test('a hint needs no --data when the folder is the default one', async () => {
    const { stdout } = await slipway(['status'], { env: server.env });
    assert.match(stdout, /upsert FILE\n$/);
  });

  test('what does not exist is said in words, exit 1', async () => {
    for (const args of [
      ['status', 'nothing'],
      ['steps', 'nothing'],
      ['logs', 'nothing', 'Train'],
      ['wait', 'nothing'],
      ['stop', 'nothing'],
    ]) {
      const { code, stderr } = await slipway(args, { env: server.env });
      assert.equal(code, 1);
      assert.equal(stderr, 'No pipeline and no execution is called "nothing". List them: npx slipway status\n');
    }
    assert.match((await slipway(['approve', 'nothing'], { env: server.env })).stderr, /nothing has no version yet/);
    assert.match((await slipway(['run', 'nothing'], { env: server.env })).stderr, /nothing.* does not exist/);
    const invoked = await slipway(['invoke', 'nothing', '--body', '1,2'], { env: server.env });
    assert.equal(invoked.code, 1);
    assert.match(invoked.stderr, /Endpoint nothing of account \d+ not found/);
  });

  test('the link of ui opens a session once', async () => {
    const link = (await slipway(['ui'], { env: server.env })).stdout.trim();
    const first = await fetch(link);
    assert.equal(first.status, 200);
    const cookie = first.headers.get('set-cookie') ?? '';
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.equal(
      (await fetch(new URL('/_slipway/ui', server.url), { headers: { cookie: cookie.split(';')[0] ?? '' } })).status,
      200,
    );
    assert.equal((await fetch(link)).status, 403);
  });

  test('doctor finds the server and everything jobs need', async () => {
    const { code, stdout } = await slipway(['doctor', '--json'], { env: server.env });
    const findings = JSON.parse(stdout) as { what: string; state: string; detail: string }[];
    assert.equal(code, findings.some(({ state }) => state === 'missing') ? 1 : 0);
    assert.match(findings.find(({ what }) => what === 'server')?.detail ?? '', new RegExp(`listening on ${server.url}`));
  });

  test('a second server on the folder is refused and names the first', async () => {
    await assert.rejects(
      startServer({ folder }),
      new RegExp(`\\(2\\) before it listened:\n[\\s\\S]*in use by another server \\(pid ${server.pid}\\)`),
    );
  });

  test('down stops it; the next start has the same address and key; down again finds nothing', async () => {
    const before = server;
    const { code, stdout } = await slipway(['down', '--data', folder]);
    assert.equal(code, 0);
    assert.match(stdout, /^slipway: stopped/);
    assert.match((await slipway(['down', '--data', folder])).stdout, /no server is listening/);
    server = await startServer({ folder });
    assert.deepEqual(
      [server.url, server.runtimeUrl, server.env.AWS_ACCESS_KEY_ID],
      [before.url, before.runtimeUrl, before.env.AWS_ACCESS_KEY_ID],
    );
  });

  test('audit verify reads the ledger, and names the first entry that was changed', async () => {
    const intact = await slipway(['audit', 'verify', '--data', folder]);
    assert.match(intact.stdout, /^ledger verified: \d+ entries, head [0-9a-f]{64}\n$/);
    assert.equal(JSON.parse((await slipway(['audit', 'verify', '--json', '--data', folder])).stdout).ok, true);
    await slipway(['down', '--data', folder]);
    const db = new DatabaseSync(join(folder, 'slipway.db'));
    db.exec('update ledger set entry = replace(entry, \'"done"\', \'"denied"\') where sequence = 2');
    db.close();
    const broken = await slipway(['audit', 'verify', '--data', folder]);
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /broken at entry 2/);
    const mended = new DatabaseSync(join(folder, 'slipway.db'));
    mended.exec('update ledger set entry = replace(entry, \'"denied"\', \'"done"\') where sequence = 2');
    mended.close();
    server = await startServer({ folder });
  });

  test('no key is in the log', () => {
    const told = server.log() + readFileSync(join(folder, 'server.json'), 'utf8');
    assert.ok(server.env.AWS_SECRET_ACCESS_KEY && !told.includes(server.env.AWS_SECRET_ACCESS_KEY));
  });
});
