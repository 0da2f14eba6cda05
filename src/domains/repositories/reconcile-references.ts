import type { Reconciler } from '../../platform/reconcile/port.ts';
import { settle } from './change-references.ts';
import type { OwnPorts } from './ports.ts';
import { gitPlaceOf, REPOSITORY_REFERENCES, REPOSITORY_REMAINS } from './resources.ts';

/** Records what a push did whose server died before it was recorded. */
export const referencesReconciler = (own: OwnPorts): Reconciler => ({
  name: REPOSITORY_REFERENCES,
  async reconcile(key) {
    await own.turns.take(key.name, () => settle(own, key));
  },
});

/** The folder of a repository that nobody knows any more. */
export const remainsReconciler = (own: OwnPorts): Reconciler => ({
  name: REPOSITORY_REMAINS,
  async reconcile(key) {
    await own.turns.take(key.name, () => own.git.remove(gitPlaceOf(key)));
    const timers = [{ reconciler: REPOSITORY_REMAINS, key, dueAtMs: null }];
    await own.store.commit({ expect: [{ key, version: 0 }], timers });
  },
});
