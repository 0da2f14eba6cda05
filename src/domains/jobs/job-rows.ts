import { changedMembers } from '../../platform/ledger/entry.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import type { EventInput } from '../../platform/events/event.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Commit, TimerChange, Write } from '../../platform/store/port.ts';
import { type Read, writeOf } from '../../platform/store/typed-rows.ts';
import type { JobRecordKind } from './job-kind.ts';
import { type AnyJobRecord, isSettled } from './resources.ts';

export const jobWrite = <D extends AnyJobRecord>(kind: JobRecordKind<D>, key: ResourceKey, document: D): Write => {
  const { status, createdAtMs, modifiedAtMs } = document;
  return writeOf(key, document, { status, createdAtMs, modifiedAtMs }, kind.blobs?.(document));
};

export function jobEvent<D extends AnyJobRecord>(kind: JobRecordKind<D>, key: ResourceKey, job: D): EventInput {
  return {
    source: 'aws.sagemaker',
    detailType: kind.eventType,
    account: key.account,
    region: key.region,
    timeMs: job.modifiedAtMs,
    resources: [job.arn],
    detail: { ...kind.describe(job), Tags: {} },
  };
}

/** How long a settled job's run folder stays: its removal is no part of the way to the next step. */
export const RELEASE_AFTER_MS = 60_000;

/** The commit of a change the control loop makes: row, event, ledger, and the timer that keeps an unsettled job awake. */
export function transitionCommit<D extends AnyJobRecord>(kind: JobRecordKind<D>, row: Read<D>, next: D, nowMs: number): Commit {
  const { key, version, document } = row;
  return {
    expect: [{ key, version }],
    write: [jobWrite(kind, key, next)],
    timers: timersOf(kind, key, document, next, nowMs),
    events: [jobEvent(kind, key, next)],
    ledger: [transitionEntry(kind, key, document, next)],
  };
}

/** A settled job is woken once more for its files; one that begins to stop at once. Otherwise the timer of its creation stays. */
function timersOf<D extends AnyJobRecord>(
  kind: JobRecordKind<D>,
  key: ResourceKey,
  before: D,
  after: D,
  nowMs: number,
): TimerChange[] {
  const { reconciler } = kind;
  if (isSettled(after.status)) return [{ reconciler, key, dueAtMs: nowMs + RELEASE_AFTER_MS }];
  return after.status !== before.status ? [{ reconciler, key, dueAtMs: nowMs }] : [];
}

function transitionEntry<D extends AnyJobRecord>(kind: JobRecordKind<D>, key: ResourceKey, before: D, after: D): LedgerInput {
  const status = 'secondaryStatus' in after ? after.secondaryStatus : after.status;
  return ownEntry('jobs', key, {
    timeMs: after.modifiedAtMs,
    action: `slipway:${kind.noun}.${status}`,
    resources: [after.arn],
    changes: changedMembers(kind.describe(before), kind.describe(after)),
    reason: after.failureReason,
  });
}
