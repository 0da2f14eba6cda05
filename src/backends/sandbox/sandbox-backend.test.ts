import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RunFolders } from './run-folder.ts';
import { archiveInput, createTrial, type Trial } from './testing/sandbox-trial.ts';

/** Waits until the job has said `word`; the log is a file of the host. */
async function said(trial: Trial, id: string, word: string): Promise<void> {
  while (!existsSync(join(trial.folder, 'logs', id)) || !trial.log(id).includes(word)) await new Promise(setImmediate);
}

for (const isolation of ['bubblewrap', 'unshare'] as const) {
  test(`${isolation}: exit codes, signals, lines and usage are recorded`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(
      trial.spec('seven', 'print("out"); import sys; print("error", file=sys.stderr); sys.exit(7)', {
        preamble: ['first: {isolation}'],
      }),
    );
    const seven = await trial.end('seven');
    assert.equal(seven.reason, 'exited');
    assert.equal(seven.exitCode, 7);
    assert.ok((seven.startedAtMs ?? Infinity) <= seven.endedAtMs);
    assert.match(trial.lines('seven')[0] ?? '', /^first: isolated by /);
    assert.deepEqual(trial.lines('seven').slice(1).toSorted(), ['error', 'out']);
    await trial.backend.start(trial.spec('signalled', 'import os; os.kill(os.getpid(), 9)'));
    assert.equal((await trial.end('signalled')).exitCode, 137);
    const record = JSON.parse(readFileSync(join(trial.folder, 'runs/.records/seven.ended'), 'utf8'));
    assert.ok(record.cpuMs > 0 && record.peakMemoryBytes > 1_000_000, 'usage of the job itself is seen');
    trial.close();
  });

  test(`${isolation}: stop reaches the job's own process, which ends in its own way`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(
      trial.spec(
        'polite',
        `
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("saving"), sys.exit(3)))
print("ready", flush=True)
time.sleep(600)`,
      ),
    );
    await said(trial, 'polite', 'ready');
    await trial.backend.stop('polite');
    const end = await trial.end('polite');
    assert.deepEqual([end.reason, end.exitCode], ['stopped', 3]);
    assert.ok(trial.lines('polite').includes('saving'));
    trial.close();
  });

  test(`${isolation}: a job that ignores SIGTERM is killed with all its children after the grace`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(
      trial.spec(
        'stubborn',
        `
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork(); os.fork()
print("ready", flush=True)
time.sleep(600)`,
        { limits: { graceSeconds: 0.3, memoryBytes: 1 << 29, cpus: 64 } },
      ),
    );
    await said(trial, 'stubborn', 'ready');
    await trial.backend.stop('stubborn');
    const end = await trial.end('stubborn');
    assert.deepEqual([end.reason, end.exitCode], ['stopped', 137]);
    trial.close();
  });

  test(`${isolation}: the maximum run time ends a job`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(
      trial.spec('slow', 'import time; time.sleep(600)', {
        limits: { maxRuntimeSeconds: 1, graceSeconds: 5, memoryBytes: 1 << 29, cpus: 64 },
      }),
    );
    const end = await trial.end('slow');
    assert.deepEqual([end.reason, end.exitCode], ['max-runtime', 143]);
    trial.close();
  });

  test(`${isolation}: more memory than allowed ends a job with 137`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(
      trial.spec(
        'greedy',
        `
held = []
while True: held.append(bytearray(1 << 22))`,
        { limits: { graceSeconds: 5, memoryBytes: 100 << 20, cpus: 64 } },
      ),
    );
    const end = await trial.end('greedy');
    assert.deepEqual([end.reason, end.exitCode], ['out-of-memory', 137]);
    trial.close();
  });

  test(`${isolation}: a program that does not exist fails the start and says so`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(trial.spec('absent', '', { command: ['no-such-program'] }));
    const end = await trial.end('absent');
    assert.equal(end.reason, 'failed-to-start');
    assert.match(end.message ?? '', /no-such-program/);
    trial.close();
  });

  test(`${isolation}: a service listens on its socket inside, reachable outside, and is stopped`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(
      trial.spec(
        'service',
        `
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind(os.environ["SLIPWAY_SERVE_SOCKET"])
server.listen()
print("listening", flush=True)
while True: server.accept()[0].sendall(b"hello")`,
        { kind: 'service', network: 'none' },
      ),
    );
    await said(trial, 'service', 'listening');
    const address = trial.backend.address('service');
    assert.equal(address.kind, 'unix');
    const socketPath = address.kind === 'unix' ? address.socketPath : '';
    assert.ok(Buffer.byteLength(socketPath) <= 107);
    const [chunk] = await once(connect(socketPath), 'data');
    assert.equal(String(chunk), 'hello');
    await trial.backend.stop('service');
    assert.equal((await trial.end('service')).reason, 'stopped');
    await trial.backend.release('service');
    assert.ok(!existsSync(socketPath));
    trial.close();
  });

  test(`${isolation}: work survives the kill of its server and is adopted by the next`, async () => {
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
    assert.equal((await trial.backend.status('survivor')).phase, 'running');
    await trial.backend.start(trial.spec('survivor', script)); // a reconciler that forgot starts it again: nothing happens
    writeFileSync(join(folder, 'runs/survivor/ml/go'), '');
    const end = await trial.end('survivor');
    assert.deepEqual([end.reason, end.exitCode], ['exited', 0]);
    assert.deepEqual(trial.lines('survivor'), ['ready', 'finished']);
    trial.close();
  });

  test(`${isolation}: a stop asked for while no server lives is kept`, async () => {
    const trial = createTrial(isolation);
    await trial.backend.start(trial.spec('kept', 'import time; print("ready", flush=True); time.sleep(600)'));
    await said(trial, 'kept', 'ready');
    trial.backend.close();
    const next = createTrial(isolation, trial.folder);
    await next.backend.stop('kept');
    assert.equal((await next.end('kept')).reason, 'stopped');
    next.close();
  });

  test(`${isolation}: a vanished supervisor takes its job along and the work is lost, not running for ever`, async () => {
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

test('starting twice at once and again later makes one process', async () => {
  const trial = createTrial('unshare');
  const spec = trial.spec('once', 'print("one start")');
  await Promise.all([trial.backend.start(spec), trial.backend.start(spec)]);
  await trial.end('once');
  await trial.backend.start(spec);
  assert.deepEqual(trial.lines('once'), ['one start']);
  trial.close();
});

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

test('long, binary and unfinished lines are kept as lines', async () => {
  const trial = createTrial('unshare');
  await trial.backend.start(
    trial.spec(
      'noisy',
      `
import sys
out = sys.stdout.buffer
out.write(b"a" * 1000000 + b"\\nshort\\n\\n\\xff\\x00\\xfe\\ntab\\there\\nunfinished")`,
    ),
  );
  await trial.end('noisy');
  const lines = readFileSync(join(trial.folder, 'logs/noisy')).toString('latin1').trimEnd().split('\n');
  assert.equal(lines.length, 6);
  assert.ok(lines.every((line) => /^\d{13} /.test(line)));
  assert.match(lines[0] ?? '', /a \[line cut by slipway\]$/);
  assert.ok((lines[0]?.length ?? 0) < 300_000);
  assert.deepEqual(
    lines.slice(1).map((line) => line.slice(14)),
    ['short', '', '\xff\x00\xfe', 'tab\there', 'unfinished'],
  );
  trial.close();
});

test('outputs: files in order, links and pipes left out, nothing outside is read', async () => {
  const trial = createTrial('unshare');
  await trial.backend.start(
    trial.spec(
      'writer',
      `
import os
os.chdir("/opt/ml/model")
os.makedirs("b/c"); open("b/c/deep", "w").write("deep"); open("z", "w").write("z"); open("a", "w").write("a")
os.chmod("z", 0o755)
os.symlink("/etc/passwd", "link"); os.mkfifo("pipe"); os.symlink("/etc", "folder-link")
os.rename("/opt/ml/output", "/opt/ml/other"); os.symlink("/etc", "/opt/ml/output")
os.mkdir("/opt/ml/fifo"); os.mkfifo("/opt/ml/fifo/failure")`,
      {
        outputs: [
          { name: 'model', path: '/opt/ml/model' },
          { name: 'output', path: '/opt/ml/output' },
        ],
      },
    ),
  );
  assert.equal((await trial.end('writer')).exitCode, 0);
  const { files, skipped } = await trial.backend.outputs('writer', 'model');
  assert.deepEqual(
    files.map((file) => [file.relativePath, file.sizeBytes, file.executable]),
    [
      ['a', 1, false],
      ['b/c/deep', 4, false],
      ['z', 1, true],
    ],
  );
  assert.deepEqual(skipped.toSorted(), ['folder-link', 'link', 'pipe']);
  let text = '';
  for await (const chunk of files[1]?.open() ?? []) text += Buffer.from(chunk).toString();
  assert.equal(text, 'deep');
  assert.deepEqual(await trial.backend.outputs('writer', 'output'), { files: [], skipped: ['.'] });
  assert.equal(await trial.backend.readText('writer', '/opt/ml/output/passwd', 100), undefined);
  assert.equal(await trial.backend.readText('writer', '/opt/ml/fifo/failure', 100), undefined);
  assert.equal(await trial.backend.readText('writer', '/opt/ml/model/b/c/deep', 2), 'de');
  trial.close();
});

test('writable inputs are private copies, an output may lie below a read-only input', async () => {
  const trial = createTrial('unshare');
  const digest = trial.store('stored');
  const entries = [{ relativePath: 'file', digest, sizeBytes: 6 }];
  await trial.backend.start(
    trial.spec(
      'copies',
      `
open("/opt/ml/writable/file", "a").write(" and changed")
open("/opt/ml/input/out/file", "w").write(open("/opt/ml/input/nested/file").read() + open("/opt/ml/input/file").read())`,
      {
        inputs: [
          { path: '/opt/ml/input/nested', access: 'read-only', entries },
          { path: '/opt/ml/input', access: 'read-only', entries },
          { path: '/opt/ml/writable', access: 'writable', entries },
        ],
        outputs: [{ name: 'out', path: '/opt/ml/input/out' }],
      },
    ),
  );
  assert.equal((await trial.end('copies')).exitCode, 0);
  assert.equal(readFileSync(join(trial.folder, 'blobs', digest), 'utf8'), 'stored');
  const { files } = await trial.backend.outputs('copies', 'out');
  assert.deepEqual(
    files.map((file) => [file.relativePath, file.sizeBytes]),
    [['file', 12]],
  );
  trial.close();
});

for (const isolation of ['bubblewrap', 'unshare'] as const) {
  test(`${isolation}: to an additive input files can be added, staged ones cannot be changed`, async () => {
    const trial = createTrial(isolation);
    const digest = trial.store('stored');
    const entries = ['file', 'sub/file'].map((relativePath) => ({ relativePath, digest, sizeBytes: 6 }));
    await trial.backend.start(
      trial.spec(
        'additive',
        `
import os
folder = "/opt/ml/processing/input"
open(folder + "/new", "w").write("x"); open(folder + "/sub/new", "w").write("x"); os.mkdir(folder + "/more")
for act in (lambda: open(folder + "/file", "a"), lambda: open(folder + "/sub/file", "w"), lambda: os.remove(folder + "/file"),
            lambda: os.rename(folder + "/new", folder + "/file")):
    try: act(); print("changed")
    except OSError: print("kept")
print(open(folder + "/file").read(), sorted(os.listdir(folder)))`,
        {
          inputs: [{ path: '/opt/ml/processing/input', access: 'additive', entries }],
          outputs: [{ name: 'out', path: '/opt/ml/processing/output' }],
        },
      ),
    );
    await trial.end('additive');
    assert.deepEqual(trial.lines('additive'), ['kept', 'kept', 'kept', 'kept', "stored ['file', 'more', 'new', 'sub']"]);
    assert.equal(readFileSync(join(trial.folder, 'blobs', digest), 'utf8'), 'stored');
    trial.close();
  });
}

test('an additive input below an output is copied, so that the output holds its files', async () => {
  const trial = createTrial('unshare');
  const entries = [{ relativePath: 'file', digest: trial.store('stored'), sizeBytes: 6 }];
  await trial.backend.start(
    trial.spec('covered', 'open("/opt/ml/work/in/file", "a").write("!")', {
      inputs: [{ path: '/opt/ml/work/in', access: 'additive', entries }],
      outputs: [{ name: 'out', path: '/opt/ml/work' }],
    }),
  );
  assert.equal((await trial.end('covered')).exitCode, 0);
  const { files } = await trial.backend.outputs('covered', 'out');
  assert.deepEqual(
    files.map((file) => [file.relativePath, file.sizeBytes]),
    [['in/file', 7]],
  );
  trial.close();
});

test('archives are unpacked; members that would escape are refused', async () => {
  const trial = createTrial('unshare');
  const make = (code: string): string => {
    const path = join(trial.folder, 'made.tar.gz');
    execFileSync('python3', [
      '-c',
      `
import io, tarfile
archive = tarfile.open(${JSON.stringify(path)}, "w:gz")
def add(name, kind=tarfile.REGTYPE, link="", content=b"x", mode=0o644):
    member = tarfile.TarInfo(name); member.type = kind; member.linkname = link; member.mode = mode
    member.size = len(content) if kind == tarfile.REGTYPE else 0
    archive.addfile(member, io.BytesIO(content))
${code}
archive.close()`,
    ]);
    return trial.store(readFileSync(path));
  };
  const script = 'import os; print(sorted(os.path.join(t, f)[14:] for t, _, fs in os.walk("/opt/ml/model") for f in fs))';
  const good = make('add("./xgboost-model"); add("code/inference.py"); add("code/link", tarfile.SYMTYPE, "inference.py")');
  await trial.backend.start(trial.spec('good', script, { inputs: [archiveInput('/opt/ml/model', good, 1)] }));
  await trial.end('good');
  assert.deepEqual(trial.lines('good'), ["['code/inference.py', 'code/link', 'xgboost-model']"]);
  const evil: Record<string, string> = {
    up: 'add("../escaped")',
    absolute: 'add("/tmp/escaped")',
    link: 'add("l", tarfile.SYMTYPE, "/etc"); add("l/escaped")',
    upward: 'add("l", tarfile.SYMTYPE, "../../..")',
    turned: 'add("a", tarfile.SYMTYPE, "b/../../x"); add("b", tarfile.SYMTYPE, "c/d"); add("c/d/e")',
    hard: 'add("h", tarfile.LNKTYPE, "../../plan.json")',
    device: 'add("d", tarfile.CHRTYPE)',
    pipe: 'add("p", tarfile.FIFOTYPE)',
  };
  for (const [name, code] of Object.entries(evil)) {
    await trial.backend.start(trial.spec(name, script, { inputs: [archiveInput('/opt/ml/model', make(code), 1)] }));
    const end = await trial.end(name);
    assert.equal(end.reason, 'failed-to-start', name);
    assert.match(end.message ?? '', /archive/, name);
  }
  const broken = trial.store('no archive');
  await trial.backend.start(trial.spec('broken', script, { inputs: [archiveInput('/opt/ml/model', broken, 1)] }));
  assert.match((await trial.end('broken')).message ?? '', /no readable tar\.gz/);
  trial.close();
});

test('staging that fails ends the run with its reason', async () => {
  const trial = createTrial('unshare');
  const digest = trial.store('x');
  const input = (relativePath: string) =>
    ({ path: '/opt/ml/in', access: 'read-only', entries: [{ relativePath, digest, sizeBytes: 1 }] }) as const;
  for (const [id, key] of [
    ['up', '../escaped'],
    ['absolute', '/etc/x'],
    ['double', 'a//b'],
  ] as const) {
    await trial.backend.start(trial.spec(id, '', { inputs: [input(key)] }));
    const end = await trial.end(id);
    assert.equal(end.reason, 'failed-to-start');
    assert.match(end.message ?? '', /no plain path/);
  }
  trial.close();
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

test('a data folder inside a system folder stays hidden', async () => {
  const { systemMounts } = await import('./system-mounts.ts');
  assert.ok(
    systemMounts(['/usr/src/app/.slipway']).some((mount) => mount.kind === 'empty' && mount.to === '/usr/src/app/.slipway'),
  );
  assert.ok(!systemMounts(['/srv/slipway']).some((mount) => mount.kind === 'empty'));
});

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // gone meanwhile
  }
}
