import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { verifyLedger } from '../../src/platform/ledger/verify.ts';
import { slipway } from '../harness/cli.ts';
import { seededRandom } from './workload.ts';

type Damage = { readonly name: string; readonly at: number; apply(db: DatabaseSync): void };

/** The ledger of a stopped server's folder verifies, and no single row of it can be changed, removed or swapped unnoticed. */
export async function assertLedgerIsGuarded(folder: string, seed: number): Promise<void> {
  const intact = await slipway(['audit', 'verify', '--data', folder]);
  assert.deepEqual([intact.code, intact.stderr], [0, '']);
  const entries = Number(/^ledger verified: (\d+) entries/.exec(intact.stdout)?.[1]);
  const random = seededRandom(seed);
  const some = Array.from({ length: 25 }, () => 1 + Math.floor(random() * (entries - 1)));
  const rows = [...new Set([1, entries, ...some])];
  for (const damage of rows.flatMap((row) => damagesOf(row, entries))) {
    withDamage(folder, damage, (copy) => {
      const verdict = verifyLedger(join(copy, 'slipway.db'));
      assert.deepEqual([verdict.ok, !verdict.ok && verdict.sequence], [false, damage.at], `${damage.name}, seed ${seed}`);
    });
  }
  const [changed, , removed, swapped] = damagesOf(rows[2] ?? 1, entries);
  const removedLast = damagesOf(entries, entries)[2];
  for (const damage of [changed, removed, swapped, removedLast]) {
    assert.ok(damage);
    await withDamage(folder, damage, async (copy) => {
      const { code, stdout, stderr } = await slipway(['audit', 'verify', '--data', copy]);
      assert.deepEqual([code, stdout], [1, ''], damage.name);
      assert.match(stderr, new RegExp(`^slipway: the ledger is broken at entry ${damage.at}: `), damage.name);
    });
  }
}

/** Every way to tamper with one row; `at` is the entry that must be named. */
function damagesOf(row: number, last: number): Damage[] {
  const other = row === last ? row - 1 : row + 1;
  const first = Math.min(row, other);
  return [
    {
      name: `entry ${row} says something else`,
      at: row,
      apply: (db) => change(db, row, (entry) => entry.replace('"outcome":"done"', '"outcome":"denied"')),
    },
    {
      name: `entry ${row} has another actor`,
      at: row,
      apply: (db) => change(db, row, (entry) => entry.replace(/"actor":"/, '"actor":"x')),
    },
    { name: `entry ${row} is gone`, at: row, apply: (db) => db.exec(`delete from ledger where sequence = ${row}`) },
    {
      name: `entries ${row} and ${other} have changed places`,
      at: first,
      apply: (db) => {
        db.exec(`update ledger set sequence = -1 where sequence = ${row}`);
        db.exec(`update ledger set sequence = ${row} where sequence = ${other}`);
        db.exec(`update ledger set sequence = ${other} where sequence = -1`);
      },
    },
  ];
}

function change(db: DatabaseSync, row: number, edit: (entry: string) => string): void {
  const { entry } = db.prepare('select entry from ledger where sequence = ?').get(row) as { entry: string };
  const edited = edit(entry);
  // an entry that does not hold what is replaced is lengthened: the content is another one either way
  db.prepare('update ledger set entry = ? where sequence = ?').run(edited === entry ? `${entry} ` : edited, row);
}

/** On a copy of the store file, with what its write-ahead log still holds. */
function withDamage<T>(folder: string, damage: Damage, look: (copy: string) => T): T {
  const copy = mkdtempSync(join(tmpdir(), 'slipway-ledger-'));
  mkdirSync(copy, { recursive: true });
  for (const name of ['slipway.db', 'slipway.db-wal']) {
    if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name));
  }
  const db = new DatabaseSync(join(copy, 'slipway.db'));
  damage.apply(db);
  db.close();
  const clean = () => rmSync(copy, { recursive: true, force: true });
  const result = look(copy);
  if (result instanceof Promise) return result.finally(clean) as T;
  clean();
  return result;
}
