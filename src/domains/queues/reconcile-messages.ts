import { listRows, readRow } from '../../platform/store/typed-rows.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeRows } from '../../platform/reconcile/remove-rows.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { attributeNumber } from './decide-attributes.ts';
import { type MessageDocument, MESSAGE_KIND, QUEUE_REMAINS, QUEUE_RETENTION, type QueueDocument } from './resources.ts';
import type { QueuesPorts } from './ports.ts';

/** Bodies may be as large as 1 MiB each. */
const MESSAGES_PER_COMMIT = 50;

/**
 * Removes messages whose retention has ended. Its timer stays as long as the queue: the next look is when the oldest of those left
 * ends, and nothing sent from now on ends before. Receives do not hand out what is too old in the meantime.
 */
export const retentionReconciler = (ports: QueuesPorts): Reconciler => ({
  name: QUEUE_RETENTION,
  async reconcile(key) {
    const queue = await readRow<QueueDocument>(ports.store, key);
    if (!queue) {
      await ports.store.commit({
        expect: [{ key, version: 0 }],
        timers: [{ reconciler: QUEUE_RETENTION, key, dueAtMs: null }],
      });
      return;
    }
    const retentionMs = attributeNumber(queue.document.attributes, 'MessageRetentionPeriod') * 1000;
    for (;;) {
      const rows = await oldest(ports, key, queue.document.box);
      const nowMs = ports.clock.now();
      const old = rows.filter(({ index }) => index.createdAtMs + retentionMs <= nowMs);
      if (old.length === 0) {
        const dueAtMs = Math.max(nowMs + 1, (rows[0]?.index.createdAtMs ?? nowMs) + retentionMs);
        // a conflict is a change of the queue, which has set the timer anew
        await ports.store.commit({
          expect: [{ key, version: queue.version }],
          timers: [{ reconciler: QUEUE_RETENTION, key, dueAtMs }],
        });
        return;
      }
      await removeMessages(ports, old);
    }
  },
});

/** Empties a box that no queue has any more. */
export const remainsReconciler = ({ store }: QueuesPorts): Reconciler => ({
  name: QUEUE_REMAINS,
  async reconcile(key) {
    const { account, region, name } = key;
    await removeRows(store, { account, region, kind: MESSAGE_KIND, parent: name, limit: MESSAGES_PER_COMMIT });
    await store.commit({ expect: [{ key, version: 0 }], timers: [{ reconciler: QUEUE_REMAINS, key, dueAtMs: null }] });
  },
});

async function oldest({ store }: QueuesPorts, { account, region }: ResourceKey, box: string) {
  const page = await listRows<MessageDocument>(store, {
    account,
    region,
    kind: MESSAGE_KIND,
    parent: box,
    sortBy: 'created',
    order: 'ascending',
    limit: MESSAGES_PER_COMMIT,
  });
  return page.rows;
}

/** A message that was received or deleted meanwhile conflicts; the next look sees it as it is. */
async function removeMessages(
  { store }: QueuesPorts,
  rows: readonly { readonly key: ResourceKey; readonly version: number }[],
): Promise<void> {
  await store.commit({ expect: rows.map(({ key, version }) => ({ key, version })), remove: rows.map(({ key }) => key) });
}
