import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRejection } from './errors/rejection.ts';
import { isTimeZone, nextTimeMs, parseScheduleExpression, type Schedule } from './schedule-expression.ts';

function schedule(text: string): Schedule {
  const parsed = parseScheduleExpression(text);
  if (isRejection(parsed)) throw new Error(parsed.message);
  return parsed;
}

/** The first `count` times after `after`, as text. */
function times(text: string, after: string, count = 3, timeZone = 'UTC'): string[] {
  const parsed = schedule(text);
  const found: string[] = [];
  let atMs: number | undefined = Date.parse(after);
  while (found.length < count) {
    atMs = nextTimeMs(parsed, atMs, timeZone);
    if (atMs === undefined) break;
    found.push(new Date(atMs).toISOString().slice(0, 16));
  }
  return found;
}

const SUNDAY = '2026-11-22T00:00:00Z';

test('cron: the examples of the reference, with weekdays counted from Sunday = 1', () => {
  assert.deepEqual(times('cron(0 10 * * ? *)', SUNDAY, 2), ['2026-11-22T10:00', '2026-11-23T10:00']);
  assert.deepEqual(times('cron(0 18 ? * MON-FRI *)', SUNDAY, 1), ['2026-11-23T18:00']);
  assert.deepEqual(times('cron(0 18 ? * 1 *)', SUNDAY, 2), ['2026-11-22T18:00', '2026-11-29T18:00']);
  assert.deepEqual(times('cron(0 9 ? * 2#1 *)', SUNDAY, 2), ['2026-12-07T09:00', '2027-01-04T09:00']);
  assert.deepEqual(times('cron(0 9 ? * TUE#2 *)', SUNDAY, 1), ['2026-12-08T09:00']);
  assert.deepEqual(times('cron(0 9 ? * 6L *)', SUNDAY, 2), ['2026-11-27T09:00', '2026-12-25T09:00']);
  assert.deepEqual(times('cron(0 9 ? * L *)', SUNDAY, 1), ['2026-11-28T09:00']);
  assert.deepEqual(times('cron(0 9 ? * FRI-MON *)', SUNDAY, 3), ['2026-11-22T09:00', '2026-11-23T09:00', '2026-11-27T09:00']);
});

test('cron: steps, nearest weekdays, last days and years', () => {
  assert.deepEqual(times('cron(0/20 8-9 ? * 2-6 *)', SUNDAY, 4), [
    '2026-11-23T08:00',
    '2026-11-23T08:20',
    '2026-11-23T08:40',
    '2026-11-23T09:00',
  ]);
  assert.deepEqual(times('cron(*/30 0 1 * ? *)', SUNDAY, 2), ['2026-12-01T00:00', '2026-12-01T00:30']);
  assert.deepEqual(times('cron(0 9 3W * ? *)', '2026-12-31T00:00:00Z', 1), ['2027-01-04T09:00']);
  assert.deepEqual(times('cron(0 9 L * ? *)', SUNDAY, 2), ['2026-11-30T09:00', '2026-12-31T09:00']);
  assert.deepEqual(times('cron(0 9 LW 1 ? *)', SUNDAY, 1), ['2027-01-29T09:00']);
  assert.deepEqual(times('cron(0 9 1 1 ? 2030-2032)', SUNDAY, 9), ['2030-01-01T09:00', '2031-01-01T09:00', '2032-01-01T09:00']);
  assert.deepEqual(times('cron(0 9 1 JAN ? 2020)', SUNDAY), []);
  assert.deepEqual(times('cron(0 9 31 2 ? *)', SUNDAY), []);
  assert.deepEqual(times('cron(0 9 29 2 ? *)', SUNDAY, 1), ['2028-02-29T09:00']);
});

test('cron in a zone: a time that the clock skips is skipped, one that it repeats comes once', () => {
  assert.deepEqual(times('cron(30 2 * * ? *)', '2026-03-28T00:00:00Z', 3, 'Europe/Berlin'), [
    '2026-03-28T01:30',
    '2026-03-30T00:30',
    '2026-03-31T00:30',
  ]);
  assert.deepEqual(times('cron(30 2 * * ? *)', '2026-10-24T00:00:00Z', 3, 'Europe/Berlin'), [
    '2026-10-24T00:30',
    '2026-10-25T00:30',
    '2026-10-26T01:30',
  ]);
});

test('rate: counted from its anchor, whenever it is asked', () => {
  const five = schedule('rate(5 minutes)');
  assert.equal(nextTimeMs(five, 0), 300_000);
  assert.equal(nextTimeMs(five, 1_000_000, 'UTC', 100), 100 + 4 * 300_000);
  assert.equal(nextTimeMs(five, 300_100, 'UTC', 100), 600_100);
  assert.equal(nextTimeMs(five, 0, 'UTC', 50_000), 350_000);
  assert.deepEqual(schedule('rate(1 day)'), { kind: 'rate', everyMs: 86_400_000 });
});

test('at: one time of a zone, and none after it', () => {
  const once = schedule('at(2026-07-01T12:00:00)');
  assert.equal(nextTimeMs(once, 0), Date.parse('2026-07-01T12:00:00Z'));
  assert.equal(nextTimeMs(once, 0, 'America/New_York'), Date.parse('2026-07-01T16:00:00Z'));
  assert.equal(nextTimeMs(once, Date.parse('2026-07-01T12:00:00Z')), undefined);
  assert.equal(nextTimeMs(schedule('at(2026-03-29T02:30:00)'), 0, 'Europe/Berlin'), undefined);
  assert.equal(nextTimeMs(schedule('at(2026-10-25T02:30:00)'), 0, 'Europe/Berlin'), Date.parse('2026-10-25T00:30:00Z'));
});

test('what is no schedule expression is refused with what is wrong', () => {
  for (const [text, words] of [
    ['', /no schedule expression/],
    ['every day', /no schedule expression/],
    ['rate(0 minutes)', /positive/],
    ['rate(1 minutes)', /1 goes with/],
    ['rate(5 minute)', /1 goes with/],
    ['rate(5 seconds)', /positive/],
    ['rate(999999999 days)', /come round/],
    ['cron(0 10 * * *)', /5 fields/],
    ['cron(0 10 * * * *)', /exactly one/],
    ['cron(0 10 ? * ? *)', /exactly one/],
    ['cron(60 10 * * ? *)', /"60" is no value of minutes/],
    ['cron(0 10 ? * 0 *)', /"0" is no value of day-of-week/],
    ['cron(0 10 ? * 8 *)', /"8" is no value of day-of-week/],
    ['cron(0 10 ? * MON#6 *)', /day-of-week/],
    ['cron(0 10 32W * ? *)', /day-of-month/],
    ['cron(0/0 10 * * ? *)', /minutes/],
    ['cron(0 10 * * ? 1969)', /year/],
    ['cron(? 10 * * ? *)', /minutes/],
    ['at(2026-02-30T10:00:00)', /no time/],
    ['at(2026-02-03)', /no time/],
  ] as const) {
    const parsed = parseScheduleExpression(text);
    assert.ok(isRejection(parsed), text);
    assert.match(parsed.message, words, text);
  }
});

test('time zones are those of the IANA data', () => {
  assert.equal(isTimeZone('Europe/Berlin'), true);
  assert.equal(isTimeZone('Mars/Olympus'), false);
});
