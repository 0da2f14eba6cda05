import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileMetrics, MetricScan } from './decide-metrics.ts';

const found = (scan: MetricScan) => Object.fromEntries(scan.results().map(({ MetricName, Value }) => [MetricName, Value]));

test('the last value of each metric counts; what is no number does not', () => {
  const scan = new MetricScan([{ Name: 'loss', Regex: 'loss=(\\S+)' }], false);
  for (const [index, line] of ['loss=1.5', 'loss=0.25', 'loss=nan', 'loss=', 'other'].entries()) scan.line(line, index);
  assert.deepEqual(scan.results(), [{ MetricName: 'loss', Value: 0.25, Timestamp: 1 }]);
});

test("a tab matches as itself and as AWS's #011", () => {
  const scan = new MetricScan(
    [
      { Name: 'as-aws', Regex: '.*\\[[0-9]+\\].*#011validation-rmse:(\\S+)' },
      { Name: 'as-tab', Regex: '\\tvalidation-rmse:(\\S+)' },
    ],
    false,
  );
  scan.line('[7]\ttrain-rmse:1.5\tvalidation-rmse:2.5', 1);
  assert.deepEqual(found(scan), { 'as-aws': 2.5, 'as-tab': 2.5 });
});

test('built-in XGBoost names its metrics itself', () => {
  const scan = new MetricScan([], true);
  scan.line('[0]\ttrain-rmse:2.5\tvalidation-rmse:3.5', 1);
  scan.line('[1]#011train-ndcg@5-:1.5#011validation-auc:0.75', 2);
  scan.line('I trained train-rmse:99', 3);
  assert.deepEqual(found(scan), { 'train:rmse': 2.5, 'validation:rmse': 3.5, 'train:ndcg@5-': 1.5, 'validation:auc': 0.75 });
});

test('expressions that cannot be used are refused by name', () => {
  assert.match(compileMetrics([{ Name: 'a', Regex: '(' }]).problem ?? '', /metric "a"/);
  assert.match(compileMetrics([{ Name: 'a', Regex: 'loss=[0-9]+' }]).problem ?? '', /has no group/);
  assert.match(compileMetrics([{ Name: 'a', Regex: '(?=x)(y)' }]).problem ?? '', /not supported/);
});

test('an expression that makes backtracking engines explode costs no more than its line', () => {
  const scan = new MetricScan([{ Name: 'a', Regex: '(x+x+)+y' }], false);
  scan.line('x'.repeat(20_000), 1);
  assert.deepEqual(scan.results(), []);
});

test('of a line that would cost expressions too much the beginning counts', () => {
  const costly = Array.from({ length: 40 }, (_, n) => ({ Name: `m${n}`, Regex: `never (?:[a-z]{1,30}){1,30}([0-9])${n}` }));
  const scan = new MetricScan([...costly, { Name: 'loss', Regex: 'loss=(\\S+)' }], false);
  assert.ok(scan.effortPerCharacter > 20_000);
  scan.line(`loss=1.5 ${'x'.repeat(250_000)}`, 1);
  scan.line(`${'x'.repeat(250_000)} loss=2.5`, 2);
  assert.deepEqual(found(scan), { loss: 1.5 });
});
