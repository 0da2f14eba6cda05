import type { Operation, OperationContext } from '../../platform/calls/operation.ts';
import type { OperationName } from '../../contract/operations.ts';
import { absentError, placeOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { parseQueueUrl, QUEUE, type QueueDocument, queueArn, queueKey } from './resources.ts';
import type { QueuesPorts } from './ports.ts';

export type QueueRow = Read<QueueDocument>;

export const queueUrl = (ports: QueuesPorts, context: OperationContext, name: string): string =>
  `${context.client?.endpoint ?? ports.serverUrl()}/${context.account}/${name}`;

/** The queue's name. Another account's queue is not there for this caller, nor is one at an address that is no queue's. */
export function queueNameOf(context: OperationContext, url: string): string {
  const parsed = parseQueueUrl(url);
  if (!parsed || (parsed.account ?? context.account) !== context.account) {
    throw absentError(QUEUE, placeOf(context), parsed?.name ?? '');
  }
  return parsed.name;
}

export async function readQueue(store: Pick<Store, 'get'>, context: OperationContext, url: string): Promise<QueueRow> {
  const name = queueNameOf(context, url);
  const row = await readRow<QueueDocument>(store, queueKey(placeOf(context), name));
  if (!row) throw absentError(QUEUE, placeOf(context), name);
  return row;
}

/** What an operation on one queue needs. Batches are authorised as the single operation, as at AWS. */
export const queueNeeds =
  <N extends OperationName>(action: string): Operation<N>['needs'] =>
  (input, context) => [
    { action, resources: [queueArn(placeOf(context), queueNameOf(context, (input as { QueueUrl: string }).QueueUrl))] },
  ];

/** `nowMs`, then a count within the millisecond: 20 digits, so that they sort as text. */
export function sequences(): (nowMs: number) => string {
  let last = 0n;
  return (nowMs) => {
    const least = BigInt(nowMs) * 1_000_000n;
    last = least > last ? least : last + 1n;
    return last.toString().padStart(20, '0');
  };
}
