import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadService, serviceIds } from '../../models/load.ts';
import { findCallCycle, findUnansweredCalls } from '../../src/platform/calls/call-graph.ts';
import type { Room } from '../../src/platform/calls/operation.ts';
import { ROOT } from './source-files.ts';

const DOMAINS = join(ROOT, 'src/domains');
const names = readdirSync(DOMAINS);

/** Stands for every port: what a room is given when it is only looked at and never run. */
const nothing: unknown = new Proxy(() => {}, { get: () => nothing, apply: () => nothing });
const PORTS =
  'store calls clock ids log loop backend blobs files logFiles routes admission runtimes roles settings instanceLimits ' +
  'workCredentials credentials authorizer model sealingKey resources';
const ports = Object.fromEntries(PORTS.split(' ').map((name) => [name, nothing]));

/** A room as it declares itself. */
async function declared(name: string): Promise<Room> {
  const module = (await import(join(DOMAINS, name, 'room.ts'))) as Record<string, (ports: unknown) => Room>;
  const create = module[`create${name[0]?.toUpperCase()}${name.slice(1)}Room`];
  assert.ok(create, `src/domains/${name}/room.ts exports create${name[0]?.toUpperCase()}${name.slice(1)}Room`);
  return create(ports);
}

const rooms = await Promise.all(names.map(declared));

test('rooms have the names of their folders and the common inner shape', () => {
  assert.deepEqual(
    rooms.map(({ name }) => name),
    names,
  );
  for (const { name, resources, operations } of rooms) {
    const folder = join(DOMAINS, name);
    assert.ok(existsSync(join(folder, 'ports.ts')), `${name} says what it uses`);
    assert.equal(existsSync(join(folder, 'operations')), operations.length > 0, `${name} has operations`);
    if (resources.length > 0) assert.ok(existsSync(join(folder, 'resources.ts')), `${name} declares its resources`);
  }
});

test('rooms do not call in a circle, and every call they declare is answered', () => {
  assert.ok(rooms.some(({ calls }) => calls.length > 5));
  assert.equal(findCallCycle(rooms), undefined);
  assert.deepEqual(findUnansweredCalls(rooms), []);
});

test('every operation is in a model and in one room', () => {
  const known = new Set(serviceIds.flatMap((id) => [...loadService(id).operations.values()].map(({ key }) => key)));
  const all = rooms.flatMap(({ operations }) => operations.map(({ name }) => name as string));
  assert.ok(all.length > 80, `only ${all.length} operations were looked at`);
  assert.deepEqual(
    all.filter((name) => !known.has(name)),
    [],
  );
  assert.equal(new Set(all).size, all.length);
});

test('no two rooms own a kind of resource, or a reconciler', () => {
  const kinds = rooms.flatMap(({ resources }) => resources.map(({ kind }) => kind));
  const reconcilers = rooms.flatMap((room) => (room.reconcilers ?? []).map(({ name }) => name));
  assert.equal(new Set(kinds).size, kinds.length);
  assert.equal(new Set(reconcilers).size, reconcilers.length);
});
