import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Heard, Register } from './register.ts';

const create = (state: string) => (state === 'absent' ? 'present' : undefined);
const remove = (state: string) => (state === 'present' ? 'absent' : undefined);
const later = () => Promise.withResolvers<Heard>();

test('an acknowledged change must be seen; one that was never answered may be', async () => {
  const one = new Register('one', 'absent');
  assert.deepEqual(await one.write(create, async () => 'done'), { heard: 'done' });
  assert.match((await one.read(async () => 'absent')) ?? '', /one is absent, but has to be present/);
  await one.write(remove, async () => 'nothing');
  assert.deepEqual([...one.states].sort(), ['absent', 'present']);
  assert.equal(await one.read(async () => 'absent'), undefined);
  assert.deepEqual([...one.states], ['absent'], 'who has read it knows');
});

test('a refused change has no effect, and one that had to be refused is told', async () => {
  const one = new Register('one', 'present');
  await one.write(remove, async () => 'refused');
  assert.match((await one.read(async () => 'absent')) ?? '', /has to be present/);
  assert.match((await one.write(create, async () => 'done')).problem ?? '', /though it was present/);
});

test('of changes at the same time any order is permitted', async () => {
  const one = new Register('one', 'absent');
  const [first, second, reading] = [later(), later(), Promise.withResolvers<string>()];
  const created = one.write(create, () => first.promise);
  const removed = one.write(remove, () => second.promise);
  const read = one.read(() => reading.promise);
  first.resolve('done');
  second.resolve('done');
  await Promise.all([created, removed]);
  assert.deepEqual([...one.states].sort(), ['absent', 'present']);
  reading.resolve('present');
  assert.equal(await read, undefined);
  assert.match((await one.read(async () => 'else')) ?? '', /one is else/);
});
