import { type Check, memberOf, type RowChange, type SeenCommit, shown, textOf, type Watched } from './check.ts';

const MINUTE_MS = 60_000;
/** What a message may be old, where its schedule says nothing. */
const AGE_MAX_MS = 24 * 3600_000;

/**
 * Where a schedule moves on from a time, the commit has one notice, of the latest time that has come: those it missed are in the ledger. A
 * notice of a schedule comes about in no other way. Schedules are rates in minutes, or one time, without windows, as clients of the
 * simulator write them.
 */
export function checkSchedulesFireOnce({ disk, nowMs }: Watched): Check {
  const made = new Set<string>();

  const fires = ({ key, before, after }: RowChange, notices: readonly RowChange[], { ledger }: SeenCommit): string[] => {
    const rate = Number(/^rate\((\d+) minutes\)$/.exec(textOf(before?.document, 'expression') ?? '')?.[1]) * MINUTE_MS;
    const due = Number(memberOf(before?.document, 'next', 'timeMs'));
    const end = Number(memberOf(before?.document, 'endMs') ?? Number.POSITIVE_INFINITY);
    const missed = ledger.find(({ entry }) => entry.action === 'slipway:Schedule.Missed')?.entry;
    // time may pass between decision and commit
    const decidedAtMs = Math.min(nowMs(), notices[0]?.after?.index.createdAtMs ?? missed?.timeMs ?? nowMs());
    if (due > decidedAtMs) return [`${shown(key)} fires at ${decidedAtMs}, before its time ${due}`];
    const latest = rate > 0 ? due + Math.floor((Math.min(decidedAtMs, end) - due) / rate) * rate : due;
    const next = rate > 0 && latest + rate <= end ? latest + rate : undefined;
    const problems: string[] = [];
    if (memberOf(after?.document, 'next', 'timeMs') !== next)
      problems.push(
        `${shown(key)} goes on from ${latest} to ${String(memberOf(after?.document, 'next', 'timeMs'))}, not ${next}`,
      );
    const times = notices.map((notice) => timeOf(notice));
    const expected = decidedAtMs - latest > AGE_MAX_MS ? [] : [latest];
    if (times.join() !== expected.map(toSecond).join())
      problems.push(`${shown(key)} moves on from ${due}, and fires ${times.join()} instead of ${expected.join()}`);
    const isMissed = latest > due || expected.length === 0;
    if ((missed !== undefined) !== isMissed)
      problems.push(`${shown(key)} ${isMissed ? 'missed' : 'did not miss'} times, and the ledger says otherwise`);
    return problems;
  };
  return {
    promise: 'each time of a schedule fires once, and those that passed meanwhile are in the ledger',
    onCommit(seen) {
      const problems: string[] = [];
      const notices = seen.changes.filter(
        ({ key, before }) => key.kind === 'Notice' && !before && key.name.startsWith('schedule/'),
      );
      for (const { key } of notices) {
        if (made.has(key.name)) problems.push(`${shown(key)} was made twice`);
        made.add(key.name);
      }
      const moved = seen.changes.filter(isMove);
      for (const one of moved) problems.push(...fires(one, notices, seen));
      if (moved.length === 0 && notices.length > 0)
        problems.push(`${notices.map(({ key }) => shown(key)).join()} comes of no time`);
      return problems;
    },
    atRest: () =>
      [...disk.rows.all('Schedule')]
        .filter(({ document }) => textOf(document, 'state') === 'ENABLED')
        .filter(({ document }) => Number(memberOf(document, 'next', 'dueMs')) <= nowMs())
        .map(({ key, document }) => `${shown(key)} has not fired at ${String(memberOf(document, 'next', 'timeMs'))}`),
  };
}

/** Notices write times to the second. */
const toSecond = (timeMs: number): number => Math.floor(timeMs / 1000) * 1000;

/** A change that no client made. */
const isMove = ({ key, before, after }: RowChange): boolean =>
  key.kind === 'Schedule' &&
  before !== undefined &&
  after !== undefined &&
  memberOf(before.document, 'modifiedAtMs') === memberOf(after.document, 'modifiedAtMs') &&
  memberOf(before.document, 'next', 'timeMs') !== memberOf(after.document, 'next', 'timeMs');

/** The time that a notice tells of: the schedule's clients have it as their input, or it is in the call. */
function timeOf({ after }: RowChange): number {
  const body = textOf(after?.document, 'body') ?? '';
  return Date.parse(/\d{4}-\d\d-\d\dT[\d:]+Z/.exec(body)?.[0] ?? '');
}
