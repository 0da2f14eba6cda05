import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwsError } from '../client.ts';
import type { Item } from '../project/find-project.ts';
import { removeItems } from './clean.ts';

test('what cannot be removed is named with the server’s words, and holds up nothing else', async () => {
  const gone: string[] = [];
  const item = (name: string, kept?: string): Item => ({
    kind: 'model',
    name,
    kept,
    async remove() {
      if (name === 'used') throw new AwsError('ConflictException', 'It is in use.', 400);
      gone.push(name);
    },
  });
  const { removed, stays } = await removeItems([item('a'), item('served', 'an endpoint serves it'), item('used'), item('b')]);
  assert.deepEqual(gone, ['a', 'b']);
  assert.deepEqual(
    removed.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(
    stays.map(({ name, kept }) => [name, kept]),
    [
      ['served', 'an endpoint serves it'],
      ['used', 'ConflictException: It is in use.'],
    ],
  );
});
