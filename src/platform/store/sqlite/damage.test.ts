import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../clock.ts';
import { ConfigError } from '../../errors/families.ts';
import { headMarkPath } from '../../ledger/head-mark.ts';
import { verifyLedger } from '../../ledger/verify.ts';
import { missingPages } from './check-file.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { withSqliteStore } from './with-sqlite-store.ts';

/** Files that a disk gave back other than they were written. */
const COMMITS = 40;
const root = fs.mkdtempSync(join(tmpdir(), 'slipway-damage-'));
/** Killed: with a log. Stopped: without. */
const killed = join(root, 'killed');
const stopped = join(root, 'stopped');
after(() => fs.rmSync(root, { recursive: true, force: true }));

const key = (name: string) => ({ account: '1', region: 'r', kind: 'K', name });
const nameOf = (n: number) => `n${String(n).padStart(3, '0')}`;

before(() =>
  withSqliteStore(async ({ store, folder }) => {
    for (let n = 1; n <= COMMITS; n += 1) {
      await store.commit({
        expect: [],
        write: [
          {
            key: key(nameOf(n)),
            document: { n, filling: 'x'.repeat(n % 5 === 0 ? 9_000 : 100) },
            index: { createdAtMs: n, modifiedAtMs: n },
          },
        ],
        ledger: [{ timeMs: n, account: '1', region: 'r', actor: 'a', action: 'k:Make', outcome: 'done', resources: [nameOf(n)] }],
      });
    }
    fs.cpSync(folder, killed, { recursive: true });
    await store.close();
    fs.cpSync(folder, stopped, { recursive: true });
  }),
);

interface Copy {
  readonly db: string;
  readonly wal: string;
}

let copies = 0;
function copyOf(folder: string): Copy {
  copies += 1;
  const to = join(root, `copy-${copies}`);
  fs.cpSync(folder, to, { recursive: true });
  return { db: join(to, 'slipway.db'), wal: join(to, 'slipway.db-wal') };
}

/** How many of the rows there are: exactly those of the first entries of its ledger. Throws what the opening throws. */
async function rowsOf(db: string): Promise<number> {
  const store = createSqliteStore({ path: db, clock: systemClock });
  try {
    const { rows } = await store.list({ account: '1', region: 'r', kind: 'K', sortBy: 'name', order: 'ascending', limit: 1_000 });
    assert.deepEqual(
      rows.map(({ key: { name } }) => name),
      Array.from({ length: rows.length }, (_, at) => nameOf(at + 1)),
    );
    assert.equal((await store.ledgerHead()).sequence, rows.length);
    const verdict = verifyLedger(db);
    assert.ok(verdict.ok && verdict.entries === rows.length, JSON.stringify(verdict));
    return rows.length;
  } finally {
    await store.close();
  }
}

const isRefusal = (text: RegExp) => (error: unknown) =>
  error instanceof ConfigError && text.test(error.message) && /slipway restore/.test(error.message);

/** A store that lacks something is refused; without its mark it is a whole one of fewer commits. */
async function assertLostOrWhole({ db }: Copy, what: string): Promise<'refused' | 'whole'> {
  const refused = await rowsOf(db).then(
    (rows) => {
      assert.equal(rows, COMMITS, `${what}: opened with less than was acknowledged`);
      return false;
    },
    (error: unknown) => {
      assert.ok(isRefusal(/has lost changes that were acknowledged/)(error), `${what}: ${String(error)}`);
      return true;
    },
  );
  if (!refused) return 'whole';
  const verdict = verifyLedger(db);
  assert.ok(!verdict.ok && /had been acknowledged/.test(verdict.problem), what);
  fs.rmSync(headMarkPath(db));
  assert.ok((await rowsOf(db)) < COMMITS, what);
  return 'refused';
}

test('undamaged copies, of a killed and of a stopped one, have everything', async () => {
  assert.equal(await rowsOf(copyOf(killed).db), COMMITS);
  assert.equal(await rowsOf(copyOf(stopped).db), COMMITS);
});

test('a log whose end was cut off anywhere is told from one that ended there', async () => {
  const { size } = fs.statSync(join(killed, 'slipway.db-wal'));
  let refused = 0;
  for (let n = 0; n < 15; n += 1) {
    const copy = copyOf(killed);
    // also within the last commit, and to nothing
    const length = n < 3 ? [0, size - 1, 20][n] : Math.floor(Math.random() * size);
    fs.truncateSync(copy.wal, length);
    if ((await assertLostOrWhole(copy, `cut to ${length} of ${size} bytes`)) === 'refused') refused += 1;
  }
  assert.ok(refused >= 10, `${refused} refused`);
});

test('a log with flipped bytes gives back what lies before them, and that is told, too', async () => {
  const { size } = fs.statSync(join(killed, 'slipway.db-wal'));
  let refused = 0;
  for (let n = 0; n < 15; n += 1) {
    const copy = copyOf(killed);
    const bytes = fs.readFileSync(copy.wal);
    const at = Math.floor(Math.random() * size);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
    fs.writeFileSync(copy.wal, bytes);
    if ((await assertLostOrWhole(copy, `bit of byte ${at} of ${size} flipped`)) === 'refused') refused += 1;
  }
  assert.ok(refused >= 10, `${refused} refused`);
});

test('a log that is gone is told', async () => {
  const copy = copyOf(killed);
  fs.rmSync(copy.wal);
  assert.equal(await assertLostOrWhole(copy, 'no log'), 'refused');
});

test('a database that was cut off is refused, wherever', async () => {
  const { size } = fs.statSync(join(stopped, 'slipway.db'));
  for (let n = 0; n < 15; n += 1) {
    const { db } = copyOf(stopped);
    const length = n === 0 ? 0 : Math.floor(Math.random() * size);
    fs.truncateSync(db, length);
    await assert.rejects(rowsOf(db), isRefusal(/is cut off|has lost|cannot be/), `cut to ${length} of ${size} bytes`);
  }
});

test('pages that a checkpoint had not reached yet are not missing: the log has them', () => {
  const { db } = copyOf(killed);
  const pageBytes = 4096;
  const inLog = copyOf(stopped);
  // as a kill leaves it in the middle of a checkpoint: page 1 counts all pages, the last ones are in the log alone
  const whole = fs.readFileSync(inLog.db);
  fs.writeFileSync(db, whole.subarray(0, whole.length - 2 * pageBytes));
  assert.equal(missingPages(db), 0);
  fs.truncateSync(`${db}-wal`, 0);
  assert.equal(missingPages(db), 2);
});

test('another database in its place is told, and served once the mark is removed', async () => {
  const copy = copyOf(stopped);
  await withSqliteStore(async ({ store, path }) => {
    for (let n = 1; n <= COMMITS + 5; n += 1) {
      await store.commit({
        expect: [],
        ledger: [{ timeMs: n, account: '2', region: 'r', actor: 'a', action: 'k:Other', outcome: 'done', resources: [] }],
      });
    }
    await store.close();
    fs.copyFileSync(path, copy.db);
  });
  await assert.rejects(rowsOf(copy.db), isRefusal(/is another one than was acknowledged/));
  fs.rmSync(headMarkPath(copy.db));
  createSqliteStore({ path: copy.db, clock: systemClock }).close();
});
