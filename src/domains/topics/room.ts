import type { Room } from '../../platform/calls/operation.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import { publishOperations } from './operations/publish.ts';
import { subscriptionOperations } from './operations/subscriptions.ts';
import { topicAttributeOperations } from './operations/topic-attributes.ts';
import { topicOperations } from './operations/topics.ts';
import type { TopicsPorts } from './ports.ts';
import { messageReconciler } from './reconcile-message.ts';
import { pendingReconciler, remainsReconciler } from './reconcile-subscriptions.ts';
import { SUBSCRIPTION, TOPIC } from './resources.ts';
import { createTopicsRoute } from './web.ts';

export interface TopicsRoom extends Room {
  /** Confirming and unsubscribing by the links of messages, and the certificate that these are signed with. */
  readonly route: WebRoute;
}

/** SNS: topics, subscriptions, and messages as rows that become a notice for each subscription. */
export const createTopicsRoom = (ports: TopicsPorts): TopicsRoom => ({
  name: 'topics',
  operations: [
    ...topicOperations(ports),
    ...topicAttributeOperations(ports),
    ...subscriptionOperations(ports),
    ...publishOperations(ports),
  ],
  resources: [TOPIC, SUBSCRIPTION],
  reconcilers: [messageReconciler(ports), pendingReconciler(ports), remainsReconciler(ports)],
  calls: [],
  route: createTopicsRoute(ports),
});
