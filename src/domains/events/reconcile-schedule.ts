import { isRejection } from '../../platform/errors/rejection.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { placeOf } from '../../platform/resources/declaration.ts';
import type { Commit } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { decideFiring, parseRuleSchedule } from './decide-schedule.ts';
import { uuidOfText } from '../../platform/uuid-of-text.ts';
import { eventDocument } from './event-document.ts';
import { ruleWrite } from './operations/rules.ts';
import { RULE_SCHEDULE, type RuleDocument } from './resources.ts';
import { noticesOf } from './rule-notices.ts';
import type { EventsPorts } from './ports.ts';

/** A schedule fires in one commit: the notices of its targets, and its next time. What dies before it fires again, what dies after it does not. */
export const ruleScheduleReconciler = ({ store, clock }: EventsPorts): Reconciler => ({
  name: RULE_SCHEDULE,
  async reconcile(key) {
    const row = await readRow<RuleDocument>(store, key);
    const rule = row?.document;
    if (!row || rule?.schedule === undefined || rule.nextAtMs === undefined || rule.state !== 'ENABLED') return;
    const schedule = parseRuleSchedule(rule.schedule);
    if (isRejection(schedule)) return;
    const nowMs = clock.now();
    const { fireAtMs, nextAtMs } = decideFiring(schedule, rule.nextAtMs, rule.scheduleAnchorMs ?? rule.createdAtMs, nowMs);
    const { nextAtMs: _before, ...rest } = rule;
    const next: RuleDocument = { ...rest, ...(nextAtMs !== undefined && { nextAtMs }) };
    const event =
      fireAtMs === undefined ? undefined : { document: scheduledEvent(key, rule, fireAtMs), receivedAtMs: nowMs, hops: 0 };
    const deliveries = event ? noticesOf(placeOf(key), rule, event, nowMs) : [];
    const commit: Commit = {
      expect: [{ key, version: row.version }],
      write: [ruleWrite(key, next, row.index.modifiedAtMs), ...deliveries.map(({ write }) => write)],
      timers: [{ reconciler: RULE_SCHEDULE, key, dueAtMs: nextAtMs ?? null }, ...deliveries.map(({ timer }) => timer)],
    };
    const { outcome } = await store.commit(commit);
    return outcome === 'done' ? undefined : { retryAtMs: nowMs };
  },
});

/** Named by rule and time: the same time of a schedule is one event. */
const scheduledEvent = (place: { account: string; region: string }, rule: RuleDocument, timeMs: number): JsonObject =>
  eventDocument({
    id: uuidOfText(`schedule ${rule.arn} ${rule.createdAtMs} ${timeMs}`),
    source: 'aws.events',
    detailType: 'Scheduled Event',
    account: place.account,
    region: place.region,
    timeMs,
    resources: [rule.arn],
    detail: {},
  });
