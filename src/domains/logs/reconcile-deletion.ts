import type { Clock } from '../../platform/clock.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeRows } from '../../platform/reconcile/remove-rows.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { tagsKey } from '../../platform/resources/tags.ts';
import type { Row, Store } from '../../platform/store/port.ts';
import {
  fileOf,
  groupArn,
  LOG_GROUP,
  LOG_STREAM,
  LOGS_DELETION,
  streamArn,
  type Deletion,
  type LogGroupDocument,
  type LogStreamDocument,
} from './resources.ts';
import type { LogsRoomPorts } from './ports.ts';

const STREAMS_PER_COMMIT = 200;

/**
 * Carries out a deletion that is marked on a group or stream: first the files, then the rows. Dying in between leaves the mark
 * and its timer, and removing a file twice is the same as once.
 */
export async function finishDeletion(ports: LogsRoomPorts, key: ResourceKey, nowMs: number): Promise<void> {
  if (key.kind === LOG_STREAM.kind) await finishStream(ports, key, nowMs);
  else await finishGroup(ports, key, nowMs);
}

async function finishStream(ports: LogsRoomPorts, key: ResourceKey, nowMs: number): Promise<void> {
  const row = await ports.store.get<LogStreamDocument>(key);
  if (!row?.document.deletion) return clearTimer(ports.store, key, row?.version ?? 0);
  await removeFile(ports, row);
  const { group, name, deletion } = row.document;
  await ports.store.commit({
    expect: [{ key, version: row.version }],
    remove: [key],
    timers: [{ reconciler: LOGS_DELETION, key, dueAtMs: null }],
    ledger: [entry(key, 'logs:DeleteLogStream', streamArn(key, group, name), deletion, nowMs)],
  });
}

async function finishGroup(ports: LogsRoomPorts, key: ResourceKey, nowMs: number): Promise<void> {
  const row = await ports.store.get<LogGroupDocument>(key);
  if (!row?.document.deletion) return clearTimer(ports.store, key, row?.version ?? 0);
  const { account, region, name } = key;
  const streams = { account, region, kind: LOG_STREAM.kind, namePrefix: `${name}:`, limit: STREAMS_PER_COMMIT };
  await removeRows<LogStreamDocument>(ports.store, streams, async (rows) => {
    for (const stream of rows) await removeFile(ports, stream);
    return { timers: rows.map((stream) => ({ reconciler: LOGS_DELETION, key: stream.key, dueAtMs: null })) };
  });
  const arn = groupArn(key, key.name);
  await ports.store.commit({
    expect: [{ key, version: row.version }],
    remove: [key, tagsKey(arn)],
    timers: [{ reconciler: LOGS_DELETION, key, dueAtMs: null }],
    ledger: [entry(key, 'logs:DeleteLogGroup', arn, row.document.deletion, nowMs)],
  });
}

async function removeFile(ports: LogsRoomPorts, row: Row<LogStreamDocument>): Promise<void> {
  const file = fileOf(row.key, row.document);
  await ports.files.remove(file);
  ports.index.forget(file);
}

/** Expects what was looked at: a deletion asked for meanwhile has set the same timer, and needs it. */
async function clearTimer(store: Store, key: ResourceKey, version: number): Promise<void> {
  await store.commit({ expect: [{ key, version }], timers: [{ reconciler: LOGS_DELETION, key, dueAtMs: null }] });
}

const entry = (key: ResourceKey, action: string, arn: string, { actor, requestId }: Deletion, nowMs: number) => ({
  timeMs: nowMs,
  account: key.account,
  region: key.region,
  actor,
  action,
  outcome: 'done' as const,
  resources: [arn],
  changes: { name: [key.kind === LOG_GROUP.kind ? key.name : key.name.slice(key.name.indexOf(':') + 1), null] as const },
  requestId,
});

export const logsDeletionReconciler = (ports: LogsRoomPorts & { readonly clock: Clock }): Reconciler => ({
  name: LOGS_DELETION,
  reconcile: (key) => finishDeletion(ports, key, ports.clock.now()),
});
