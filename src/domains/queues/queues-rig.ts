import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { createTokenReconciler } from '../../platform/idempotency.ts';
import { systemIds } from '../../platform/ids.ts';
import { createReconcileLoop } from '../../platform/reconcile/loop.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import { createQueuesRoom } from './room.ts';

export const ACCOUNT = '123456789012';

export type Call = <N extends OperationName>(
  name: N,
  input: InputOf<N>,
  context?: Partial<OperationContext>,
) => Promise<OutputOf<N>>;

export interface QueuesSetting {
  readonly call: Call;
  readonly store: Store;
  readonly clock: VirtualClock;
  settle(): Promise<void>;
  release(): void;
}

/** For tests: the room over a real store and reconcile loop in a folder of their own. */
export async function withQueuesRoom(run: (setting: QueuesSetting) => Promise<void>): Promise<void> {
  const clock = createVirtualClock(Date.now());
  await withSqliteStore(
    async ({ store }) => {
      const room = createQueuesRoom({ store, clock, ids: systemIds, serverUrl: () => 'http://127.0.0.1:7600' });
      const silent = () => undefined;
      const log = { debug: silent, info: silent, warn: silent, error: silent };
      const loop = createReconcileLoop({ store, clock, log: log as never });
      loop.register([...(room.reconcilers ?? []), createTokenReconciler(store)]);
      await loop.start();
      const call: Call = async (name, input, context) => {
        const found = room.operations.find((operation) => operation.name === name);
        if (!found) throw new Error(`The room has no ${name}`);
        return found.handle(input, {
          operation: name,
          account: ACCOUNT,
          region: 'us-east-1',
          requestId: systemIds.uuid(),
          nowMs: clock.now(),
          principal: { kind: 'user', account: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:user/admin`, userId: 'AIDA', name: 'admin' },
          ...context,
        });
      };
      try {
        await run({ call, store, clock, settle: () => loop.idle(), release: () => room.release?.() });
      } finally {
        await loop.stop();
      }
    },
    { clock },
  );
}
