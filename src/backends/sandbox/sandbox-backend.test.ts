import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runWorkSuite, said, waitForChange } from '../../platform/ports/work-suite.ts';
import { RunFolders } from './run-folder.ts';
import { absence, createTrial } from './testing/sandbox-trial.ts';

for (const isolation of ['bubblewrap', 'unshare', 'container'] as const) {
  runWorkSuite({ name: isolation, skip: absence(isolation), open: () => createTrial(isolation) });

  test(`${isolation}: the isolation is told and the usage of the job itself is recorded`, {
    skip: absence(isolation),
  }, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(trial.spec('counted', 'pass', { preamble: ['first: {isolation}'] }));
    await trial.end('counted');
    assert.match(trial.lines('counted')[0] ?? '', /^first: isolated by /);
    const record = JSON.parse(readFileSync(join(trial.folder, 'runs/.records/counted.ended'), 'utf8'));
    assert.ok(record.cpuMs > 0 && record.peakMemoryBytes > 1_000_000);
    trial.close();
  });

  test(`${isolation}: work survives the kill of its server and is adopted by the next`, {
    skip: absence(isolation),
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-sandbox-'));
    const script = `
import os, time
print("ready", flush=True)
while not os.path.exists("/opt/ml/go"): time.sleep(0.05)
print("finished")`;
    const program = fileURLToPath(new URL('./testing/doomed-server.ts', import.meta.url));
    const server = spawn(process.execPath, [program, isolation, folder, 'survivor', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(server.stdout, 'data');
    const trial = createTrial(isolation, folder);
    await said(trial, 'survivor', 'ready');
    server.kill('SIGKILL');
    await once(server, 'exit');
    await waitForChange(
      trial.backend,
      'survivor',
      async () => (await trial.backend.status('survivor')).phase === 'running' || undefined,
    );
    await trial.backend.start(trial.spec('survivor', script)); // a reconciler that forgot starts it again: nothing happens
    writeFileSync(join(folder, 'runs/survivor/ml/go'), '');
    const end = await trial.end('survivor');
    assert.deepEqual([end.reason, end.exitCode], ['exited', 0]);
    assert.deepEqual(trial.lines('survivor'), ['ready', 'finished']);
    trial.close();
  });

  test(`${isolation}: a vanished supervisor takes its job along and the work is lost, not running for ever`, {
    skip: absence(isolation),
  }, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(trial.spec('orphan', 'import time; print("ready", flush=True); time.sleep(600)'));
    await said(trial, 'orphan', 'ready');
    const [pid = ''] = readFileSync(join(trial.folder, 'runs/orphan/claim'), 'utf8').split(' ');
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', pid], { encoding: 'utf8' }).trim().split(/\s+/);
    assert.ok(children[0]);
    process.kill(Number(pid), 'SIGKILL');
    const end = await trial.end('orphan');
    assert.equal(end.reason, 'lost');
    while (children.some((child) => existsSync(`/proc/${child}`))) await new Promise(setImmediate);
    trial.close();
  });
}

test('when the spawner is killed the next start makes a new one', async () => {
  const trial = createTrial('unshare');
  await trial.backend.start(trial.spec('before', 'print(1)'));
  await trial.end('before');
  const spawner = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => readCommandLine(pid).includes(`spawner.py\0${join(trial.folder, 'runs')}`));
  assert.ok(spawner);
  process.kill(Number(spawner), 'SIGKILL');
  while (existsSync(`/proc/${spawner}`)) await new Promise(setImmediate);
  await trial.backend.start(trial.spec('after', 'print(2)'));
  assert.equal((await trial.end('after')).exitCode, 0);
  trial.close();
});

test('bytes that are no text are kept as they are', async () => {
  const trial = createTrial('unshare');
  await trial.backend.start(trial.spec('binary', 'import sys; sys.stdout.buffer.write(b"\\xff\\x00\\xfe\\nmore")'));
  await trial.end('binary');
  const lines = readFileSync(join(trial.folder, 'logs/binary')).toString('latin1').trimEnd().split('\n');
  assert.ok(lines.every((line) => /^\d{13} /.test(line)));
  assert.deepEqual(
    lines.map((line) => line.slice(14)),
    ['\xff\x00\xfe', 'more'],
  );
  trial.close();
});

test('work that ended before anybody looked is absent once it is released', async () => {
  const trial = createTrial('unshare');
  await trial.backend.start(trial.spec('quick', 'pass'));
  while (!existsSync(join(trial.folder, 'runs/.records/quick.ended'))) await new Promise(setImmediate);
  await trial.backend.release('quick');
  assert.equal((await trial.backend.status('quick')).phase, 'absent');
  trial.close();
});

test('bubblewrap: a zero byte in the environment smuggles no option in', { skip: absence('bubblewrap') }, async () => {
  const trial = createTrial('bubblewrap');
  const environment = { X: `a\0--bind\0${trial.folder}\0/mnt` };
  await trial.backend.start(trial.spec('smuggler', 'import os; print(os.listdir("/mnt"))', { environment }));
  const end = await trial.end('smuggler');
  assert.equal(end.reason, 'failed-to-start');
  assert.match(end.message ?? '', /zero byte/);
  trial.close();
});

