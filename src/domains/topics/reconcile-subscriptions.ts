import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { listRows, readRow } from '../../platform/store/typed-rows.ts';
import type { TopicsPorts } from './ports.ts';
import { PENDING_SUBSCRIPTION, SUBSCRIPTION, subscriptionArn, type SubscriptionDocument, TOPIC_REMAINS } from './resources.ts';
import { unsubscribeParts } from './subscribing.ts';

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
export const remainsReconciler = ({ store, clock }: TopicsPorts): Reconciler => ({
  name: TOPIC_REMAINS,
  async reconcile(key) {
    for (;;) {
      const page = await listRows<SubscriptionDocument>(store, {
        account: key.account,
        region: key.region,
        kind: SUBSCRIPTION.kind,
        parent: key.name,
        sortBy: 'name',
        order: 'ascending',
        limit: PAGE,
      });
      const parts = page.rows.map(unsubscribeParts);
      const done = page.next === undefined;
      const { outcome } = await store.commit({
        expect: parts.flatMap(({ expect }) => expect),
        remove: parts.flatMap(({ remove = [] }) => remove),
        timers: [
          ...parts.flatMap(({ timers = [] }) => timers),
          ...(done && parts.length === 0 ? [{ reconciler: TOPIC_REMAINS, key, dueAtMs: null }] : []),
        ],
      });
      if (outcome !== 'done') return { retryAtMs: clock.now() };
      if (parts.length === 0) return;
    }
  },
});
