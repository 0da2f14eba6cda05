import type { MessageAttributeValue, SendMessageRequest } from '../../contract/generated/sqs.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';

/** What may be sent; pure. Rules are those of AWS's SendMessage. */

export type Attributes = { readonly [name: string]: MessageAttributeValue };

export const BATCH_ENTRIES_MAX = 10;
export const BATCH_BYTES_MAX = 1_048_576;
const ATTRIBUTES_MAX = 10;

const invalid = (message: string): Rejection => ({ code: 'InvalidParameterValue', message });

const asUtf8 = new TextEncoder();
const bytesOf = (text: string): number => asUtf8.encode(text).length;

/** Body, attribute names, types and values count. */
export function messageBytes(body: string, attributes: Attributes | undefined): number {
  let sizeBytes = bytesOf(body);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    sizeBytes += bytesOf(name) + bytesOf(value.DataType) + bytesOf(value.StringValue ?? '') + (value.BinaryValue?.length ?? 0);
  }
  return sizeBytes;
}

export function rejectedMessage(
  entry: Omit<SendMessageRequest, 'QueueUrl'>,
  queue: { readonly fifo: boolean; readonly bytesMax: number; readonly contentBased: boolean },
): Rejection | undefined {
  if (entry.MessageBody === '')
    return { code: 'MissingParameter', message: 'The request must contain the parameter MessageBody.' };
  const stray = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(entry.MessageBody)?.[0];
  if (stray !== undefined) {
    const code = (stray.codePointAt(0) ?? 0).toString(16);
    return {
      code: 'InvalidMessageContents',
      message: `Invalid binary character '#x${code}' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF`,
    };
  }
  if (messageBytes(entry.MessageBody, entry.MessageAttributes) > queue.bytesMax) {
    return invalid(`One or more parameters are invalid. Reason: Message must be shorter than ${queue.bytesMax} bytes.`);
  }
  return (
    rejectedDelay(entry.DelaySeconds, queue.fifo) ?? rejectedAttributes(entry.MessageAttributes) ?? rejectedOrder(entry, queue)
  );
}

function rejectedDelay(seconds: number | undefined, fifo: boolean): Rejection | undefined {
  if (seconds === undefined || (seconds === 0 && fifo)) return undefined;
  if (fifo) {
    return invalid(
      `Value ${seconds} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.`,
    );
  }
  if (seconds >= 0 && seconds <= 900) return undefined;
  return invalid(`Value ${seconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`);
}

function rejectedAttributes(attributes: Attributes | undefined): Rejection | undefined {
  const entries = Object.entries(attributes ?? {});
  if (entries.length > ATTRIBUTES_MAX)
    return invalid(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`);
  for (const [name, value] of entries) {
    if (!/^[A-Za-z0-9_.-]+$/.test(name)) {
      return invalid(
        `The message attribute name '${name.slice(0, 300)}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.`,
      );
    }
    if (/^(?:aws|amazon)\.|^\.|\.$|\.\./i.test(name) || name.length > 256) {
      return invalid(
        `The message attribute name '${name.slice(0, 300)}' is invalid: it must not start with AWS. or Amazon., begin or end with a period, have two in a row, or be longer than 256 characters.`,
      );
    }
    const rejection = rejectedValue(name, value);
    if (rejection) return rejection;
  }
  return undefined;
}

function rejectedValue(name: string, value: MessageAttributeValue): Rejection | undefined {
  if (value.DataType === '') return invalid(`The message attribute '${name}' must contain a non-empty message attribute type.`);
  const base = /^(String|Binary|Number)(?:\.|$)/.exec(value.DataType)?.[1];
  if (base === undefined) {
    return invalid(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const content = base === 'Binary' ? value.BinaryValue : value.StringValue;
  if (content === undefined || content.length === 0) {
    return invalid(
      `The message attribute '${name}' must contain a non-empty message attribute value for message attribute type '${base}'.`,
    );
  }
  if (base === 'Number' && !Number.isFinite(Number(value.StringValue))) {
    return invalid(`Can't cast the value of message attribute '${name}' to a number.`);
  }
  return undefined;
}

/** What a FIFO queue needs of a message, and others do not take. A batch with one such message is refused as a whole. */
export function rejectedOrder(
  entry: Omit<SendMessageRequest, 'QueueUrl'>,
  { fifo, contentBased }: { readonly fifo: boolean; readonly contentBased: boolean },
): Rejection | undefined {
  for (const name of ['MessageGroupId', 'MessageDeduplicationId'] as const) {
    const value = entry[name];
    if (value !== undefined && !/^[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/.test(value)) {
      return invalid(
        `Value ${value.slice(0, 200)} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
      );
    }
  }
  if (!fifo) {
    if (entry.MessageDeduplicationId === undefined) return undefined;
    return invalid(
      `Value ${entry.MessageDeduplicationId} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.`,
    );
  }
  if (entry.MessageGroupId === undefined) {
    return { code: 'MissingParameter', message: 'The request must contain the parameter MessageGroupId.' };
  }
  if (entry.MessageDeduplicationId === undefined && !contentBased) {
    return invalid(
      'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    );
  }
  return undefined;
}

/** Entries of any batch operation: 1 to 10, each with an id of its own. */
export function rejectedBatch(entries: readonly { readonly Id: string }[], entryType: string): Rejection | undefined {
  if (entries.length === 0) {
    return { code: 'EmptyBatchRequest', message: `There should be at least one ${entryType} in the request.` };
  }
  if (entries.length > BATCH_ENTRIES_MAX) {
    return {
      code: 'TooManyEntriesInBatchRequest',
      message: `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    };
  }
  const seen = new Set<string>();
  for (const { Id } of entries) {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(Id)) {
      return {
        code: 'InvalidBatchEntryId',
        message:
          'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      };
    }
    if (seen.has(Id)) return { code: 'BatchEntryIdsNotDistinct', message: `Id ${Id} repeated.` };
    seen.add(Id);
  }
  return undefined;
}
