import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { withSqliteStore } from '../store/sqlite/with-sqlite-store.ts';
import type { LedgerInput } from './entry.ts';
import { verifyLedger } from './verify.ts';

const ENTRIES = 12;
const root = fs.mkdtempSync(join(tmpdir(), 'slipway-ledger-'));
const original = join(root, 'original.db');
after(() => fs.rmSync(root, { recursive: true, force: true }));

const entry = (count: number): LedgerInput => ({
  timeMs: 1_700_000_000_000 + count,
  account: '123456789012',
  region: 'us-east-1',
  actor: 'arn:aws:iam::123456789012:user/admin',
  action: 'sagemaker:UpdateModelPackage',
  outcome: 'done',
  resources: [`arn:${count}`],
  changes: { Status: ['PendingManualApproval', 'Approved'] },
});

before(() =>
  withSqliteStore(async ({ store, path }) => {
    for (let count = 0; count < ENTRIES; count += 1) await store.commit({ expect: [], ledger: [entry(count)] });
    // read while the server has it open
    const verdict = verifyLedger(path);
    assert.deepEqual(verdict, { ok: true, entries: ENTRIES, head: await store.ledgerHead() });
    await store.close();
    fs.copyFileSync(path, original);
  }),
);

/** The verdict on a copy after `tamper`. */
function verdictAfter(tamper: (db: DatabaseSync) => void) {
  const path = join(root, 'tampered.db');
  fs.copyFileSync(original, path);
  const db = new DatabaseSync(path);
  tamper(db);
  db.close();
  const verdict = verifyLedger(path);
  assert.ok(!verdict.ok);
  return verdict;
}

test('an untouched ledger verifies, an empty one too', async () => {
  assert.ok(verifyLedger(original).ok);
  await withSqliteStore(async ({ path }) =>
    assert.deepEqual(verifyLedger(path), { ok: true, entries: 0, head: { sequence: 0, hash: '0'.repeat(64) } }),
  );
  assert.throws(() => verifyLedger(join(root, 'absent.db')), /does not exist/);
});

test('a change of any column of any entry is found at that entry', () => {
  for (let sequence = 1; sequence <= ENTRIES; sequence += 1) {
    for (const column of ['entry', 'hash', 'previous_hash']) {
      const verdict = verdictAfter((db) =>
        db
          .prepare(`update ledger set ${column} = replace(${column}, substr(${column}, 5, 1), 'X') where sequence = ?`)
          .run(sequence),
      );
      assert.equal(verdict.sequence, sequence, column);
    }
    const meaning = verdictAfter((db) =>
      db.prepare("update ledger set entry = replace(entry, 'Approved', 'Rejected') where sequence = ?").run(sequence),
    );
    assert.deepEqual([meaning.sequence, /was changed/.test(meaning.problem)], [sequence, true]);
  }
});

test('removing any entry is found, the last one by the head', () => {
  for (let sequence = 1; sequence <= ENTRIES; sequence += 1) {
    const verdict = verdictAfter((db) => db.prepare('delete from ledger where sequence = ?').run(sequence));
    assert.equal(verdict.sequence, sequence);
    assert.match(verdict.problem, new RegExp(`entry ${sequence} is missing`));
  }
  assert.equal(verdictAfter((db) => db.exec('delete from ledger')).sequence, 1);
});

test('swapping any two entries is found at the first of them', () => {
  for (let one = 1; one <= ENTRIES; one += 1) {
    for (let other = one + 1; other <= ENTRIES; other += 1) {
      const swapped = (columns: string) => (db: DatabaseSync) => {
        const rows = [one, other].map((sequence) =>
          db.prepare('select hash, previous_hash, entry from ledger where sequence = ?').get(sequence),
        );
        const put = db.prepare(`update ledger set ${columns} where sequence = :sequence`);
        put.setAllowUnknownNamedParameters(true);
        put.run({ ...rows[1], sequence: one });
        put.run({ ...rows[0], sequence: other });
      };
      for (const columns of ['entry = :entry', 'entry = :entry, hash = :hash, previous_hash = :previous_hash']) {
        assert.equal(verdictAfter(swapped(columns)).sequence, one, `${one} and ${other}: ${columns}`);
      }
    }
  }
});

test('an inserted entry, a hidden end and a changed head are found', () => {
  assert.equal(
    verdictAfter((db) =>
      db.exec('insert into ledger select sequence + 1, hash, previous_hash, entry from ledger where sequence = 12'),
    ).sequence,
    13,
  );
  assert.equal(verdictAfter((db) => db.exec("insert into ledger values (0, 'x', 'y', '{}')")).sequence, 0);
  assert.match(verdictAfter((db) => db.exec('delete from ledger_head')).problem, /missing/);
  assert.equal(verdictAfter((db) => db.exec("update ledger_head set hash = 'x'")).sequence, ENTRIES);
  assert.match(verdictAfter((db) => db.exec('update ledger_head set sequence = 11')).problem, /does not match/);
});
