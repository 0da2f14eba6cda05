import { Cron } from 'croner';
import type { Rejection } from './errors/rejection.ts';

/**
 * Schedule expressions of EventBridge and EventBridge Scheduler: `cron(…)`, `rate(…)`, `at(…)`. Pure: a time is always given, never read.
 * Source of the rules: "Schedule types in EventBridge Scheduler" and "Cron expressions reference" of AWS's user guides.
 */
export type Schedule =
  | { readonly kind: 'rate'; readonly everyMs: number }
  /** The six fields with every shorthand spelled out: minute, hour, day of month, month, day of week, year. */
  | { readonly kind: 'cron'; readonly fields: CronFields }
  /** Wall-clock time, e.g. `2026-12-24T18:00:00`, of the zone it is asked in. */
  | { readonly kind: 'at'; readonly wallClock: string };

type CronFields = readonly [string, string, string, string, string, string];

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
const RATE_MAX_MS = 100 * 366 * 86_400_000; // far beyond what AWS takes; a time must stay a number that dates can say
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** A gap of daylight saving holds one time of a daily cron; a rule that never fits must not be searched for ever. */
const GAPS_MAX = 100;

interface Range {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const RANGES: readonly [Range, Range, Range, Range, Range, Range] = [
  { name: 'minutes', least: 0, most: 59 },
  { name: 'hours', least: 0, most: 23 },
  { name: 'day-of-month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS },
  { name: 'day-of-week', least: 1, most: 7, names: DAYS },
  { name: 'year', least: 1970, most: 2199 },
];

const bad = (message: string): Rejection => ({ code: 'ValidationException', message });

/** An expression as a schedule, or what is wrong with it. `at(…)` is for Scheduler alone: rules of EventBridge refuse it themselves. */
export function parseScheduleExpression(text: string): Schedule | Rejection {
  const call = /^(cron|rate|at)\(([^()]*)\)$/.exec(text);
  const body = call?.[2]?.trim() ?? '';
  if (call?.[1] === 'rate') return parseRate(text, body);
  if (call?.[1] === 'cron') return parseCron(text, body);
  if (call?.[1] === 'at') return parseAt(text, body);
  return bad(`"${text}" is no schedule expression: write cron(0 10 * * ? *), rate(5 minutes) or at(2026-12-24T18:00:00).`);
}

/**
 * The first time of `schedule` after `afterMs`, in epoch milliseconds; undefined when there is none. `timeZone` is an IANA name.
 * A rate counts from `anchorMs`, and its first time is one interval behind that. A wall-clock time that daylight saving leaves out is skipped,
 * one that it repeats counts once.
 */
export function nextTimeMs(schedule: Schedule, afterMs: number, timeZone = 'UTC', anchorMs = afterMs): number | undefined {
  if (schedule.kind === 'rate') {
    const { everyMs } = schedule;
    return anchorMs + Math.max(1, Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs;
  }
  if (schedule.kind === 'at') {
    const timeMs = instantOf(schedule.wallClock, timeZone);
    return timeMs !== undefined && timeMs > afterMs ? timeMs : undefined;
  }
  return nextCronMs(schedule.fields, afterMs, timeZone);
}

/** Whether the machine's time zone data know the name. */
export function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function parseRate(text: string, body: string): Schedule | Rejection {
  const words = /^(\d{1,9})\s+(minute|hour|day)(s?)$/.exec(body);
  const count = Number(words?.[1]);
  const unitMs = UNIT_MS[words?.[2] ?? ''];
  if (!words || unitMs === undefined || count < 1) {
    return bad(`"${text}" is no rate: write a positive whole number and minute(s), hour(s) or day(s), e.g. rate(5 minutes).`);
  }
  if ((count === 1) === (words[3] === 's')) {
    return bad(`"${text}" is no rate: 1 goes with minute, hour or day, any other number with minutes, hours or days.`);
  }
  if (count * unitMs > RATE_MAX_MS) return bad(`"${text}" is no rate that would ever come round.`);
  return { kind: 'rate', everyMs: count * unitMs };
}

function parseAt(text: string, body: string): Schedule | Rejection {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})$/.exec(body);
  const wallClock = match?.[1];
  const timeMs = wallClock === undefined ? Number.NaN : Date.parse(`${wallClock}Z`);
  if (wallClock === undefined || Number.isNaN(timeMs) || new Date(timeMs).toISOString().slice(0, 19) !== wallClock) {
    return bad(`"${text}" is no time: write at(yyyy-mm-ddThh:mm:ss).`);
  }
  return { kind: 'at', wallClock };
}

function parseCron(text: string, body: string): Schedule | Rejection {
  const fields = body.toUpperCase().split(/\s+/);
  if (fields.length !== RANGES.length) {
    return bad(
      `"${text}" has ${body === '' ? 0 : fields.length} fields: cron takes minutes, hours, day-of-month, month, day-of-week and year.`,
    );
  }
  const anyDay = fields[2] === '?';
  const anyWeekday = fields[4] === '?';
  if (anyDay === anyWeekday) return bad(`"${text}" needs "?" in exactly one of day-of-month and day-of-week.`);
  const spelled: string[] = [];
  for (const [place, range] of RANGES.entries()) {
    const field = spellField(fields[place] ?? '', range);
    if (field === undefined) return bad(`"${text}": "${fields[place]}" is no value of ${range.name}.`);
    spelled.push(field);
  }
  return { kind: 'cron', fields: spelled as unknown as CronFields };
}

/** A field in numbers alone; `*`, `?`, `L`, `W` and `#` stay. Undefined: not allowed there. */
function spellField(field: string, range: Range): string | undefined {
  if (field === '*') return '*';
  if (field === '?') return range.name.startsWith('day') ? '?' : undefined;
  if (range.name === 'day-of-month') {
    if (field === 'L' || field === 'LW') return field;
    const weekday = /^(\d{1,2})W$/.exec(field)?.[1];
    if (weekday !== undefined) return inRange(weekday, range) === undefined ? undefined : `${Number(weekday)}W`;
  }
  if (range.name === 'day-of-week') {
    if (field === 'L') return '7';
    const last = /^(\w+)L$/.exec(field)?.[1];
    if (last !== undefined) return suffixed(inRange(last, range), 'L');
    const nth = /^(\w+)#([1-5])$/.exec(field);
    if (nth) return suffixed(inRange(nth[1] ?? '', range), `#${nth[2]}`);
  }
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const of = spellItem(item, range);
    if (!of) return undefined;
    for (const value of of) values.add(value);
  }
  return [...values].sort((a, b) => a - b).join(',');
}

