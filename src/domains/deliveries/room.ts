import type { Room } from '../../platform/calls/operation.ts';
import { deliveryReconciler } from './reconcile-delivery.ts';
import type { DeliveryPorts } from './ports.ts';

/** Hands over messages that other rooms wrote down: a room of its own, so that who sends need not know who receives. */
export const createDeliveriesRoom = (ports: DeliveryPorts): Room => ({
  name: 'deliveries',
  operations: [],
  resources: [],
  reconcilers: [deliveryReconciler(ports)],
  calls: ['sqs:SendMessage', 'lambda:Invoke'],
});
