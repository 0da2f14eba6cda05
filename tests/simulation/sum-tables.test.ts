import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Coverage } from './coverage.ts';
import { rareRows, sumTables } from './sum-tables.ts';

test('tables of several runs add up, and say what was reached too seldom', () => {
  const coverage = new Coverage();
  coverage.add('fault', 'commit done, answer lost', 700);
  coverage.add('fault', 'server dies', 2);
  coverage.add('Endpoint', 'Updating → InService', 3);
  coverage.add('client', 'sqs:DeleteMessage: done when repeated', 1);
  const output = `seed 7:\n  a promise: broken\n${coverage.table().join('\n')}\n1000 seeds, 50 events, 1 seeds with problems\n`;
  const summed = sumTables([output, output]);
  assert.deepEqual([summed.seeds, summed.events, summed.failed], [2000, 100, 2]);
  assert.equal(summed.coverage.counts.get('fault\tcommit done, answer lost'), 1400);
  assert.equal(summed.coverage.counts.get('client\tsqs:DeleteMessage: done when repeated'), 2);
  assert.deepEqual(rareRows(summed.coverage), ['fault: server dies (4)', 'Endpoint: Updating → InService (6)']);
});
