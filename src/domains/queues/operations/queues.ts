import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagContext, tagList } from '../../../platform/resources/change-tags.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { absentError, placeOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { attributeNumber, differingAttribute, mergedAttributes, rejectedAttributes, rejectedName } from '../decide-attributes.ts';
import { queueNeeds, queueUrl, readQueue } from '../queue-access.ts';
import { checkRedrive } from '../redrive.ts';
import { boxKey, isFifo, QUEUE, QUEUE_REMAINS, QUEUE_RETENTION, type QueueDocument, queueArn, queueKey } from '../resources.ts';
import type { QueuesPorts } from '../ports.ts';

const QUEUES_PER_PAGE = 1000;
const PURGE_PAUSE_MS = 60_000;

export const createQueue = (ports: QueuesPorts): Operation<'sqs:CreateQueue'> =>
  operation('sqs:CreateQueue', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'sqs:CreateQueue',
        resources: [queueArn(placeOf(context), input.QueueName)],
        ...(input.tags && { context: tagContext(tagList(input.tags)) }),
      },
    ],
    async handle(input, context) {
      const name = input.QueueName;
      const asked = (input.Attributes ?? {}) as Record<string, string>;
      refuse(rejectedName(name) ?? rejectedAttributes(asked, isFifo({ name }), true));
      if (isFifo({ name }) && asked['FifoQueue'] !== 'true') refuse(rejectedName(`${name}.`));
      await checkRedrive(ports.store, context, name, asked['RedrivePolicy']);
      await decideAndCommit(ports.store, () => createOnce(ports, context, name, asked, input.tags));
      return { QueueUrl: queueUrl(ports, context, name) };
    },
  });

async function createOnce(
  ports: QueuesPorts,
  context: OperationContext,
  name: string,
  asked: Record<string, string>,
  tags: { readonly [key: string]: string } | undefined,
) {
  const key = queueKey(placeOf(context), name);
  const found = await readRow<QueueDocument>(ports.store, key);
  if (found) {
    const other = differingAttribute(found.document.attributes, asked);
    if (other === undefined) return { result: undefined };
    throw new ServiceError(
      'QueueNameExists',
      `A queue already exists with the same name and a different value for attribute ${other}`,
      {},
      'exists',
    );
  }
  const { nowMs } = context;
  const attributes = mergedAttributes({}, asked);
  const document: QueueDocument = { name, box: ports.ids.alphanumeric(16), attributes, createdAtMs: nowMs, modifiedAtMs: nowMs };
  const arn = queueArn(placeOf(context), name);
  const tagged = tagsWrite(arn, tags && tagList(tags), nowMs);
  return {
    commit: {
      expect: [{ key, version: 0 }],
      write: [{ key, document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }, ...(tagged ? [tagged] : [])],
      timers: [
        { reconciler: QUEUE_RETENTION, key, dueAtMs: nowMs + attributeNumber(attributes, 'MessageRetentionPeriod') * 1000 },
      ],
      ledger: [entryOf(context, 'sqs:CreateQueue', [arn], { attributes: [null, attributes] })],
    },
    result: undefined,
  };
}

export const getQueueUrl = (ports: QueuesPorts): Operation<'sqs:GetQueueUrl'> =>
  operation('sqs:GetQueueUrl', {
    effect: 'read',
    needs: (input, context) => [{ action: 'sqs:GetQueueUrl', resources: [queueArn(placeOf(context), input.QueueName)] }],
    async handle(input, context) {
      const place = placeOf(context);
      const own = (input.QueueOwnerAWSAccountId ?? context.account) === context.account;
      const row = own ? await ports.store.get(queueKey(place, input.QueueName)) : undefined;
      if (!row) throw absentError(QUEUE, place, input.QueueName);
      return { QueueUrl: queueUrl(ports, context, input.QueueName) };
    },
  });

