import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { absence, archiveInput, createTrial } from './testing/sandbox-trial.ts';

/** What goes into a run's tree and comes out of it. */

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
  test(`${isolation}: to an additive input files can be added, staged ones cannot be changed`, {
    skip: absence(isolation),
  }, async () => {
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

test('a data folder inside a system folder stays hidden', async () => {
  const { systemMounts } = await import('./system-mounts.ts');
  assert.ok(
    systemMounts(['/usr/src/app/.slipway'], '/etc').some(
      (mount) => mount.kind === 'empty' && mount.to === '/usr/src/app/.slipway',
    ),
  );
  assert.ok(!systemMounts(['/srv/slipway'], '/etc').some((mount) => mount.kind === 'empty'));
});
