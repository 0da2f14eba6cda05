import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, type Report, renderConformance } from './suite.ts';

const report = (test: string, outcome: Report['outcome'], why = ''): Report => ({
  test: `a.py::${test}`,
  outcome,
  why,
  where: '',
});

test('failures are sorted by their reasons; one without a reason and a reason without its failure are told', () => {
  const reports = [
    report('good', 'passed'),
    report('new', 'failed'),
    report('known', 'failed'),
    report('lacking', 'failed'),
    report('absent', 'not built', 'PutA, PutB'),
    report('hidden', 'failed'),
    report('late', 'passed'),
    report('late', 'failed'),
  ];
  const { count, surprises, stale } = judge(reports, {
    known: 'moto',
    lacking: 'open: later',
    good: 'moto',
    late: 'declined: so',
    hidden: 'not built: PutC',
  });
  assert.deepEqual(count, {
    passed: 1,
    ours: 2,
    theirs: 1,
    declined: 1,
    notBuilt: 2,
    skipped: 0,
    operations: ['PutA', 'PutB'],
  });
  assert.deepEqual(
    surprises.map(({ test: id }) => id),
    ['a.py::new'],
  );
  assert.deepEqual(stale, ['good']);
});

test('the page adds the files of a service up and names what is not built', () => {
  const count = { passed: 2, ours: 0, theirs: 1, declined: 0, notBuilt: 1, skipped: 0, operations: ['PutA'] };
  const files = { 'test_s3/a.py': count, 'test_s3/b.py': count };
  const page = renderConformance({ moto: { commit: 'abc', committed: '2026', files } }, { 'test_s3/a.py': { test_x: 'moto' } });
  assert.match(page, /\| s3 \| 4 \| 0 \| 2 \| 0 \| 2 \| 0 \|/);
  assert.match(page, /\*\*s3\*\* \(1\): PutA/);
  assert.match(page, /- moto: `test_x`/);
});

test('the page tells how many pairs event-ruler and we see alike, and why not', () => {
  const count = { match: 5, noMatch: 4, refused: 3, differs: 0, explained: { twice: 2, digits: 1 } };
  const page = renderConformance({ ruler: { commit: 'abc', committed: '2026', suites: { made: count, read: count } } }, {});
  assert.match(page, /\| made \| 5 \| 4 \| 3 \| 0 \| 3 \|/);
  assert.equal(page.match(/- Differ for a reason: twice/g)?.length, 1);
});
