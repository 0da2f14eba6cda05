import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { effectiveAttributes, mergedAttributes, rejectedAttributes } from '../decide-attributes.ts';
import { queueNeeds, queueUrl, readQueue, type QueueRow } from '../queue-access.ts';
import { checkRedrive, redriveOf } from '../redrive.ts';
import { isFifo, MESSAGE_KIND, QUEUE, QUEUE_RETENTION, type QueueDocument, queueArn } from '../resources.ts';
import type { QueuesPorts } from '../ports.ts';

const COUNTS = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'ApproximateNumberOfMessagesDelayed'];

export const getQueueAttributes = (ports: QueuesPorts): Operation<'sqs:GetQueueAttributes'> =>
  operation('sqs:GetQueueAttributes', {
    effect: 'read',
    needs: queueNeeds<'sqs:GetQueueAttributes'>('sqs:GetQueueAttributes'),
    async handle(input, context) {
      const row = await readQueue(ports.store, context, input.QueueUrl);
      const wanted = new Set<string>(input.AttributeNames ?? []);
      const all = wanted.has('All');
      const counts = all || COUNTS.some((name) => wanted.has(name)) ? await countMessages(ports, row) : {};
      const { document } = row;
      const known: Record<string, string> = {
        QueueArn: queueArn(placeOf(context), document.name),
        ...counts,
        CreatedTimestamp: String(Math.floor(document.createdAtMs / 1000)),
        LastModifiedTimestamp: String(Math.floor(document.modifiedAtMs / 1000)),
        ...(isFifo(document) && {
          ContentBasedDeduplication: 'false',
          DeduplicationScope: 'queue',
          FifoThroughputLimit: 'perQueue',
        }),
        ...effectiveAttributes(document.attributes),
      };
      const shown = Object.entries(known).filter(([name]) => all || wanted.has(name));
      return shown.length > 0 ? { Attributes: Object.fromEntries(shown) } : {};
    },
  });

async function countMessages({ store, clock }: QueuesPorts, { key, document }: QueueRow): Promise<Record<string, string>> {
  const scope = { account: key.account, region: key.region, kind: MESSAGE_KIND, parent: document.box };
  const nowMs = clock.now();
  const [all, hidden, delayed] = await Promise.all([
    store.count({ ...scope, ordinalAbove: -1 }),
    store.count({ ...scope, ordinalAbove: nowMs }),
    store.count({ ...scope, facet: document.box, ordinalAbove: nowMs }),
  ]);
  return {
    ApproximateNumberOfMessages: String(all - hidden),
    ApproximateNumberOfMessagesNotVisible: String(hidden - delayed),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
}

/** A change of the retention is looked at at once: what is now too old goes. */
export const setQueueAttributes = (ports: QueuesPorts): Operation<'sqs:SetQueueAttributes'> =>
  operation('sqs:SetQueueAttributes', {
    effect: 'change',
    needs: queueNeeds<'sqs:SetQueueAttributes'>('sqs:SetQueueAttributes'),
    async handle(input, context) {
      const change = input.Attributes as Record<string, string>;
      await decideAndCommit(ports.store, async () => {
        const { key, version, document, index } = await readQueue(ports.store, context, input.QueueUrl);
        refuse(rejectedAttributes(change, isFifo(document), false));
        await checkRedrive(ports.store, context, document.name, change['RedrivePolicy']);
        const attributes = mergedAttributes(document.attributes, change);
        if (JSON.stringify(attributes) === JSON.stringify(document.attributes)) return { result: undefined };
        const next: QueueDocument = { ...document, attributes, modifiedAtMs: context.nowMs };
        const arn = queueArn(placeOf(context), document.name);
        return {
          commit: {
            expect: [{ key, version }],
            write: [{ key, document: next, index: { ...index, modifiedAtMs: context.nowMs } }],
            timers: [{ reconciler: QUEUE_RETENTION, key, dueAtMs: context.nowMs }],
            ledger: [entryOf(context, 'sqs:SetQueueAttributes', [arn], changedMembers(document.attributes, attributes))],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const listDeadLetterSourceQueues = (ports: QueuesPorts): Operation<'sqs:ListDeadLetterSourceQueues'> =>
  operation('sqs:ListDeadLetterSourceQueues', {
    effect: 'read',
    needs: queueNeeds<'sqs:ListDeadLetterSourceQueues'>('sqs:ListDeadLetterSourceQueues'),
    async handle(input, context) {
      const target = await readQueue(ports.store, context, input.QueueUrl);
      const arn = queueArn(placeOf(context), target.document.name);
      const page = await listRows<QueueDocument>(ports.store, {
        ...placeOf(context),
        kind: QUEUE.kind,
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(input.NextToken),
        limit: 1000,
      });
      const sources = page.rows.filter(({ document }) => redriveOf(document)?.targetArn === arn);
      const token = encodePageToken(page.next);
      return {
        queueUrls: sources.map(({ document }) => queueUrl(ports, context, document.name)),
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });
