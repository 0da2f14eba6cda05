import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd, type WorkCheck } from './work-suite.ts';
import type { WorkInput } from './work.ts';

/** What goes into the tree of a work and comes out of it. */
export function addWorkFilesSuite(check: WorkCheck): void {
  addOutputSuite(check);
  addInputSuite(check);
  addArchiveSuite(check);
}

function addOutputSuite(check: WorkCheck): void {
  check('outputs: files in order, links and pipes left out, nothing outside is read', async (trial) => {
    const outputs = [
      { name: 'model', path: '/opt/ml/model' },
      { name: 'output', path: '/opt/ml/output' },
    ];
    const end = await runToEnd(trial, trial.spec('writer', WRITER, { outputs }));
    assert.equal(end.exitCode, 0);
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
  });

  check('work and outputs that are not there are empty', async (trial) => {
    assert.deepEqual(await trial.backend.outputs('nobody', 'model'), { files: [], skipped: [] });
    assert.equal(await trial.backend.readText('nobody', '/opt/ml/output/failure', 100), undefined);
    await runToEnd(trial, trial.spec('plain', 'pass'));
    assert.deepEqual(await trial.backend.outputs('plain', 'model'), { files: [], skipped: [] });
    assert.equal(await trial.backend.readText('plain', '/etc/passwd', 100), undefined);
  });
}

const WRITER = `
import os
os.chdir("/opt/ml/model")
os.makedirs("b/c"); open("b/c/deep", "w").write("deep"); open("z", "w").write("z"); open("a", "w").write("a")
os.chmod("z", 0o755)
os.symlink("/etc/passwd", "link"); os.mkfifo("pipe"); os.symlink("/etc", "folder-link")
os.rename("/opt/ml/output", "/opt/ml/other"); os.symlink("/etc", "/opt/ml/output")
os.mkdir("/opt/ml/fifo"); os.mkfifo("/opt/ml/fifo/failure")`;

function addInputSuite(check: WorkCheck): void {
  check('writable inputs are private copies, an output may lie below a read-only input', async (trial) => {
    const digest = trial.store('stored');
    const entries = [{ relativePath: 'file', digest, sizeBytes: 6 }];
    const script = `
open("/opt/ml/writable/file", "a").write(" and changed")
open("/opt/ml/input/out/file", "w").write(open("/opt/ml/input/nested/file").read() + open("/opt/ml/input/file").read())`;
    const inputs: WorkInput[] = [
      { path: '/opt/ml/input/nested', access: 'read-only', entries },
      { path: '/opt/ml/input', access: 'read-only', entries },
      { path: '/opt/ml/writable', access: 'writable', entries },
    ];
    const outputs = [{ name: 'out', path: '/opt/ml/input/out' }];
    assert.equal((await runToEnd(trial, trial.spec('copies', script, { inputs, outputs }))).exitCode, 0);
    const { files } = await trial.backend.outputs('copies', 'out');
    assert.deepEqual(
      files.map((file) => [file.relativePath, file.sizeBytes]),
      [['file', 12]],
    );
    // what is stored is as it was
    const again = { inputs: [{ path: '/opt/ml/in', access: 'read-only', entries } as const] };
    await runToEnd(trial, trial.spec('again', 'print(open("/opt/ml/in/file").read())', again));
    assert.deepEqual(trial.lines('again'), ['stored']);
  });

  check('to an additive input files can be added, staged ones cannot be changed', async (trial) => {
    const digest = trial.store('stored');
    const entries = ['file', 'sub/file'].map((relativePath) => ({ relativePath, digest, sizeBytes: 6 }));
    const inputs = [{ path: '/opt/ml/processing/input', access: 'additive', entries } as const];
    const outputs = [{ name: 'out', path: '/opt/ml/processing/output' }];
    await runToEnd(trial, trial.spec('additive', ADDER, { inputs, outputs }));
    assert.deepEqual(trial.lines('additive'), ['kept', 'kept', 'kept', 'kept', "stored ['file', 'more', 'new', 'sub']"]);
    const read = { inputs: [{ path: '/opt/ml/in', access: 'read-only', entries } as const] };
    await runToEnd(trial, trial.spec('after', 'print(open("/opt/ml/in/sub/file").read())', read));
    assert.deepEqual(trial.lines('after'), ['stored']);
  });

  check('an additive input below an output is copied, so that the output holds its files', async (trial) => {
    const entries = [{ relativePath: 'file', digest: trial.store('stored'), sizeBytes: 6 }];
    const inputs = [{ path: '/opt/ml/work/in', access: 'additive', entries } as const];
    const outputs = [{ name: 'out', path: '/opt/ml/work' }];
    await runToEnd(trial, trial.spec('covered', 'open("/opt/ml/work/in/file", "a").write("!")', { inputs, outputs }));
    const { files } = await trial.backend.outputs('covered', 'out');
    assert.deepEqual(
      files.map((file) => [file.relativePath, file.sizeBytes]),
      [['in/file', 7]],
    );
  });

  check('staging that fails ends the run with its reason', async (trial) => {
    const digest = trial.store('x');
    for (const [id, relativePath] of [
      ['up', '../escaped'],
      ['absolute', '/etc/x'],
      ['double', 'a//b'],
    ] as const) {
      const input: WorkInput = { path: '/opt/ml/in', access: 'read-only', entries: [{ relativePath, digest, sizeBytes: 1 }] };
      const end = await runToEnd(trial, trial.spec(id, '', { inputs: [input] }));
      assert.equal(end.reason, 'failed-to-start');
      assert.match(end.message ?? '', /no plain path/);
    }
  });
}

