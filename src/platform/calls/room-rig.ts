import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import { createTokenReconciler } from '../idempotency.ts';
import { systemIds } from '../ids.ts';
import type { Log } from '../log.ts';
import { createReconcileLoop } from '../reconcile/loop.ts';
import type { Store } from '../store/port.ts';
import { withSqliteStore } from '../store/sqlite/with-sqlite-store.ts';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.ts';
import type { AnyOperation, OperationContext, Room } from './operation.ts';

export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';

const ADMIN = {
  kind: 'user',
  account: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/admin`,
  userId: 'AIDA',
  name: 'admin',
} as const;

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Calls an operation of the room as a user would, but for gateway, validation and authorisation. */
export type RoomCall = <N extends OperationName>(
  name: N,
  input: InputOf<N>,
  context?: Partial<OperationContext>,
) => Promise<OutputOf<N>>;

export const callsOf =
  (operations: readonly AnyOperation[], now: () => number): RoomCall =>
  async (name, input, context) => {
    const found = operations.find((operation) => operation.name === name);
    if (!found) throw new Error(`The room has no ${name}`);
    return found.handle(input, {
      operation: name,
      account: ACCOUNT,
      region: REGION,
      requestId: systemIds.uuid(),
      nowMs: now(),
      principal: ADMIN,
      ...context,
    });
  };

/** What a room under test is made of. */
export interface RoomBase {
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly folder: string;
}

export interface RoomSetting<R> extends RoomBase {
  readonly room: R;
  readonly call: RoomCall;
  /** Resolves when the room's reconcilers have nothing left to do now. */
  settle(): Promise<void>;
}

/** For tests: one room over a real store and reconcile loop in a folder of their own; time passes only as the test lets it. */
export async function withRoom<R extends Pick<Room, 'operations' | 'reconcilers'>>(
  open: (base: RoomBase) => R,
  run: (setting: RoomSetting<R>) => Promise<void>,
  startMs = Date.now(),
): Promise<void> {
  const clock = createVirtualClock(startMs);
  await withSqliteStore(
    async ({ store, folder }) => {
      const room = open({ store, clock, folder });
      const loop = createReconcileLoop({ store, clock, log: SILENT });
      loop.register([...(room.reconcilers ?? []), createTokenReconciler(store, clock)]);
      await loop.start();
      try {
        const call = callsOf(room.operations, () => clock.now());
        await run({ room, call, store, clock, folder, settle: () => loop.idle() });
      } finally {
        await loop.stop();
      }
    },
    { clock },
  );
}

/** The room's calls, each that much later than the one before. */
export const eachLater =
  ({ call, clock }: Pick<RoomSetting<unknown>, 'call' | 'clock'>, stepMs: number): RoomCall =>
  (name, input, context) => {
    clock.advance(stepMs);
    return call(name, input, context);
  };
