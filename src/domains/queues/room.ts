import type { Room } from '../../platform/calls/operation.ts';
import {
  changeMessageVisibility,
  changeMessageVisibilityBatch,
  deleteMessage,
  deleteMessageBatch,
} from './operations/acknowledge.ts';
import { getQueueAttributes, listDeadLetterSourceQueues, setQueueAttributes } from './operations/queue-attributes.ts';
import { listQueueTags, tagQueue, untagQueue } from './operations/queue-tags.ts';
import { createQueue, deleteQueue, getQueueUrl, listQueues, purgeQueue } from './operations/queues.ts';
import { receiveMessage } from './operations/receive.ts';
import { sendMessage, sendMessageBatch } from './operations/send.ts';
import { sequences } from './queue-access.ts';
import { remainsReconciler, retentionReconciler } from './reconcile-messages.ts';
import { QUEUE } from './resources.ts';
import { createWaiters } from './waiters.ts';
import type { QueuesPorts } from './ports.ts';

/** SQS: queues and their messages as rows; a receive is a commit that hides what it hands out. */
export function createQueuesRoom(ports: QueuesPorts): Room {
  const waiters = createWaiters(ports.store, ports.clock);
  const own = { ...ports, waiters, claimed: new Set<string>(), turns: new Map(), nextSequence: sequences() };
  return {
    name: 'queues',
    operations: [
      createQueue(own),
      getQueueUrl(own),
      listQueues(own),
      deleteQueue(own),
      purgeQueue(own),
      getQueueAttributes(own),
      setQueueAttributes(own),
      listDeadLetterSourceQueues(own),
      tagQueue(own),
      untagQueue(own),
      listQueueTags(own),
      sendMessage(own),
      sendMessageBatch(own),
      receiveMessage(own),
      deleteMessage(own),
      deleteMessageBatch(own),
      changeMessageVisibility(own),
      changeMessageVisibilityBatch(own),
    ],
    resources: [QUEUE],
    reconcilers: [retentionReconciler(own), remainsReconciler(own)],
    calls: [],
    release: () => waiters.release(),
  };
}
