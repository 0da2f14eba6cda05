import type { Reconciler } from '../../platform/reconcile/port.ts';
import { PACKS_MAX, settle } from './change-references.ts';
import type { OwnPorts } from './ports.ts';
import { gitPlaceOf, REPOSITORY_PACKS, REPOSITORY_REFERENCES, REPOSITORY_REMAINS } from './resources.ts';

/** Records what a push did whose server died before it was recorded. */
export const referencesReconciler = (own: OwnPorts): Reconciler => ({
  name: REPOSITORY_REFERENCES,
  async reconcile(key) {
    await own.turns.take(key.name, () => settle(own, key));
  },
});

/**
 * One pack of many. What nothing refers to stays in it, so that whoever knows an object, a row or a backup, still finds it; the old packs go
 * when the new one is there.
 */
export const packsReconciler = (own: OwnPorts): Reconciler => ({
  name: REPOSITORY_PACKS,
  async reconcile(key) {
    const place = gitPlaceOf(key);
    await own.turns.take(key.name, async () => {
      if ((await own.git.countPacks(place)) <= PACKS_MAX) return;
      const { exitCode, errors } = await own.git.run(place, ['repack', '-a', '-d', '-k', '-q']);
      if (exitCode !== 0) own.log.warn({ repository: key.name, errors }, 'The packs of a repository could not be joined.');
      await own.git.persist(place, []);
    });
    const row = await own.store.get(key);
    const timers = [{ reconciler: REPOSITORY_PACKS, key, dueAtMs: null }];
    const { outcome } = await own.store.commit({ expect: [{ key, version: row?.version ?? 0 }], timers });
    // a push came between: the timer stays, and the next look clears it
    if (outcome !== 'done') return { retryAtMs: own.clock.now() + 1000 };
    return undefined;
  },
});

/** The folder of a repository that nobody knows any more. */
export const remainsReconciler = (own: OwnPorts): Reconciler => ({
  name: REPOSITORY_REMAINS,
  async reconcile(key) {
    await own.turns.take(key.name, () => own.git.remove(gitPlaceOf(key)));
    const timers = [{ reconciler: REPOSITORY_REMAINS, key, dueAtMs: null }];
    const { outcome } = await own.store.commit({ expect: [{ key, version: 0 }], timers });
    return outcome === 'done' ? undefined : { retryAtMs: own.clock.now() + 1000 };
  },
});
