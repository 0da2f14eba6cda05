import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { CAUSE, causeKey, type NoticeDocument, NOTICE } from '../../platform/notices.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeWithTimer } from '../../platform/reconcile/remove-rows.ts';
import type { Commit, RowIndex } from '../../platform/store/port.ts';
import { type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { decideRefused, type Refusal } from './decide-refusal.ts';
import type { NoticePorts } from './ports.ts';
import { isRefused, sendNotice, type Taken } from './send-notice.ts';

type Row = Read<NoticeDocument>;

/**
 * Sends, then removes: dying in between sends again, as receivers at AWS also may get an event twice. Works that a notice starts are asked for
 * under its own token, so that a repetition starts nothing.
 */
export const noticeReconciler = (ports: NoticePorts): Reconciler => ({
  name: NOTICE,
  async reconcile(key) {
    const found = await readRow<NoticeDocument>(ports.store, key);
    if (!found) return;
    const row = await counted(ports, found);
    if (!row) return { retryAtMs: ports.clock.now() };
    const end = await sendNotice(ports, key, row.document, row.index.createdAtMs);
    const nowMs = ports.clock.now();
    const commit = isRefused(end) ? afterRefusal(row, end, nowMs) : withCause(row, end, nowMs);
    const { outcome } = await ports.store.commit(commit);
    return outcome === 'done' ? undefined : { retryAtMs: nowMs };
  },
});

/**
 * A start is counted in its line during each attempt, not only the first: until what it started is remembered, events of that work must find
 * that a start is under way. Between attempts it is not, or one that is refused for a day would hold up all events of works. Undefined: the
 * row was changed meanwhile.
 */
async function counted({ store }: NoticePorts, row: Row): Promise<Row | undefined> {
  const { key, version, document, index } = row;
  if (document.to.kind !== 'call' || index.ordinal !== 0) return row;
  const again = { ...index, ordinal: 1 };
  const write = [writeOf(key, document, again)];
  const { outcome } = await store.commit({ expect: [{ key, version }], write });
  return outcome === 'done' ? { ...row, version: version + 1, index: again } : undefined;
}

/** Works end, and with them what they tell, long before. */
const CAUSE_KEPT_MS = 30 * 24 * 3600 * 1000;

/** What a rule started is remembered with it, for the events that it brings about. */
function withCause(row: Row, { work }: Taken, nowMs: number): Commit {
  const { hops } = row.document;
  const commit = taken(row);
  if (work === undefined || hops === undefined) return commit;
  const key = causeKey(row.key, work);
  const index = { createdAtMs: nowMs, modifiedAtMs: nowMs };
  return {
    ...commit,
    write: [{ key, document: { hops }, index }],
    timers: [...(commit.timers ?? []), { reconciler: CAUSE, key, dueAtMs: nowMs + CAUSE_KEPT_MS }],
  };
}

export const causeReconciler = ({ store }: NoticePorts): Reconciler => ({
  name: CAUSE,
  reconcile: (key) => removeWithTimer(store, CAUSE, key),
});

const taken = ({ key, version }: Row): Commit => ({
  expect: [{ key, version }],
  remove: [key],
  timers: [{ reconciler: NOTICE, key, dueAtMs: null }],
});

/** One that waits for its next attempt holds up no line. */
const waiting = ({ ordinal }: RowIndex): Partial<RowIndex> => (ordinal === undefined ? {} : { ordinal: 0 });

function afterRefusal(row: Row, refusal: Refusal, nowMs: number): Commit {
  const { key, version, document, index } = row;
  const attempts = document.attempts + 1;
  const next = decideRefused(document, refusal, attempts, index.createdAtMs, nowMs);
  if (next.step === 'again') {
    return {
      expect: [{ key, version }],
      write: [writeOf(key, { ...document, attempts }, { ...index, modifiedAtMs: nowMs, ...waiting(index) })],
      timers: [{ reconciler: NOTICE, key, dueAtMs: next.atMs }],
    };
  }
  const letter = document.deadLetter && deadLetter(document, document.deadLetter, refusal, attempts, next.exhausted);
  const ledger = [
    ownEntry('notices', key, {
      timeMs: nowMs,
      action: letter ? 'slipway:Notice.DeadLettered' : 'slipway:Notice.Dropped',
      resources: [document.about, document.to.arn, ...(letter ? [letter.to.arn] : [])],
      changes: { attempts: [document.attempts, attempts] },
      reason: refusal.message,
    }),
  ];
  if (!letter) return { ...taken(row), ledger };
  return {
    expect: [{ key, version }],
    write: [writeOf(key, letter, { ...index, createdAtMs: nowMs, modifiedAtMs: nowMs, ...waiting(index) })],
    timers: [{ reconciler: NOTICE, key, dueAtMs: nowMs }],
    ledger,
  };
}

/** The message becomes one to the queue, with attributes that tell why; it has no dead letter of its own. */
function deadLetter(
  { body, about, service, sender, role, hops }: NoticeDocument,
  { arn, attributes }: NonNullable<NoticeDocument['deadLetter']>,
  refusal: Refusal,
  attempts: number,
  exhausted: string | undefined,
): NoticeDocument {
  return {
    to: {
      kind: 'queue',
      arn,
      attributes: {
        ...attributes,
        ERROR_CODE: refusal.code,
        ERROR_MESSAGE: refusal.message.slice(0, 1024),
        RETRY_ATTEMPTS: String(attempts - 1),
        ...(exhausted !== undefined && { EXHAUSTED_RETRY_CONDITION: exhausted }),
      },
    },
    body,
    about,
    attempts: 0,
    ...(service !== undefined && { service }),
    ...(sender ? { sender } : role && { role }),
    ...(hops !== undefined && { hops }),
  };
}
