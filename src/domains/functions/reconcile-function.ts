import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { Reconciler } from '../../platform/reconcile/port.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import type { FunctionsPorts } from './ports.ts';
import { FUNCTION_RECONCILER, type FunctionDocument } from './resources.ts';
import { functionWrite } from './revisions.ts';

/**
 * Ends what a change of a function began. All that Lambda does in the meantime (fetching and checking the code, trying the role) was
 * done before the change was answered; what is left is to say so, in the order in which clients wait for it.
 */
export function createFunctionReconciler({ store, clock }: FunctionsPorts): Reconciler {
  return {
    name: FUNCTION_RECONCILER,
    reconcile: (key) =>
      // permissions and settings of a function are written without its timer: a conflict has to be looked at again here
      decideAndCommit(store, async () => {
        const row = await readRow<FunctionDocument>(store, key);
        const timers = [{ reconciler: FUNCTION_RECONCILER, key, dueAtMs: null }];
        if (!row) return { commit: { expect: [{ key, version: 0 }], timers }, result: undefined };
        const { StateReason: _reason, StateReasonCode: _code, ...document } = row.document;
        const nowMs = clock.now();
        const created = document.State === 'Pending';
        const change = { timeMs: nowMs, action: 'slipway:Function.Active', resources: [document.FunctionArn] };
        const commit = {
          expect: [{ key, version: row.version }],
          write: [functionWrite(key, { ...document, State: 'Active', LastUpdateStatus: 'Successful' }, nowMs)],
          timers,
          ...(created && { ledger: [ownEntry('functions', key, { ...change, changes: { State: ['Pending', 'Active'] } })] }),
        };
        return { commit, result: undefined };
      }),
  };
}
