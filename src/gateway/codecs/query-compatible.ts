import type { Shape, ShapeRef } from '../../contract/model.ts';
import { createService, type Service } from '../../contract/services.ts';

/**
 * Services that once spoke the query protocol and now have a JSON model (SQS): clients of before the change still send forms, and all
 * tell errors by the codes of those days.
 */

/** Codes of the query protocol where they are not the shape's name (botocore's and AWS's documentation of SQS in both protocols). */
const QUERY_CODES: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  QueueNameExists: 'QueueAlreadyExists',
  PurgeQueueInProgress: 'AWS.SimpleQueueService.PurgeQueueInProgress',
  UnsupportedOperation: 'AWS.SimpleQueueService.UnsupportedOperation',
  BatchEntryIdsNotDistinct: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
  BatchRequestTooLong: 'AWS.SimpleQueueService.BatchRequestTooLong',
  EmptyBatchRequest: 'AWS.SimpleQueueService.EmptyBatchRequest',
  InvalidBatchEntryId: 'AWS.SimpleQueueService.InvalidBatchEntryId',
  TooManyEntriesInBatchRequest: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
};

export const isQueryCompatible = (service: Service): boolean => service.model.metadata.awsQueryCompatible !== undefined;

export const queryCode = (service: Service | undefined, code: string): string =>
  (service && isQueryCompatible(service) && (QUERY_CODES[code] ?? service.model.shapes[code]?.error?.code)) || code;

/** What members are called on the wire of forms; lists of entries have the name of what is in them. */
const MEMBER_NAMES: Readonly<Record<string, string>> = {
  Attributes: 'Attribute',
  AttributeNames: 'AttributeName',
  MessageAttributes: 'MessageAttribute',
  MessageAttributeNames: 'MessageAttributeName',
  MessageSystemAttributes: 'MessageSystemAttribute',
  MessageSystemAttributeNames: 'MessageSystemAttributeName',
  Messages: 'Message',
  QueueUrls: 'QueueUrl',
  queueUrls: 'QueueUrl',
  tags: 'Tag',
  Tags: 'Tag',
  TagKeys: 'TagKey',
};
const LISTS_OF_ENTRIES = ['Entries', 'Successful', 'Failed'];
const NAMESPACE = 'http://queue.amazonaws.com/doc/2012-11-05/';

/** The same service as its query clients know it: the JSON model with the names that forms and XML have. */
export function asQueryService(service: Service): Service {
  const { model } = service;
  const shapes = Object.fromEntries(Object.entries(model.shapes).map(([name, shape]) => [name, renamed(shape, model.shapes)]));
  const operations = Object.fromEntries(
    Object.entries(model.operations).map(([name, operation]) => [
      name,
      operation.output ? { ...operation, output: { ...operation.output, resultWrapper: `${name}Result` } } : operation,
    ]),
  );
  const { targetPrefix: _none, ...metadata } = model.metadata;
  return createService(service.id, service.prefix, {
    ...model,
    metadata: { ...metadata, protocol: 'query', xmlNamespace: NAMESPACE },
    operations,
    shapes,
  });
}

function renamed(shape: Shape, shapes: Readonly<Record<string, Shape>>): Shape {
  if (shape.type === 'map' && shape.key && shape.value) {
    const [key, value] = shape.key.shape === 'TagKey' ? ['Key', 'Value'] : ['Name', 'Value'];
    return { ...shape, key: { ...shape.key, locationName: key }, value: { ...shape.value, locationName: value } };
  }
  if (!shape.members) return shape;
  const members = Object.entries(shape.members).map(([name, ref]): [string, ShapeRef] => {
    const element = shapes[ref.shape]?.member?.shape;
    const locationName = LISTS_OF_ENTRIES.includes(name) ? element : MEMBER_NAMES[name];
    return [name, locationName === undefined ? ref : { ...ref, locationName }];
  });
  return { ...shape, members: Object.fromEntries(members) };
}
