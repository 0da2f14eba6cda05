import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkEnd } from '../../platform/ports/work.ts';
import { decideEnd, REASON_CHARS_MAX } from './decide-end.ts';

const end = (reason: WorkEnd['reason'], exitCode?: number, message?: string): WorkEnd => ({
  phase: 'ended',
  reason,
  endedAtMs: 2,
  isolation: 'unshare',
  ...(exitCode !== undefined && { exitCode }),
  ...(message !== undefined && { message }),
});
const evidence = { lastLines: [], memoryMiB: 512, stopping: false };

test('what became of the process decides the status', () => {
  assert.equal(decideEnd(end('exited', 0), evidence).status, 'Completed');
  assert.equal(decideEnd(end('exited', 0), { ...evidence, stopping: true }).status, 'Stopped');
  assert.equal(decideEnd(end('stopped', 143), evidence).status, 'Stopped');
  assert.deepEqual(decideEnd(end('max-runtime', 143), evidence), { status: 'Stopped', timedOut: true });
  assert.match(
    decideEnd(end('out-of-memory', 137), evidence).failureReason ?? '',
    /^AlgorithmError: .*512 MiB.*, exit code: 137$/,
  );
  assert.match(decideEnd(end('lost', undefined, 'gone'), evidence).failureReason ?? '', /^InternalServerError: gone$/);
  assert.match(
    decideEnd(end('failed-to-start', undefined, 'no such program'), evidence).failureReason ?? '',
    /^ClientError: .*no such program$/,
  );
});

test("the job's own words come first, its last lines else, and the exit code is never cut off", () => {
  const reason = (more: object) => decideEnd(end('exited', 3), { ...evidence, ...more }).failureReason ?? '';
  assert.equal(reason({ failureText: ' bad column \n', lastLines: ['line'] }), 'AlgorithmError: bad column, exit code: 3');
  assert.equal(reason({ lastLines: ['first', '', 'ValueError: x'] }), 'AlgorithmError: first\nValueError: x, exit code: 3');
  assert.equal(reason({}), 'AlgorithmError: See job logs for more information, exit code: 3');
  for (const more of [
    { failureText: 'x'.repeat(5000) },
    { lastLines: ['y'.repeat(5000)] },
    { lastLines: Array.from({ length: 500 }, (_, n) => `line ${n}`) },
  ]) {
    assert.ok(reason(more).length <= REASON_CHARS_MAX);
    assert.match(reason(more), /, exit code: 3$/);
  }
  assert.match(reason({ lastLines: Array.from({ length: 500 }, (_, n) => `line ${n}`) }), /line 499/);
});
