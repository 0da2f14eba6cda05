import type { Reconciler } from '../../platform/reconcile/port.ts';
import { removeRows, removeWithTimer } from '../../platform/reconcile/remove-rows.ts';
import type { DeliveryPorts } from './ports.ts';
import { EXECUTION_KIND, EXECUTION_RECONCILER, JOB_KIND, REMAINS_RECONCILER, SOURCE_KIND, VERSION_KIND } from './resources.ts';

const PAGE = 200;

/**
 * Removes what a deleted pipeline leaves: watched sources, executions with their jobs, versions, in bounded commits. Nothing reaches them any
 * more, since they belong to an incarnation that is gone; the ledger keeps what happened.
 */
export const remainsReconciler = ({ store }: Pick<DeliveryPorts, 'store'>): Reconciler => ({
  name: REMAINS_RECONCILER,
  async reconcile(key) {
    const { account, region, name } = key;
    const all = (kind: string) => ({ account, region, kind, limit: PAGE });
    await removeRows(store, { ...all(SOURCE_KIND), namePrefix: `${name}/` });
    await removeRows(store, { ...all(EXECUTION_KIND), parent: name }, async (executions) => {
      for (const execution of executions) await removeRows(store, { ...all(JOB_KIND), parent: execution.key.name });
      return { timers: executions.map((one) => ({ reconciler: EXECUTION_RECONCILER, key: one.key, dueAtMs: null })) };
    });
    await removeRows(store, { ...all(VERSION_KIND), parent: name });
    await removeWithTimer(store, REMAINS_RECONCILER, key);
  },
});
