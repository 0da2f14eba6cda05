import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { refuse } from '../../platform/errors/rejection.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import { type Place, placeOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { parseRedrive, type Redrive } from './decide-attributes.ts';
import type { QueueRow } from './queue-access.ts';
import { isFifo, type QueueDocument, queueKey } from './resources.ts';

/** The redrive policy a queue has; undefined when it has none. */
export const redriveOf = (queue: QueueDocument): Redrive | undefined => {
  const text = queue.attributes['RedrivePolicy'];
  return text === undefined ? undefined : parseRedrive(text).redrive;
};

/** The queue that a dead letter target names; undefined when it is not (any more) there. */
export async function deadLetterQueue(store: Pick<Store, 'get'>, place: Place, targetArn: string): Promise<QueueRow | undefined> {
  const arn = parseArn(targetArn);
  if (arn?.service !== 'sqs' || arn.account !== place.account || arn.region !== place.region) return undefined;
  return readRow<QueueDocument>(store, queueKey(place, arn.resource));
}

/** Refuses a policy whose target is not there or is of the other type. */
export async function checkRedrive(
  store: Pick<Store, 'get'>,
  context: OperationContext,
  name: string,
  policy: string | undefined,
): Promise<void> {
  if (policy === undefined || policy === '') return;
  const { redrive, rejection } = parseRedrive(policy);
  refuse(rejection);
  const target = redrive && (await deadLetterQueue(store, placeOf(context), redrive.targetArn));
  const wrong = (reason: string) =>
    new ServiceError(
      'InvalidParameterValue',
      `Value ${policy.slice(0, 300)} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
    );
  if (!target) throw wrong('Dead letter target does not exist.');
  if (isFifo(target.document) !== isFifo({ name })) {
    throw wrong('Dead-letter queue must be same type of queue as the source.');
  }
}