const ADDER = `
import os
folder = "/opt/ml/processing/input"
open(folder + "/new", "w").write("x"); open(folder + "/sub/new", "w").write("x"); os.mkdir(folder + "/more")
for act in (lambda: open(folder + "/file", "a"), lambda: open(folder + "/sub/file", "w"), lambda: os.remove(folder + "/file"),
            lambda: os.rename(folder + "/new", folder + "/file")):
    try: act(); print("changed")
    except OSError: print("kept")
print(open(folder + "/file").read(), sorted(os.listdir(folder)))`;

/** An archive made by lines of Python that call `add(name, kind, link, content, mode)`. */
function archiveOf(code: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-suite-'));
  const path = join(folder, 'made.tar.gz');
  const program = `
import io, tarfile
archive = tarfile.open(${JSON.stringify(path)}, "w:gz")
def add(name, kind=tarfile.REGTYPE, link="", content=b"x", mode=0o644):
    member = tarfile.TarInfo(name); member.type = kind; member.linkname = link; member.mode = mode
    member.size = len(content) if kind == tarfile.REGTYPE else 0
    archive.addfile(member, io.BytesIO(content))
${code}
archive.close()`;
  execFileSync('python3', ['-c', program]);
  const bytes = readFileSync(path);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** The same for a zip file: `add(name, content, mode)`. */
function zipOf(code: string): Buffer {
  const program = `
import io, sys, zipfile
made = io.BytesIO(); archive = zipfile.ZipFile(made, "w")
def add(name, content=b"x", mode=0o100644):
    entry = zipfile.ZipInfo(name); entry.external_attr = mode << 16; archive.writestr(entry, content)
${code}
archive.close(); sys.stdout.buffer.write(made.getvalue())`;
  return execFileSync('python3', ['-c', program]);
}

const archiveInput = (path: string, digest: string, sizeBytes: number): WorkInput => ({
  path,
  access: 'read-only',
  extract: 'tar.gz',
  entries: [{ relativePath: 'model.tar.gz', digest, sizeBytes }],
});

const EVIL_ARCHIVES: Readonly<Record<string, string>> = {
  up: 'add("../escaped")',
  absolute: 'add("/tmp/escaped")',
  link: 'add("l", tarfile.SYMTYPE, "/etc"); add("l/escaped")',
  upward: 'add("l", tarfile.SYMTYPE, "../../..")',
  turned: 'add("a", tarfile.SYMTYPE, "b/../../x"); add("b", tarfile.SYMTYPE, "c/d"); add("c/d/e")',
  hard: 'add("h", tarfile.LNKTYPE, "../../plan.json")',
  device: 'add("d", tarfile.CHRTYPE)',
  pipe: 'add("p", tarfile.FIFOTYPE)',
};

function addArchiveSuite(check: WorkCheck): void {
  const script = 'import os; print(sorted(os.path.join(t, f)[14:] for t, _, fs in os.walk("/opt/ml/model") for f in fs))';

  check('archives are unpacked; members that would escape are refused', async (trial) => {
    const good = trial.store(
      archiveOf('add("./xgboost-model"); add("code/inference.py"); add("code/link", tarfile.SYMTYPE, "inference.py")'),
    );
    await runToEnd(trial, trial.spec('good', script, { inputs: [archiveInput('/opt/ml/model', good, 1)] }));
    assert.deepEqual(trial.lines('good'), ["['code/inference.py', 'code/link', 'xgboost-model']"]);
    for (const [name, code] of Object.entries(EVIL_ARCHIVES)) {
      const digest = trial.store(archiveOf(code));
      const end = await runToEnd(trial, trial.spec(name, script, { inputs: [archiveInput('/opt/ml/model', digest, 1)] }));
      assert.equal(end.reason, 'failed-to-start', name);
      assert.match(end.message ?? '', /archive/, name);
    }
    const broken = trial.store('no archive');
    for (const extract of ['tar.gz', 'zip'] as const) {
      const inputs = [{ ...archiveInput('/opt/ml/model', broken, 1), extract }];
      const end = await runToEnd(trial, trial.spec(`broken-${extract.slice(0, 3)}`, script, { inputs }));
      assert.match(end.message ?? '', new RegExp(`no readable ${extract}`));
    }
  });

  check('zip files too, with their links; what is in them can lie outside of /opt/ml', async (trial) => {
    const zip = (code: string) => ({ ...archiveInput('/var/task', trial.store(zipOf(code)), 1), extract: 'zip' as const });
    const look =
      'import os; print(sorted(os.path.join(t, f)[10:] for t, _, fs in os.walk("/var/task") for f in fs)); print(open("/var/task/b/l").read())';
    const inputs = [zip('add("a.py"); add("b/c.py", b"there"); add("b/l", b"c.py", 0o120777)')];
    await runToEnd(trial, trial.spec('zip-good', look, { inputs }));
    assert.deepEqual(trial.lines('zip-good'), ["['a.py', 'b/c.py', 'b/l']", 'there']);
    const evil = { up: 'add("../escaped")', back: 'add("..\\\\escaped")', link: 'add("l", b"../../plan.json", 0o120777)' };
    for (const [name, code] of Object.entries(evil)) {
      const end = await runToEnd(trial, trial.spec(`zip-${name}`, look, { inputs: [zip(code)] }));
      assert.equal(end.reason, 'failed-to-start', name);
      assert.match(end.message ?? '', /archive/, name);
    }
  });
}