export const listQueues = (ports: QueuesPorts): Operation<'sqs:ListQueues'> =>
  operation('sqs:ListQueues', {
    effect: 'read',
    needs: (_input, context) => [{ action: 'sqs:ListQueues', resources: [queueArn(placeOf(context), '*')] }],
    async handle(input, context) {
      const asked = input.MaxResults;
      if (asked !== undefined && (asked < 1 || asked > QUEUES_PER_PAGE)) {
        throw new ServiceError(
          'InvalidParameterValue',
          `Value ${asked} for parameter MaxResults is invalid. Reason: must be between 1 and 1000, if provided.`,
        );
      }
      const page = await ports.store.list<QueueDocument>({
        ...placeOf(context),
        kind: QUEUE.kind,
        ...(input.QueueNamePrefix && { namePrefix: input.QueueNamePrefix }),
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(input.NextToken),
        limit: asked ?? QUEUES_PER_PAGE,
      });
      const urls = page.rows.map(({ document }) => queueUrl(ports, context, document.name));
      // without MaxResults AWS shows the first thousand and gives no token
      const token = asked === undefined ? undefined : encodePageToken(page.next);
      return { ...(urls.length > 0 && { QueueUrls: urls }), ...(token !== undefined && { NextToken: token }) };
    },
  });

/** The messages go with their box: at once for every caller, from the disk by the remains' reconciler. */
export const deleteQueue = (ports: QueuesPorts): Operation<'sqs:DeleteQueue'> =>
  operation('sqs:DeleteQueue', {
    effect: 'change',
    needs: queueNeeds<'sqs:DeleteQueue'>('sqs:DeleteQueue'),
    async handle(input, context) {
      await decideAndCommit(ports.store, async (count) => {
        const row = await readQueue(ports.store, context, input.QueueUrl).catch((error: unknown) => {
          // on a second look it may be our own deletion whose answer was lost
          if (count > 0 && error instanceof ServiceError && error.finding === 'absent') return undefined;
          throw error;
        });
        if (!row) return { result: undefined };
        const { key, document } = row;
        const arn = queueArn(placeOf(context), document.name);
        return {
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key, tagsKey(arn)],
            timers: [
              { reconciler: QUEUE_RETENTION, key, dueAtMs: null },
              { reconciler: QUEUE_REMAINS, key: boxKey(placeOf(context), document.box), dueAtMs: context.nowMs },
            ],
            ledger: [entryOf(context, 'sqs:DeleteQueue', [arn], { attributes: [document.attributes, null] })],
          },
          result: undefined,
        };
      });
      return {};
    },
  });

export const purgeQueue = (ports: QueuesPorts): Operation<'sqs:PurgeQueue'> =>
  operation('sqs:PurgeQueue', {
    effect: 'change',
    needs: queueNeeds<'sqs:PurgeQueue'>('sqs:PurgeQueue'),
    async handle(input, context) {
      const box = ports.ids.alphanumeric(16);
      await decideAndCommit(ports.store, async () => {
        const { key, version, document, index } = await readQueue(ports.store, context, input.QueueUrl);
        if (document.box === box) return { result: undefined };
        if (document.purgedAtMs !== undefined && document.purgedAtMs + PURGE_PAUSE_MS > context.nowMs) {
          throw new ServiceError(
            'PurgeQueueInProgress',
            `Only one PurgeQueue operation on ${document.name} is allowed every 60 seconds.`,
          );
        }
        const purged: QueueDocument = { ...document, box, purgedAtMs: context.nowMs };
        return {
          commit: {
            expect: [{ key, version }],
            write: [{ key, document: purged, index }],
            timers: [{ reconciler: QUEUE_REMAINS, key: boxKey(placeOf(context), document.box), dueAtMs: context.nowMs }],
            ledger: [entryOf(context, 'sqs:PurgeQueue', [queueArn(placeOf(context), document.name)])],
          },
          result: undefined,
        };
      });
      return {};
    },
  });
