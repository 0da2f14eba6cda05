import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { hash } from 'node:crypto';
import { applyMigrations, MIGRATIONS, schemaVersion } from './migrations.ts';
import { STATEMENTS } from './statements.generated.ts';

/** Released migrations, never to change: a new one is added here with its hash. */
const RELEASED: readonly string[] = [
  '5b64fc1da5b02f6bdb7cba06e0d925f634b3aa2007df76d129851beebf6b2eff',
  'ae201037e6136158c3f457ed679f603baef1179d989d2a22cfd34ef2d6c44264',
];

function migrated(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  applyMigrations(db, ':memory:');
  return db;
}

test('released migrations are as they were', () => {
  assert.deepEqual(
    MIGRATIONS.map(({ sql }) => hash('sha256', sql)),
    RELEASED,
  );
});

test('migrations apply once, in order, and each wholly or not at all', () => {
  const db = new DatabaseSync(':memory:');
  const first = { name: 'one', sql: 'create table one (a integer); insert into one values (1)' };
  const second = { name: 'two', sql: 'insert into one values (2)' };
  const broken = { name: 'broken', sql: 'insert into one values (3); insert into nothing values (1)' };
  applyMigrations(db, 'x', [first]);
  applyMigrations(db, 'x', [first, second]);
  applyMigrations(db, 'x', [first, second]);
  assert.throws(() => applyMigrations(db, 'x', [first, second, broken]), /nothing/);
  if (db.isTransaction) db.exec('rollback');
  assert.equal(schemaVersion(db), 2);
  assert.deepEqual(
    db
      .prepare('select a from one')
      .all()
      .map(({ a }) => a),
    [1, 2],
  );
  assert.throws(() => applyMigrations(db, 'x', [first]), /newer version/);
});

test('every list reads one index in its order: no sort, no scan of the table', () => {
  const db = migrated();
  for (const [name, sql] of Object.entries(STATEMENTS)) {
    if (!/^(page|scan|find|bound|count|get|timers|referrers|isBlob|deleteR|deleteB|deleteT|update)/.test(name)) continue;
    const plan = db
      .prepare(`explain query plan ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
    assert.equal(plan.length, 1, `${name}: ${plan.join('; ')}`);
    assert.match(plan[0] ?? '', /^SEARCH .* USING .*(INDEX|PRIMARY KEY)/, name);
    const sort = /^(?:page|scan|find|bound)_(\w+)_([a-z]+)_[a-zA-Z]+$/.exec(name);
    // filters and the range on the sort column are part of the search: a page costs the same wherever it starts, and however many
    // rows of the kind others own
    if (sort) assert.match(plan[0] ?? '', sort[2] === 'name' ? /name>\? AND name<\?\)/ : /,name\)[<>]/, `${name}: ${plan[0]}`);
    if (name.startsWith('count')) assert.match(plan[0] ?? '', /parent=\? .*ordinal>\?/, name);
    for (const filter of sort?.[1]?.split('_') ?? [])
      if (filter !== 'none') assert.match(plan[0] ?? '', new RegExp(`[( ]${filter}=\\?`), `${name}: ${plan[0]}`);
  }
});
