import type { Clock } from '../../platform/clock.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { LogStreamName } from '../../platform/ports/log-files.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Cursor } from '../../platform/store/port.ts';
import { fileOf, groupArn, LOG_STREAM, LOGS_RETENTION, type LogGroupDocument, type LogStreamDocument } from './resources.ts';
import type { LogsRoomPorts } from './ports.ts';

const DAY_MS = 24 * 3600 * 1000;
/** AWS takes up to three days; a look that finds nothing costs one stat for each stream. */
const LOOK_EVERY_MS = 3600 * 1000;
const STREAMS_PER_PAGE = 200;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Erases events that are older than the group's retention from the streams' files. Erasing is repeatable, so that dying anywhere
 * leaves the next look to go on; only then the timer moves.
 */
export const retentionReconciler = (ports: LogsRoomPorts & { readonly clock: Clock }): Reconciler => ({
  name: LOGS_RETENTION,
  async reconcile(key) {
    const row = await ports.store.get<LogGroupDocument>(key);
    const days = row?.document.deletion ? undefined : row?.document.retentionInDays;
    const nowMs = ports.clock.now();
    const expect = [{ key, version: row?.version ?? 0 }];
    if (days === undefined) {
      await ports.store.commit({ expect, timers: [{ reconciler: LOGS_RETENTION, key, dueAtMs: null }] });
      return;
    }
    const erasedBytes = await eraseGroup(ports, key, nowMs - days * DAY_MS);
    const entry = ownEntry('logs', key, {
      timeMs: nowMs,
      action: 'slipway:LogEvents.Expired',
      resources: [groupArn(key, key.name)],
      changes: { erasedBytes: [null, erasedBytes] },
      reason: `retention of ${days} days`,
    });
    // a conflict is a change of the group, which has set the timer as it needs it
    await ports.store.commit({
      expect,
      timers: [{ reconciler: LOGS_RETENTION, key, dueAtMs: nowMs + LOOK_EVERY_MS }],
      ...(erasedBytes > 0 && { ledger: [entry] }),
    });
  },
});

async function eraseGroup(ports: LogsRoomPorts, key: ResourceKey, beforeMs: number): Promise<number> {
  let erasedBytes = 0;
  let after: Cursor | undefined;
  do {
    const page = await ports.store.list<LogStreamDocument>({
      account: key.account,
      region: key.region,
      kind: LOG_STREAM.kind,
      namePrefix: `${key.name}:`,
      sortBy: 'name',
      order: 'ascending',
      after,
      limit: STREAMS_PER_PAGE,
    });
    for (const stream of page.rows) erasedBytes += await eraseStream(ports, fileOf(stream.key, stream.document), beforeMs);
    after = page.next;
  } while (after);
  return erasedBytes;
}

async function eraseStream({ files, index }: LogsRoomPorts, stream: LogStreamName, beforeMs: number): Promise<number> {
  const { firstMs } = await index.times(stream);
  if (firstMs === undefined || firstMs >= beforeMs) return 0;
  let firstByte: number | undefined;
  let offset = 0;
  for (;;) {
    const { events, nextOffset } = await files.read(stream, offset, CHUNK_BYTES);
    firstByte ??= events[0]?.atByte;
    const kept = events.find(({ timeMs }) => timeMs >= beforeMs);
    if (!kept && nextOffset > offset) {
      offset = nextOffset;
      continue;
    }
    offset = kept?.atByte ?? offset;
    break;
  }
  if (firstByte === undefined || offset <= firstByte) return 0;
  await files.erase(stream, offset);
  index.forget(stream);
  return offset - firstByte;
}
