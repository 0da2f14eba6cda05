import type { Calls, Room } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Store } from '../../platform/store/port.ts';
import { deliveryReconciler } from './reconcile-delivery.ts';

export interface DeliveryPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly calls: Calls;
}

/** Hands over messages that other rooms wrote down: a room of its own, so that who sends need not know who receives. */
export const createDeliveriesRoom = (ports: DeliveryPorts): Room => ({
  name: 'deliveries',
  operations: [],
  resources: [],
  reconcilers: [deliveryReconciler(ports)],
  calls: ['sqs:SendMessage', 'lambda:Invoke'],
});
