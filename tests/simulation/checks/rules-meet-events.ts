import type { StoredEvent } from '../../../src/platform/events/event.ts';
import { type Check, listOf, memberOf, type RowChange, type SeenCommit, shown, textOf, type Watched } from './check.ts';

/** Longer than anything that looks again of its own accord. */
const AT_LAST_MS = 660_000;
/** Rules in a row, after which the product takes them for a circle. */
const HOPS_MAX = 16;

/** A rule as it is, and the last event that was there when it became so. */
interface InForce {
  readonly document: unknown;
  readonly sinceSequence: number;
}

/**
 * What the cursor moves over was held against each rule: one notice per event, rule and target, in that commit. Events that came before a
 * rule was last changed may have met it or not; rules are told apart by lists of texts, as clients of the simulator write patterns.
 */
export function checkRulesMeetEvents({ disk, nowMs }: Watched): Check {
  const rules = new Map<string, InForce>();
  const made = new Set<string>();
  /** What so many rules in a row led to: its events go no further. */
  const circling = new Set<string>();
  let events: StoredEvent[] = [];
  let calmSinceMs = Number.POSITIVE_INFINITY;

  const meets = ({ document, sinceSequence }: InForce, event: StoredEvent): boolean =>
    event.sequence > sinceSequence && textOf(document, 'state') === 'ENABLED' && fits(textOf(document, 'pattern'), event);

  const cursorMoves = ({ before, after }: RowChange, notices: readonly RowChange[]): string[] => {
    const from = Number(memberOf(before?.document, 'sequence') ?? 0);
    const to = Number(memberOf(after?.document, 'sequence') ?? 0);
    const passed = events.filter(({ sequence }) => sequence > from && sequence <= to);
    const isCircling = ({ resources }: StoredEvent) => resources.some((arn) => circling.has(arn));
    events = events.filter(({ sequence }) => sequence > to);
    const problems = to < from ? [`the cursor went back from ${from} to ${to}`] : [];
    for (const [name, rule] of rules) {
      const met = passed.filter((event) => meets(rule, event));
      const expected = met.map(told);
      const goOn = met.filter((event) => !isCircling(event)).map(told);
      const [isCertain, targets] = [rule.sinceSequence <= from, listOf(rule.document, 'targets')];
      for (const put of targets) {
        const target = textOf(put, 'target', 'Id') ?? '';
        const got = notices.filter(({ key }) => isOf(key.name, name, target)).map(({ after: row }) => toldBy(row?.document));
        const missed = without(goOn, got);
        const more = isCertain ? without(got, expected) : [];
        if (missed.length > 0) problems.push(`${missed[0]} met rule ${name}, and target ${target} is not told`);
        if (more.length > 0) problems.push(`target ${target} of rule ${name} is told of ${more[0]}, which it did not meet`);
      }
    }
    return problems;
  };
  const change = ({ key, after }: RowChange) => {
    if (after) rules.set(key.name, { document: after.document, sinceSequence: disk.lastEventSequence });
    else rules.delete(key.name);
  };
  return {
    promise: 'each committed event meets each enabled rule once',
    onCommit({ changes, events: added }: SeenCommit) {
      const notices = changes.filter(({ key, before }) => key.kind === 'Notice' && !before && key.name.startsWith('events/'));
      const problems: string[] = [];
      for (const { key } of notices) {
        if (made.has(key.name)) problems.push(`${shown(key)} was made twice`);
        made.add(key.name);
      }
      if (rules.size > 0) events.push(...added.filter(({ internal }) => internal !== true));
      for (const one of changes) {
        if (one.key.kind === 'EventCursor') problems.push(...cursorMoves(one, notices));
        if (one.key.kind === 'EventRule') change(one);
        if (one.key.kind === 'NoticeCause' && Number(memberOf(one.after?.document, 'hops')) >= HOPS_MAX)
          circling.add(one.key.name);
      }
      return problems;
    },
    onCalm(isCalm) {
      calmSinceMs = isCalm ? nowMs() : Number.POSITIVE_INFINITY;
      return [];
    },
    atRest: () =>
      [...rules].flatMap(([name, rule]) =>
        events
          .filter((event) => meets(rule, event) && nowMs() - Math.max(event.timeMs, calmSinceMs) > AT_LAST_MS)
          .map((event) => `${told(event)} was never held against rule ${name}`),
      ),
  };
}

const isOf = (notice: string, rule: string, target: string): boolean =>
  notice.startsWith('events/') && notice.endsWith(`/${rule}/${target}`);

/** An event in the words that its notice also has. */
const told = ({ detailType, resources, detail, timeMs }: StoredEvent): string =>
  JSON.stringify([detailType, new Date(timeMs).toISOString().slice(0, 19), resources, detail]);

function toldBy(notice: unknown): string {
  const {
    'detail-type': type,
    time,
    resources,
    detail,
  } = JSON.parse(textOf(notice, 'body') ?? '{}') as { [member: string]: unknown };
  return JSON.stringify([type, String(time).slice(0, 19), resources, detail]);
}

/** What `some` has more of than `others`. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return some.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Whether an event has, of each member that a pattern names, one of the texts it lists. */
function fits(pattern: string | undefined, { source, detailType, detail }: StoredEvent): boolean {
  const within = (wanted: unknown, value: unknown): boolean =>
    Array.isArray(wanted)
      ? wanted.includes(value)
      : Object.entries(wanted as object).every(([member, inner]) => within(inner, memberOf(value, member)));
  return pattern !== undefined && within(JSON.parse(pattern), { source, 'detail-type': detailType, detail });
}
