import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeRows, removeWithTimer } from '../../platform/reconcile/remove-rows.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import type { TopicsPorts } from './ports.ts';
import { PENDING_SUBSCRIPTION, SUBSCRIPTION, subscriptionArn, type SubscriptionDocument, TOPIC_REMAINS } from './resources.ts';
import { endpointKeyOf, unsubscribeParts } from './subscribing.ts';

/** A subscription that nobody confirmed goes when its token ends. */
export const pendingReconciler = ({ store, clock }: TopicsPorts): Reconciler => ({
  name: PENDING_SUBSCRIPTION,
  async reconcile(key) {
    const row = await readRow<SubscriptionDocument>(store, key);
    const timer = { reconciler: PENDING_SUBSCRIPTION, key, dueAtMs: null };
    if (!row || row.document.confirmed) {
      const { outcome } = await store.commit({ expect: [{ key, version: row?.version ?? 0 }], timers: [timer] });
      return outcome === 'done' ? undefined : { retryAtMs: clock.now() };
    }
    const { outcome } = await store.commit({
      ...unsubscribeParts(row),
      ledger: [
        ownEntry('topics', key, {
          timeMs: clock.now(),
          action: 'slipway:Subscription.Expired',
          resources: [subscriptionArn(key, row.document.name)],
          changes: { Endpoint: [row.document.endpoint, null] },
        }),
      ],
    });
    return outcome === 'done' ? undefined : { retryAtMs: clock.now() };
  },
});

const PAGE = 100;

/** Removes what belonged to a topic that was deleted; key: its box, of which there is no row. */
export const remainsReconciler = ({ store }: TopicsPorts): Reconciler => ({
  name: TOPIC_REMAINS,
  async reconcile(key) {
    const { account, region, name } = key;
    const subscriptions = { account, region, kind: SUBSCRIPTION.kind, parent: name, limit: PAGE };
    await removeRows<SubscriptionDocument>(store, subscriptions, (rows) => ({
      remove: rows.map(endpointKeyOf),
      timers: rows.map((row) => ({ reconciler: PENDING_SUBSCRIPTION, key: row.key, dueAtMs: null })),
    }));
    await removeWithTimer(store, TOPIC_REMAINS, key);
  },
});
