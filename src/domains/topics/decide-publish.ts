import type { MessageAttributeValue } from '../../contract/generated/sns.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import { invalidParameter } from './decide-topic.ts';
import type { StoredAttribute } from './resources.ts';

/** What may be published; pure. Rules and words are those of AWS's Publish and PublishBatch. */

const MESSAGE_BYTES_MAX = 262_144;
const SUBJECT_MAX = 100;
const GROUP = /^[!-~]{1,128}$/;

export interface Asked {
  readonly Message: string;
  readonly Subject?: string;
  readonly MessageStructure?: string;
  readonly MessageAttributes?: { readonly [name: string]: MessageAttributeValue };
  readonly MessageDeduplicationId?: string;
  readonly MessageGroupId?: string;
}

/** What of a message is kept. */
export interface Content {
  readonly subject?: string;
  /** For queues, which serve the groups of their messages fairly; others do not see it. */
  readonly group?: string;
  readonly message: string;
  readonly byProtocol?: { [protocol: string]: string };
  readonly attributes?: { [name: string]: StoredAttribute };
}

const asUtf8 = new TextEncoder();
const bytesOf = (text: string): number => asUtf8.encode(text).length;

export function messageBytes({ Message, MessageAttributes }: Asked): number {
  let sizeBytes = bytesOf(Message);
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(MessageAttributes ?? {})) {
    sizeBytes += bytesOf(name) + bytesOf(DataType) + bytesOf(StringValue ?? '') + (BinaryValue?.length ?? 0);
  }
  return sizeBytes;
}

export function parseMessage(asked: Asked): Content | Rejection {
  const { Message, Subject, MessageStructure } = asked;
  if (Message === '') return invalidParameter('Empty message');
  if (messageBytes(asked) > MESSAGE_BYTES_MAX) return invalidParameter('Message too long');
  if (asked.MessageDeduplicationId !== undefined) {
    return invalidParameter(
      'MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type',
    );
  }
  const group = asked.MessageGroupId;
  if (group !== undefined && !GROUP.test(group))
    return invalidParameter('MessageGroupId Reason: it has 1 to 128 letters, digits and punctuation characters');
  // it becomes one line of a mail's head
  if (Subject !== undefined && ([...Subject].length > SUBJECT_MAX || !/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u.test(Subject)))
    return invalidParameter('Subject');
  const attributes = parseAttributes(asked.MessageAttributes ?? {});
  if (!Array.isArray(attributes)) return attributes;
  const common = {
    ...(Subject !== undefined && { subject: Subject }),
    ...(group !== undefined && { group }),
    ...(attributes.length > 0 && { attributes: Object.fromEntries(attributes) }),
  };
  if (MessageStructure === undefined) return { ...common, message: Message };
  if (MessageStructure !== 'json')
    return invalidParameter(`MessageStructure Reason: Invalid value: ${MessageStructure.slice(0, 100)}`);
  return structured(Message, common);
}

function structured(text: string, common: Omit<Content, 'message'>): Content | Rejection {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return invalidParameter('Message Structure - JSON message body failed to parse');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return invalidParameter('Message Structure - JSON message body failed to parse');
  }
  const byProtocol = Object.fromEntries(
    Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  const { default: message } = byProtocol;
  if (message === undefined) return invalidParameter('Message Structure - No default entry in JSON message body');
  return { ...common, message, byProtocol };
}

const badAttribute = (message: string): Rejection => ({ code: 'ParameterValueInvalid', message });

function parseAttributes(asked: { readonly [name: string]: MessageAttributeValue }): [string, StoredAttribute][] | Rejection {
  const stored: [string, StoredAttribute][] = [];
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(asked)) {
    if (!/^[A-Za-z0-9_.-]{1,256}$/.test(name) || /^(aws|amazon)\.|^\.|\.$|\.\./i.test(name)) {
      return badAttribute(`The message attribute name '${name.slice(0, 300)}' is invalid.`);
    }
    const [base] = DataType.split('.');
    if (!['String', 'Number', 'Binary'].includes(base ?? '')) {
      return badAttribute(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    }
    if (base === 'Binary') {
      if (!BinaryValue?.length)
        return badAttribute(
          `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
        );
      const bytes = Array.from(BinaryValue, (byte) => String.fromCharCode(byte)).join('');
      stored.push([name, { Type: DataType, Value: btoa(bytes) }]);
      continue;
    }
    if (!StringValue)
      return badAttribute(
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
      );
    if (base === 'Number' && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(StringValue)) {
      return badAttribute(`Could not cast message attribute '${name}' value to number.`);
    }
    stored.push([name, { Type: DataType, Value: StringValue }]);
  }
  return stored;
}

const BATCH_MAX = 10;

export function rejectedBatch(entries: readonly { readonly Id: string }[], sizeBytes: number): Rejection | undefined {
  if (entries.length === 0) return { code: 'EmptyBatchRequest', message: "The batch request doesn't contain any entries." };
  if (entries.length > BATCH_MAX) {
    return { code: 'TooManyEntriesInBatchRequest', message: 'The batch request contains more entries than permissible.' };
  }
  const bad = entries.find(({ Id }) => !/^[A-Za-z0-9_-]{1,80}$/.test(Id));
  if (bad) {
    return {
      code: 'InvalidBatchEntryId',
      message:
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    };
  }
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    return { code: 'BatchEntryIdsNotDistinct', message: 'Two or more batch entries in the request have the same Id.' };
  }
  if (sizeBytes > MESSAGE_BYTES_MAX) {
    return { code: 'BatchRequestTooLong', message: 'The length of all the messages put together is more than the limit.' };
  }
  return undefined;
}
