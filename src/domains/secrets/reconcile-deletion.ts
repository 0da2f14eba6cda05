import type { Clock } from '../../platform/clock.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { tagsKey } from '../../platform/resources/tags.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { SECRET_DELETION, type SecretDocument, valueKey } from './resources.ts';
import type { SecretRow } from './secret-access.ts';

/** Takes a secret away with its values and tags, in one commit. */
export const removal = ({ key, version, document }: SecretRow): Commit => ({
  expect: [{ key, version }],
  remove: [key, tagsKey(document.arn), ...Object.keys(document.versions).map((id) => valueKey(key, document, id))],
  timers: [{ reconciler: SECRET_DELETION, key, dueAtMs: null }],
});

/** Ends a secret whose recovery window is over. */
export const deletionReconciler = ({ store, clock }: { readonly store: Store; readonly clock: Clock }): Reconciler => ({
  name: SECRET_DELETION,
  async reconcile(key) {
    const row = await readRow<SecretDocument>(store, key);
    const deletion = row?.document.deletion;
    if (!row || !deletion) {
      // a conflict is a change of the secret, which has set the timer as it needs it
      await store.commit({
        expect: [{ key, version: row?.version ?? 0 }],
        timers: [{ reconciler: SECRET_DELETION, key, dueAtMs: null }],
      });
      return;
    }
    const nowMs = clock.now();
    if (deletion.dueAtMs > nowMs) return;
    const { name, arn } = row.document;
    const action = 'slipway:Secret.Deleted';
    const ledger = [ownEntry('secrets', key, { timeMs: nowMs, action, resources: [arn], changes: { name: [name, null] } })];
    await store.commit({ ...removal(row), ledger });
  },
});
