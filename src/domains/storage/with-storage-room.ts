import { join } from 'node:path';
import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { systemIds } from '../../platform/ids.ts';
import { createBlobStore, type LocalBlobStore } from '../../platform/objects/blob-store.ts';
import { createReconcileLoop } from '../../platform/reconcile/loop.ts';
import type { Store } from '../../platform/store/port.ts';
import { withSqliteStore } from '../../platform/store/sqlite/with-sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import { createStorageRoom } from './room.ts';

export const ACCOUNT = '123456789012';

/** Calls an operation of the room as a user would, but for the gateway. */
export type Call = <N extends OperationName>(
  name: N,
  input: InputOf<N>,
  context?: Partial<OperationContext>,
) => Promise<OutputOf<N>>;

export interface StorageSetting {
  readonly call: Call;
  readonly store: Store;
  readonly blobs: LocalBlobStore;
  readonly clock: VirtualClock;
  /** Resolves when the room's reconcilers have nothing left to do now. */
  settle(): Promise<void>;
}

/** For tests: the room over a real store, blob store and reconcile loop in a folder of their own. */
export async function withStorageRoom(run: (setting: StorageSetting) => Promise<void>): Promise<void> {
  const clock = createVirtualClock(Date.now());
  await withSqliteStore(
    async ({ store, folder }) => {
      const blobs = createBlobStore({ folder: join(folder, 'blobs'), clock, store });
      const room = createStorageRoom({ store, blobs, ids: systemIds, clock });
      const silent = () => undefined;
      const loop = createReconcileLoop({
        store,
        clock,
        log: { debug: silent, info: silent, warn: silent, error: silent } as never,
      });
      loop.register(room.reconcilers ?? []);
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
        await run({ call, store, blobs, clock, settle: () => loop.idle() });
      } finally {
        await loop.stop();
      }
    },
    { clock },
  );
}

export async function* streamOf(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

export async function bytesOf(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}
