import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideTurn, firstTime, latestTime, type Timing, timeAfter, withDue } from './decide-times.ts';

const at = (text: string): number => Date.parse(text);
const NOW = at('2026-03-01T12:00:00Z');
const timing = (expression: string, more: Partial<Timing> = {}): Timing => ({
  expression,
  timeZone: 'UTC',
  anchorMs: NOW,
  windowMs: 0,
  ...more,
});

test('a rate begins at its anchor, a cron at its next time, and neither before its start or behind its end', () => {
  const hourly = timing('rate(1 hour)');
  assert.equal(firstTime(hourly, 'x', NOW)?.timeMs, NOW);
  assert.equal(timeAfter(hourly, NOW), NOW + 3_600_000);
  const start = at('2026-03-02T00:30:00Z');
  assert.equal(firstTime(timing('rate(1 hour)', { startMs: start, anchorMs: start }), 'x', NOW)?.timeMs, start);
  const longAgo = at('2026-02-01T00:30:00Z');
  assert.equal(
    firstTime(timing('rate(1 hour)', { startMs: longAgo, anchorMs: longAgo }), 'x', NOW)?.timeMs,
    at('2026-03-01T12:30:00Z'),
  );
  assert.equal(firstTime(timing('cron(0 10 * * ? *)', { startMs: start }), 'x', NOW)?.timeMs, at('2026-03-02T10:00:00Z'));
  assert.equal(firstTime(timing('cron(0 10 * * ? *)', { endMs: at('2026-03-02T09:00:00Z') }), 'x', NOW), undefined);
  const fired = at('2026-03-02T10:00:00Z');
  assert.equal(
    firstTime(timing('cron(0 10 * * ? *)'), 'x', fired + 1_000, fired)?.timeMs,
    at('2026-03-03T10:00:00Z'),
    'changed just after it fired: not that time again',
  );
  assert.equal(firstTime(timing('at(2026-03-01T11:00:00)'), 'x', NOW), undefined, 'over before it began');
  assert.equal(firstTime(timing('at(2026-03-05T11:00:00)', { endMs: NOW }), 'x', NOW)?.timeMs, at('2026-03-05T11:00:00Z'));
});

test('wall-clock times follow the zone over daylight saving', () => {
  const daily = timing('cron(30 2 * * ? *)', { timeZone: 'Europe/Berlin' });
  const times: string[] = [];
  for (let time = timeAfter(daily, at('2026-03-27T12:00:00Z')); times.length < 3 && time; time = timeAfter(daily, time)) {
    times.push(new Date(time).toISOString());
  }
  // 02:30 of the 29th is left out by the clock
  assert.deepEqual(times, ['2026-03-28T01:30:00.000Z', '2026-03-30T00:30:00.000Z', '2026-03-31T00:30:00.000Z']);
});

test('a flexible window spreads times, each always to the same place in it', () => {
  const flexible = timing('rate(1 hour)', { windowMs: 15 * 60_000 });
  const places = Array.from({ length: 50 }, (_, hour) => {
    const timeMs = NOW + hour * 3_600_000;
    const one = withDue(flexible, 'g/x', timeMs);
    assert.deepEqual(one, withDue(flexible, 'g/x', timeMs));
    return (one?.dueMs ?? 0) - timeMs;
  });
  assert.ok(places.every((place) => place >= 0 && place < 15 * 60_000) && new Set(places).size > 40);
});

test('of missed times the latest fires once, unless it is too old; then the next is in the future', () => {
  const minutely = timing('rate(1 minute)');
  const due = { timeMs: NOW, dueMs: NOW };
  const later = NOW + 10 * 86_400_000 + 30_000;
  assert.deepEqual(decideTurn(minutely, 'x', due, 86_400_000, later), {
    fire: { timeMs: later - 30_000, dueMs: later - 30_000 },
    next: { timeMs: later + 30_000, dueMs: later + 30_000 },
    missedSinceMs: NOW,
  });
  const yearly = timing('cron(0 12 1 3 ? *)');
  const monthLater = NOW + 31 * 86_400_000;
  const old = decideTurn(yearly, 'x', due, 86_400_000, monthLater);
  assert.deepEqual([old.fire, old.missedSinceMs, old.next?.timeMs], [undefined, NOW, at('2027-03-01T12:00:00Z')]);
  assert.deepEqual(decideTurn(minutely, 'x', due, 60_000, NOW + 5), {
    fire: due,
    next: { timeMs: NOW + 60_000, dueMs: NOW + 60_000 },
  });
});

test('however long ago, the latest time is found', () => {
  const yearly = timing('cron(0 12 1 3 ? *)', { anchorMs: 0 });
  assert.equal(latestTime(yearly, at('2020-01-01T00:00:00Z'), at('2026-02-01T00:00:00Z')), at('2025-03-01T12:00:00Z'));
  assert.equal(latestTime(timing('rate(5 minutes)'), NOW, NOW + 299_999), NOW);
});
