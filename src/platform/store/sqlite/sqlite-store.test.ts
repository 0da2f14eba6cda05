import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock } from '../../clock.ts';
import { ConfigError } from '../../errors/families.ts';
import { verifyLedger } from '../../ledger/verify.ts';
import { createVirtualClock } from '../../virtual-clock.ts';
import { keyOf, runStoreSuite, writeOf } from '../port-suite.ts';
import type { Commit } from '../port.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { sqliteStores, withSqliteStore } from './with-sqlite-store.ts';

runStoreSuite(sqliteStores);

test('the database is readable by its owner only', async () => {
  await withSqliteStore(async ({ store, folder }) => {
    await store.commit({ expect: [], write: [writeOf('a')] });
    for (const name of fs.readdirSync(folder)) assert.equal(fs.statSync(join(folder, name)).mode & 0o077, 0, name);
  });
});

test('a file that is no database, or of a newer version, is an error of the configuration', async () => {
  await withSqliteStore(async ({ store, path, folder }) => {
    await store.close();
    const db = new DatabaseSync(path);
    db.exec('pragma user_version = 999');
    db.close();
    assert.throws(
      () => createSqliteStore({ path, clock: systemClock }),
      (error) => error instanceof ConfigError && /newer version of Slipway \(schema 999/.test(error.message),
    );
    fs.writeFileSync(join(folder, 'text'), 'x'.repeat(10_000));
    assert.throws(() => createSqliteStore({ path: join(folder, 'text'), clock: systemClock }), ConfigError);
  });
});

test('kill -9 in the middle of commits loses nothing that was acknowledged, and leaves no half commit', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'slipway-kill-'));
  const path = join(folder, 'slipway.db');
  try {
    const acknowledged = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, [new URL('commit-until-killed.ts', import.meta.url).pathname, path, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const target = acknowledged.size + 150 + 137 * round;
      for await (const name of createInterface(child.stdout)) {
        acknowledged.add(name);
        // what is still in the pipe after the kill was acknowledged as well
        if (acknowledged.size === target) child.kill('SIGKILL');
      }
      assert.ok(acknowledged.size >= target);
    }
    await assertWhole(path, acknowledged);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

/** Every commit of commit-until-killed.ts writes two rows, a timer, an event and a ledger entry. */
async function assertWhole(path: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const store = createSqliteStore({ path, clock: systemClock });
  for (const name of acknowledged) assert.ok(await store.get(keyOf(name)), `${name} was acknowledged`);
  await store.close();
  const db = new DatabaseSync(path, { readOnly: true });
  const count = (sql: string) => Number((db.prepare(sql).get() as { count: number }).count);
  const rows = count("select count(*) as count from resource where kind = 'Thing'");
  assert.ok(rows >= acknowledged.size);
  assert.equal(count("select count(*) as count from resource where kind = 'Twin'"), rows);
  for (const table of ['timer', 'event', 'ledger']) assert.equal(count(`select count(*) as count from ${table}`), rows, table);
  db.close();
  const verdict = verifyLedger(path);
  assert.ok(verdict.ok && verdict.entries === rows);
}

test('a writer that is stuck makes its commits unknown and refuses others until it answers', async () => {
  const clock = createVirtualClock();
  await withSqliteStore(
    async ({ store, path }) => {
      const heard: (string | undefined)[] = [];
      store.onCommitted((commit: Commit) => heard.push(commit.write?.[0]?.key.name));
      const blocker = new DatabaseSync(path);
      blocker.exec('begin immediate');
      const inFlight = store.commit({ expect: [], write: [writeOf('in-flight')] });
      await null; // one tick, so that the next one is not part of its batch
      const queued = store.commit({ expect: [], write: [writeOf('queued')] });
      clock.advance(30_000);
      assert.equal((await inFlight).outcome, 'unknown');
      await assert.rejects(queued, /does not answer; nothing was changed/);
      await assert.rejects(store.commit({ expect: [], write: [writeOf('later')] }), /does not answer/);
      blocker.exec('rollback');
      blocker.close();
      await waitUntil(() => heard.length > 0);
      assert.deepEqual(heard, ['in-flight']);
      assert.equal((await store.commit({ expect: [], write: [writeOf('after')] })).outcome, 'done');
      assert.equal(await store.get(keyOf('queued')), undefined);
    },
    { diskClock: clock },
  );
});

test('events older than thirty days are removed in steps; sequences go on', async () => {
  const clock = createVirtualClock();
  await withSqliteStore(
    async ({ store }) => {
      const event = { source: 's', detailType: 'd', account: '1', region: 'r', resources: [], detail: {} };
      const many = (count: number, timeMs: number) =>
        store.commit({ expect: [], events: Array.from({ length: count }, () => ({ ...event, timeMs })) });
      await many(1_700, clock.now());
      clock.advance(20 * 24 * 3600 * 1000);
      await many(3, clock.now());
      const laterByDays = async (days: number) => {
        clock.advance(days * 24 * 3600 * 1000);
        // a round that began on the way is over after two commits; the next one sees the present
        for (let count = 0; count < 2; count += 1) await store.commit({ expect: [] });
        clock.advance(3600 * 1000);
      };
      await laterByDays(11);
      await waitUntil(async () => (await store.events({ afterSequence: 0, limit: 2_000 })).length === 3);
      assert.equal((await store.events({ afterSequence: 0, limit: 10 }))[0]?.sequence, 1_701);
      await laterByDays(40);
      await waitUntil(async () => (await store.events({ afterSequence: 0, limit: 10 })).length === 1);
      await many(1, clock.now());
      assert.deepEqual(
        (await store.events({ afterSequence: 0, limit: 10 })).map(({ sequence }) => sequence),
        [1_703, 1_704],
      );
    },
    { clock },
  );
});

async function waitUntil(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}
