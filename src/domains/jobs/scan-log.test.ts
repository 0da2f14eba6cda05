import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../platform/clock.ts';
import type { LogFiles, LogStreamName } from '../../platform/ports/log-files.ts';
import { MetricScan } from './decide-metrics.ts';
import { scanLog } from './scan-log.ts';

const STREAM = {} as LogStreamName;
const COSTLY = [{ Name: 'm', Regex: 'loss=(?:[a-z]{1,30}){1,30}([0-9])' }];
const LINES = Array.from({ length: 40 }, (_, n) => ({ text: `${'x'.repeat(10_000)}loss=x${n % 10}`, timeMs: n }));
/** One piece of a log. */
const files = {
  read: async (_stream: LogStreamName, offset: number) => ({ events: offset === 0 ? LINES : [], nextOffset: 1 }),
} as unknown as LogFiles;

test('others are served while the expressions of a job go over its log', async () => {
  let ended = false;
  const scan = scanLog(files, STREAM, new MetricScan(COSTLY, false), { now: () => 0 } as Clock).then(() => {
    ended = true;
  });
  let turns = 0;
  while (!ended) {
    await new Promise((resume) => setImmediate(resume));
    turns += 1;
  }
  await scan;
  assert.ok(turns > 5, `${turns} turns`);
});

test('expressions that take longer than a scan may are given up', async () => {
  let nowMs = 0;
  const clock = { now: () => (nowMs += 100_000) } as Clock;
  const scan = new MetricScan(COSTLY, false);
  await scanLog(files, STREAM, scan, clock);
  assert.ok((scan.results()[0]?.Timestamp as number) < 39, 'not all of the log was looked at');
});
