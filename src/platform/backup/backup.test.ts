import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { after, test } from 'node:test';
import { dataPaths, openDataFolder } from '../data-folder.ts';
import { ownEntry } from '../ledger/entry-of.ts';
import { headMarkPath } from '../ledger/head-mark.ts';
import { readLedger } from '../ledger/read.ts';
import { verifyLedger } from '../ledger/verify.ts';
import { createLogFiles } from '../log-files.ts';
import { createBlobStore, type LocalBlobStore } from '../objects/blob-store.ts';
import type { Commit, Store } from '../store/port.ts';
import { createSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import type { BackupManifest } from './manifest.ts';
import { makeBackup, previousProblem, targetProblem } from './make-backup.ts';
import { checkBackup, restoreBackup, restoreTargetProblem } from './restore-backup.ts';

const scratch = fs.mkdtempSync(join(tmpdir(), 'slipway-backup-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
let count = 0;
function newPath(): string {
  count += 1;
  return join(scratch, `f${count}`);
}

const START_MS = Date.UTC(2026, 0, 2);
const nowMs = () => START_MS;
const PLACE = { account: '123456789012', region: 'us-east-1' };
const LOG = { ...PLACE, group: '/a/b', stream: 'c' };

interface Setting {
  readonly folder: string;
  readonly store: Store;
  readonly blobs: LocalBlobStore;
  readonly clock: ReturnType<typeof createVirtualClock>;
  put(name: string, content: string | Buffer): Promise<string>;
  remove(name: string): Promise<void>;
}

/** A data folder as a server keeps it. */
async function withFolder(run: (setting: Setting) => Promise<void>): Promise<void> {
  const folder = newPath();
  const paths = dataPaths(folder);
  fs.mkdirSync(paths.keys, { recursive: true });
  fs.writeFileSync(join(paths.keys, 'sealing.key'), `${'ab'.repeat(32)}\n`);
  const clock = createVirtualClock(START_MS);
  const store = createSqliteStore({ path: paths.database, clock });
  const blobs = createBlobStore({ folder: paths.blobs, clock, store });
  const keyOf = (name: string) => ({ ...PLACE, kind: 'Thing', name });
  const commit = async (name: string, commit: Omit<Commit, 'expect' | 'ledger'>) => {
    const ledger = [ownEntry('test', PLACE, { timeMs: START_MS, action: 'test:Put', resources: [name], changes: {} })];
    assert.equal((await store.commit({ expect: [], ...commit, ledger })).outcome, 'done');
  };
  const setting: Setting = {
    folder,
    store,
    blobs,
    clock,
    async put(name, content) {
      const { digest } = await blobs.write(piecesOf(Buffer.from(content)));
      const index = { createdAtMs: START_MS, modifiedAtMs: START_MS };
      await commit(name, { write: [{ key: keyOf(name), document: { digest }, index, blobs: [digest] }] });
      return digest;
    },
    remove: (name) => commit(name, { remove: [keyOf(name)] }),
  };
  try {
    await run(setting);
  } finally {
    await blobs.stop();
    await store.close();
  }
}

async function* piecesOf(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}

const contentIn = (folder: string, digest: string): string => join(dataPaths(folder).blobs, digest.slice(0, 2), digest);

async function restored(backup: string): Promise<string> {
  const target = newPath();
  const outcome = await restoreBackup({ backup, target, nowMs });
  assert.ok('manifest' in outcome, 'problem' in outcome ? outcome.problem : '');
  return target;
}

test('what was there when the backup began is there after a restore, and the ledger goes on', () =>
  withFolder(async ({ folder, put }) => {
    const small = await put('small', 'a few bytes');
    const large = await put('large', Buffer.alloc(20 * 1024 * 1024, 'x'));
    const logs = createLogFiles({ folder: dataPaths(folder).logs });
    await logs.append(LOG, [{ timeMs: 1, text: 'whole' }]);
    fs.appendFileSync(await logs.path(LOG), '2 half a li');
    fs.writeFileSync(dataPaths(folder).settings, 'region: eu-west-1\n');
    const target = newPath();
    const manifest = await makeBackup({ folder, target, nowMs });
    assert.deepEqual(manifest.contents, { count: 2, sizeBytes: 20 * 1024 * 1024 + 11, missing: [] });
    assert.equal(fs.statSync(target).mode & 0o777, 0o700);
    assert.ok('manifest' in (await checkBackup(target)));
    await put('later', 'not in it');

    const made = await restored(target);
    for (const digest of [small, large]) {
      assert.deepEqual(fs.readFileSync(contentIn(made, digest)), fs.readFileSync(contentIn(folder, digest)));
      assert.equal(fs.statSync(contentIn(made, digest)).nlink, 1, 'the backup does not share what a server may change');
    }
    assert.deepEqual(fs.readFileSync(`${contentIn(made, large)}.chunks`), fs.readFileSync(`${contentIn(folder, large)}.chunks`));
    const key = (of: string) => fs.readFileSync(join(dataPaths(of).keys, 'sealing.key'), 'utf8');
    assert.equal(key(made), key(folder));
    const read = await createLogFiles({ folder: dataPaths(made).logs }).read(LOG, 0, 1000);
    assert.deepEqual(
      read.events.map(({ text }) => text),
      ['whole'],
    );
    const verdict = verifyLedger(dataPaths(made).database);
    assert.equal(verdict.ok && verdict.entries, manifest.ledger.sequence + 1);
    const last = [...readLedger(dataPaths(made).database)].at(-1);
    assert.deepEqual([last?.action, last?.region], ['slipway:DataFolder.Restored', 'eu-west-1']);
    assert.deepEqual(last?.changes?.ledgerHead, [null, manifest.ledger]);
  }));

test('a backup made while somebody writes is of one moment: each row in it has its content', () =>
  withFolder(async ({ folder, put, remove }) => {
    for (let n = 0; n < 40; n += 1) await put(`before-${n}`, `content ${n}`);
    const target = newPath();
    let going = true;
    let written = 0;
    const writer = (async () => {
      for (; going; written += 1) {
        await put(`during-${written}`, `during ${written}`);
        if (written % 3 === 0) await remove(`during-${written}`);
      }
    })();
    const afterSnapshot = async () => {
      const seen = written;
      while (written < seen + 5) await turn();
    };
    const manifest = await makeBackup({ folder, target, nowMs, afterSnapshot }).finally(() => {
      going = false;
    });
    await writer;
    assert.deepEqual(manifest.contents.missing, []);
    const made = await restored(target);
    const store = createSqliteStore({ path: dataPaths(made).database, clock: createVirtualClock(START_MS) });
    for (let n = 0; n < 40; n += 1) assert.ok(await store.get({ ...PLACE, kind: 'Thing', name: `before-${n}` }));
    await store.close();
  }));

test('a content that is collected between the database and its turn: the database is taken once more', () =>
  withFolder(async ({ folder, put, remove, blobs, clock }) => {
    await put('kept', 'kept');
    const dropped = await put('dropped', 'taken for nothing');
    const gone = await put('gone', 'gone');
    // out of the first pass's sight, as if written after it; then hours go by, since that pass took so long
    const aside = newPath();
    fs.renameSync(contentIn(folder, gone), aside);
    let passes = 0;
    const afterSnapshot = async () => {
      passes += 1;
      if (passes > 1) return;
      fs.renameSync(aside, contentIn(folder, gone));
      for (const name of ['dropped', 'gone']) await remove(name);
      clock.advance(3 * 3600 * 1000);
      assert.equal(await blobs.collect(), 2);
    };
    const target = newPath();
    const manifest = await makeBackup({ folder, target, nowMs, afterSnapshot });
    assert.equal(passes, 2);
    assert.deepEqual(manifest.contents, { count: 1, sizeBytes: 4, missing: [] });
    assert.equal(fs.existsSync(contentIn(target, dropped)), false);
  }));

test('a backup built on an earlier one takes what it has from there', () =>
  withFolder(async ({ folder, put }) => {
    const digest = await put('thing', 'thing');
    const first = newPath();
    await makeBackup({ folder, target: first, nowMs });
    fs.rmSync(contentIn(first, digest));
    fs.copyFileSync(contentIn(folder, digest), contentIn(first, digest)); // as on another disk
    const more = await put('more', 'more');
    const second = newPath();
    assert.match(previousProblem(second) ?? '', /cannot be built on: it is no whole backup/);
    await makeBackup({ folder, target: second, previous: first, nowMs });
    const inode = (of: string, one: string) => fs.statSync(contentIn(of, one)).ino;
    assert.equal(inode(second, digest), inode(first, digest));
    assert.equal(inode(second, more), inode(folder, more));
    fs.rmSync(first, { recursive: true });
    assert.ok('manifest' in (await checkBackup(second)));
  }));

test('a content that the data folder itself lacks is named, and the rest is backed up', () =>
  withFolder(async ({ folder, put }) => {
    await put('kept', 'kept');
    const digest = await put('lost', 'lost');
    fs.rmSync(contentIn(folder, digest), { force: true });
    const target = newPath();
    const manifest = await makeBackup({ folder, target, nowMs });
    assert.deepEqual(manifest.contents, { count: 1, sizeBytes: 4, missing: [digest] });
    await restored(target);
  }));

test('work that had begun is named, so that a restore records it as lost', () =>
  withFolder(async ({ folder }) => {
    const { runs } = dataPaths(folder);
    for (const name of ['begun', 'staged', '.records']) fs.mkdirSync(join(runs, name), { recursive: true });
    fs.writeFileSync(join(runs, 'begun', 'claim'), '1 1\n');
    const target = newPath();
    assert.deepEqual((await makeBackup({ folder, target, nowMs })).works, ['begun']);
    const lost = JSON.parse(fs.readFileSync(join(await restored(target), 'runs/.lost.json'), 'utf8'));
    assert.deepEqual(lost.works, ['begun']);
    assert.match(lost.message, /restored from a backup of 2026-01-02T00:00:00/);
  }));

test('a backup that is incomplete or was changed is refused, and leaves no data folder', () =>
  withFolder(async ({ folder, put }) => {
    const digest = await put('thing', 'thing');
    const whole = newPath();
    await makeBackup({ folder, target: whole, nowMs });
    const flip = (path: string) => {
      const bytes = fs.readFileSync(path);
      const middle = bytes.length >> 1;
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      fs.rmSync(path); // the content is a link to the data folder's
      fs.writeFileSync(path, bytes);
    };
    const edit = (backup: string, change: (manifest: BackupManifest) => void) => {
      const manifest = JSON.parse(fs.readFileSync(join(backup, 'backup.json'), 'utf8'));
      change(manifest);
      fs.writeFileSync(join(backup, 'backup.json'), JSON.stringify(manifest));
    };
    const cases: [RegExp, (backup: string) => void][] = [
      [/no whole backup: there is no backup\.json/, (backup) => fs.rmSync(join(backup, 'backup.json'))],
      [/backup\.json is not JSON/, (backup) => fs.truncateSync(join(backup, 'backup.json'), 100)],
      [/slipway\.db is not what was backed up/, (backup) => flip(dataPaths(backup).database)],
      [/keys\/sealing\.key is missing/, (backup) => fs.rmSync(join(backup, 'keys/sealing.key'))],
      [/content \w+ is not what was backed up/, (backup) => flip(contentIn(backup, digest))],
      [/content \w+ is missing/, (backup) => fs.rmSync(contentIn(backup, digest))],
      [/ends with another entry/, (backup) => edit(backup, ({ ledger }) => Object.assign(ledger, { hash: 'x' }))],
      [/newer version/, (backup) => edit(backup, (manifest) => Object.assign(manifest, { form: 99 }))],
      [
        /names \.\.\/x, which is not in it/,
        (backup) => edit(backup, ({ files }) => files.push({ path: '../x', sizeBytes: 0, sha256: '' })),
      ],
    ];
    for (const [expected, damage] of cases) {
      const backup = newPath();
      fs.cpSync(whole, backup, { recursive: true });
      damage(backup);
      const target = newPath();
      for (const outcome of [await checkBackup(backup), await restoreBackup({ backup, target, nowMs })])
        assert.match('problem' in outcome ? outcome.problem : 'accepted', expected);
      assert.deepEqual([fs.existsSync(target), fs.existsSync(`${target}.restoring`)], [false, false]);
    }
  }));

test('a broken ledger is no backup, nor one that has lost its end, and what is half done says so', () =>
  withFolder(async ({ folder, put, store }) => {
    await put('thing', 'thing');
    await store.close();
    const cutOff = newPath();
    fs.cpSync(folder, cutOff, { recursive: true });
    fs.writeFileSync(headMarkPath(dataPaths(cutOff).database), `${'2'.padStart(16, '0')} ${'0'.repeat(64)}\n`);
    await assert.rejects(makeBackup({ folder: cutOff, target: newPath(), nowMs }), /entry 2 had been acknowledged/);
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(dataPaths(folder).database);
    db.exec(`update ledger set entry = replace(entry, 'test:Put', 'test:Get')`);
    db.close();
    const target = newPath();
    await assert.rejects(makeBackup({ folder, target, nowMs }), /broken at entry 1/);
    assert.match(targetProblem(folder, target) ?? '', /not finished: remove it/);
    assert.throws(() => openDataFolder(target), /is a backup, which a server would change/);
  }));

test('where a backup or a data folder cannot be made', () =>
  withFolder(async ({ folder }) => {
    const [empty, full, file] = [newPath(), newPath(), newPath()];
    fs.mkdirSync(empty);
    fs.mkdirSync(full);
    fs.writeFileSync(join(full, 'x'), '');
    fs.writeFileSync(file, '');
    assert.equal(targetProblem(folder, empty), undefined);
    assert.equal(targetProblem(folder, join(empty, 'new')), undefined);
    assert.match(targetProblem(folder, full) ?? '', /not empty/);
    assert.match(targetProblem(folder, file) ?? '', /is a file/);
    assert.match(targetProblem(folder, join(folder, 'in/side')) ?? '', /lies in the data folder/);
    assert.match(targetProblem(empty, full) ?? '', /no data folder/);
    await makeBackup({ folder, target: empty, nowMs });
    assert.match(targetProblem(folder, empty) ?? '', /holds a backup already/);
    assert.throws(() => openDataFolder(empty), /is a backup/);
    assert.match(restoreTargetProblem(full) ?? '', /not empty/);
    assert.match(restoreTargetProblem(file) ?? '', /is a file/);
    const target = newPath();
    fs.mkdirSync(target); // an empty one is as good as none
    assert.equal(restoreTargetProblem(target), undefined);
    assert.ok('manifest' in (await restoreBackup({ backup: empty, target, nowMs })));
    assert.equal(verifyLedger(dataPaths(target).database).ok, true);
  }));