for (const isolation of ['bubblewrap', 'unshare', 'container'] as const) {
  test(`${isolation}: an interpreter and a runtime below a home folder are seen at their own paths, and nothing beside them`, {
    skip: absence(isolation),
  }, async () => {
    const home = join(homedir(), '.slipway-trial');
    const prefix = join(home, 'prefix');
    mkdirSync(prefix, { recursive: true });
    writeFileSync(join(prefix, 'there'), 'yes');
    writeFileSync(join(home, 'secret'), 'no');
    const trial = createTrial(isolation, undefined, {
      locateRuntime: () => ({ folders: [prefix], environment: { PATH: '/usr/bin:/bin' } }),
    });
    await trial.backend.start(
      trial.spec(
        'homely',
        `
import os
print(open(${JSON.stringify(join(prefix, 'there'))}).read(), os.listdir(${JSON.stringify(home)}))
try: open(${JSON.stringify(join(prefix, 'there'))}, 'w')
except OSError: print('read-only')
open('/root/mine', 'w'); open('/tmp/mine', 'w'); print(os.environ['HOME'])`,
      ),
    );
    await trial.end('homely');
    assert.deepEqual(trial.lines('homely'), ["yes ['prefix']", 'read-only', '/root']);
    rmSync(home, { recursive: true });
    trial.close();
  });
}

test('a data folder with a long path has sockets in a short folder of its own', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-sandbox-'));
  const trial = createTrial('unshare', join(scratch, 'x'.repeat(120)));
  await trial.backend.start(
    trial.spec(
      'far',
      `
import os, socket
server = socket.socket(socket.AF_UNIX); server.bind(os.environ["SLIPWAY_SERVE_SOCKET"]); server.listen()
print("listening", flush=True)
server.accept()[0].sendall(b"hello")`,
      { kind: 'service' },
    ),
  );
  await said(trial, 'far', 'listening');
  const address = trial.backend.address('far');
  const socketPath = address.kind === 'unix' ? address.socketPath : '';
  assert.ok(Buffer.byteLength(socketPath) <= 107);
  assert.equal(statSync(dirname(socketPath)).mode & 0o777, 0o700);
  const [chunk] = await once(connect(socketPath), 'data');
  assert.equal(String(chunk), 'hello');
  await trial.end('far');
  await trial.backend.release('far');
  trial.close();
  rmSync(scratch, { recursive: true });
  rmdirSync(dirname(dirname(socketPath))); // empty by now
});

test('a disk that runs full ends the job before the store suffers', async () => {
  const trial = createTrial('unshare');
  await trial.backend.start(trial.spec('first', 'pass')); // finds the isolation
  await trial.end('first');
  const spec = trial.spec('full', 'import time; time.sleep(600)');
  const plan = join(trial.folder, 'runs/full/plan.json');
  // the supervisor believes its plan: a reserve larger than the disk stands for a disk that is full
  const { writePlan } = RunFolders.prototype;
  RunFolders.prototype.writePlan = function (id, content) {
    writePlan.call(this, id, { ...content, diskReserveBytes: 2 ** 60 });
  };
  await trial.backend.start(spec).finally(() => {
    RunFolders.prototype.writePlan = writePlan;
  });
  const end = await trial.end('full');
  assert.ok(existsSync(plan));
  assert.deepEqual([end.reason, end.exitCode], ['exited', 137]);
  assert.match(end.message ?? '', /disk .* was full/);
  trial.close();
});

test("without isolation /opt/ml is the job's own while it runs, and one job at a time has it", {
  skip: !mayOwnRoot() && '/opt/ml cannot be made here',
}, async () => {
  const trial = createTrial('plain');
  const script = 'import os, time; print(os.path.realpath("/opt/ml")); open("/opt/ml/model/m", "w").write("x"); time.sleep(0.2)';
  const outputs = [{ name: 'model', path: '/opt/ml/model' }];
  const digest = trial.store('stored');
  const input = { path: '/opt/ml/in', access: 'read-only', entries: [{ relativePath: 'f', digest, sizeBytes: 6 }] } as const;
  for (const id of ['one', 'two'])
    await trial.backend.start(trial.spec(id, script, { outputs, inputs: [input], preamble: ['{isolation}'] }));
  for (const id of ['one', 'two']) {
    const end = await trial.end(id);
    assert.deepEqual([end.reason, end.exitCode, end.isolation], ['exited', 0, 'plain'], end.message);
    assert.deepEqual(trial.lines(id), ['NOT ISOLATED (sandbox: plain)', join(trial.folder, 'runs', id, 'ml')]);
    assert.deepEqual(
      (await trial.backend.outputs(id, 'model')).files.map((file) => file.relativePath),
      ['m'],
    );
  }
  const times = await Promise.all(['one', 'two'].map((id) => trial.end(id)));
  const [first, second] = times.toSorted((a, b) => a.endedAtMs - b.endedAtMs);
  assert.ok((second?.startedAtMs ?? 0) >= (first?.endedAtMs ?? Infinity), 'one after the other');
  assert.ok(!existsSync('/opt/ml'));
  trial.close();
});

/** Only a link of ours, or nothing, may stand at /opt/ml. */
function mayOwnRoot(): boolean {
  try {
    accessSync('/opt', constants.W_OK);
  } catch {
    return false;
  }
  const found = lstatSync('/opt/ml', { throwIfNoEntry: false });
  return found === undefined || found.isSymbolicLink();
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // gone meanwhile
  }
}

test('a tree deeper than a path may be long is told as such, and removed', { skip: absence('unshare') }, async () => {
  const trial = createTrial('unshare');
  const { backend } = trial;
  const script = "import os\nos.chdir('/opt/ml/model')\nfor n in range(120): os.mkdir('d' * 50); os.chdir('d' * 50)";
  await backend.start(trial.spec('deep', script, { outputs: [{ name: 'model', path: '/opt/ml/model' }] }));
  assert.equal((await trial.end('deep')).exitCode, 0);
  await assert.rejects(backend.outputs('deep', 'model'), {
    name: 'BackendError',
    reason: 'user-code',
    message: /its path is too long/,
  });
  await backend.release('deep');
  assert.equal(existsSync(join(trial.folder, 'runs', 'deep')), false);
  trial.close();
});
