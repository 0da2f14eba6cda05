import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { systemClock } from '../../clock.ts';
import { BackendError } from '../../errors/families.ts';
import { writeOf } from '../port-suite.ts';
import { applyMigrations } from './migrations.ts';
import { createWriter } from './writer.ts';

const root = fs.mkdtempSync(join(tmpdir(), 'slipway-writer-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const commitOf = (name: string) => ({ expect: [], write: [writeOf(name)] });

function openWriter(path: string) {
  const heard: string[] = [];
  const writer = createWriter({
    path,
    diskClock: systemClock,
    onDurable: (commit) => heard.push(commit.write?.[0]?.key.name ?? ''),
  });
  return { writer, heard };
}

function createDatabase(path: string): void {
  fs.mkdirSync(join(path, '..'), { recursive: true });
  const db = new DatabaseSync(path);
  applyMigrations(db, path);
  db.close();
}

test('commits that were with a thread that died are unknown, listeners hear of them, and a new thread goes on', async () => {
  const path = join(root, 'late', 'slipway.db');
  const { writer, heard } = openWriter(path);
  // its folder is missing: the thread dies at the start
  const outcome = await writer.submit(commitOf('first'));
  assert.equal(outcome.outcome, 'unknown');
  assert.deepEqual(heard, ['first']);
  createDatabase(path);
  let later = await writer.submit(commitOf('later'));
  // a thread that was starting meanwhile may have died as well
  while (later.outcome === 'unknown') later = await writer.submit(commitOf('later'));
  assert.equal(later.outcome, 'done');
  await writer.close();
});

test('a thread that dies again and again is given up with a clear error', async () => {
  const { writer } = openWriter(join(root, 'never', 'slipway.db'));
  const outcomes: string[] = [];
  for (let count = 0; count < 10; count += 1) {
    try {
      outcomes.push((await writer.submit(commitOf(`n${count}`))).outcome);
    } catch (error) {
      assert.ok(error instanceof BackendError && /cannot write.*Nothing was changed/.test(error.message));
      outcomes.push('refused');
    }
  }
  assert.equal(outcomes[0], 'unknown');
  assert.equal(outcomes.at(-1), 'refused');
  await writer.close();
});

test('a commit that the schema does not take is refused alone and leaves nothing behind', async () => {
  const path = join(root, 'full', 'slipway.db');
  createDatabase(path);
  const { writer, heard } = openWriter(path);
  assert.equal((await writer.submit(commitOf('first'))).outcome, 'done');
  const outside = new DatabaseSync(path);
  outside.exec('alter table timer rename to timer_away');
  const outcomes = await Promise.allSettled([
    writer.submit({ ...commitOf('with-timer'), timers: [{ reconciler: 'r', key: writeOf('x').key, dueAtMs: 1 }] }),
    writer.submit(commitOf('without')),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
  assert.equal(outside.prepare("select count(*) as count from resource where name = 'with-timer'").get()?.count, 0);
  assert.deepEqual(heard, ['first', 'without']);
  outside.close();
  await writer.close();
});