const suffixed = (value: number | undefined, suffix: string): string | undefined =>
  value === undefined ? undefined : `${value}${suffix}`;

/** The numbers of `5`, `MON`, `1-5`, `FRI-MON`, `0/15`, `*` with a step, `8-18/2`. */
function spellItem(item: string, range: Range): number[] | undefined {
  const parts = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(item);
  if (!parts?.[1]) return undefined;
  const step = parts[2] === undefined ? undefined : Number(parts[2]);
  if (step === 0) return undefined;
  const ends = parts[1].split('-');
  if (ends.length > 2) return undefined;
  const least = parts[1] === '*' ? range.least : inRange(ends[0] ?? '', range);
  if (least === undefined || (parts[1] === '*' && step === undefined)) return undefined;
  const single = ends.length === 1 && parts[1] !== '*';
  const most = single ? (step === undefined ? least : range.most) : parts[1] === '*' ? range.most : inRange(ends[1] ?? '', range);
  if (most === undefined) return undefined;
  if (least > most && range.name === 'year') return undefined;
  const span = range.most - range.least + 1;
  const count = least <= most ? most - least : most - least + span; // FRI-MON goes over the week's end
  return Array.from(
    { length: Math.floor(count / (step ?? 1)) + 1 },
    (_, nth) => range.least + ((least - range.least + nth * (step ?? 1)) % span),
  );
}

function inRange(text: string, { least, most, names }: Range): number | undefined {
  const named = names?.indexOf(text) ?? -1;
  if (named >= 0) return named + 1;
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

function nextCronMs(fields: CronFields, afterMs: number, timeZone: string): number | undefined {
  const [minute, hour, day, month, weekday, year] = fields;
  // The day that is "?" must not take part: croner would take either of the two days, AWS never has both.
  const pattern = `0 ${minute} ${hour} ${day === '?' ? '*' : day} ${month} ${weekday === '?' ? '*' : weekday} ${year}`;
  // Weekdays are counted from Sunday = 1, as AWS does; paused, so that it sets no timer of its own.
  const cron = new Cron(pattern, { paused: true, timezone: timeZone, mode: '7-part', alternativeWeekdays: true });
  let from = new Date(afterMs);
  for (let gaps = 0; gaps < GAPS_MAX; gaps += 1) {
    const next = cron.nextRun(from);
    if (!next) return undefined;
    if (fits(next, fields, timeZone)) return next.getTime();
    from = next;
  }
  return undefined;
}

/** Whether the wall clock shows a minute and hour of the fields: croner moves a time that a clock skips, AWS leaves it out. */
function fits(time: Date, [minutes, hours]: CronFields, timeZone: string): boolean {
  const { hour, minute } = wallClockOf(time, timeZone);
  const has = (field: string, value: number) => field === '*' || field.split(',').includes(String(value));
  return has(hours, hour) && has(minutes, minute);
}

interface WallClock {
  readonly text: string;
  readonly hour: number;
  readonly minute: number;
}

function wallClockOf(time: Date, timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  return {
    text: `${part.year?.padStart(4, '0')}-${part.month}-${part.day}T${part.hour}:${part.minute}:${part.second}`,
    hour: Number(part.hour),
    minute: Number(part.minute),
  };
}

/** The instant at which clocks of the zone show `wallClock`; of two the first, undefined in a gap. */
function instantOf(wallClock: string, timeZone: string): number | undefined {
  const asUtcMs = Date.parse(`${wallClock}Z`);
  const offsets = [-1, 1].map((days) => {
    const nearMs = asUtcMs + days * 86_400_000;
    return Date.parse(`${wallClockOf(new Date(nearMs), timeZone).text}Z`) - nearMs;
  });
  return offsets
    .map((offsetMs) => asUtcMs - offsetMs)
    .sort((a, b) => a - b)
    .find((timeMs) => wallClockOf(new Date(timeMs), timeZone).text === wallClock);
}
