import type { Rejection } from '../../platform/errors/rejection.ts';
import type { QueueAttributes } from './resources.ts';

/** What a queue's settings mean; pure. Rules and defaults are those of AWS's CreateQueue and SetQueueAttributes. */

/** Range of whole numbers: seconds, but for the size, which is in bytes. */
const RANGES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  DelaySeconds: [0, 900],
  MaximumMessageSize: [1024, 1_048_576],
  MessageRetentionPeriod: [60, 1_209_600],
  ReceiveMessageWaitTimeSeconds: [0, 20],
  VisibilityTimeout: [0, 43_200],
  KmsDataKeyReusePeriodSeconds: [60, 86_400],
};

const DEFAULTS: Readonly<Record<string, string>> = {
  DelaySeconds: '0',
  MaximumMessageSize: '1048576',
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
  VisibilityTimeout: '30',
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  ContentBasedDeduplication: ['true', 'false'],
  SqsManagedSseEnabled: ['true', 'false'],
  DeduplicationScope: ['queue', 'messageGroup'],
  FifoThroughputLimit: ['perQueue', 'perMessageGroupId'],
};
const FIFO_ONLY = ['ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit'];
const TEXTS = ['Policy', 'RedrivePolicy', 'RedriveAllowPolicy', 'KmsMasterKeyId'];

export const attributeNumber = (attributes: QueueAttributes, name: keyof typeof DEFAULTS & string): number =>
  Number(attributes[name] ?? DEFAULTS[name]);

/** With what AWS shows of a queue whose creator said nothing. */
export const effectiveAttributes = (attributes: QueueAttributes): QueueAttributes => ({
  ...DEFAULTS,
  SqsManagedSseEnabled: 'false',
  ...attributes,
});

/** Attributes after a change: an empty policy takes the one there is away, a redrive policy has one form. */
export function mergedAttributes(before: QueueAttributes, change: QueueAttributes): QueueAttributes {
  const merged = { ...before, ...change };
  for (const name of TEXTS) if (merged[name] === '') delete merged[name];
  if (merged['FifoQueue'] === 'false') delete merged['FifoQueue'];
  // a count that was given as a text is shown as a number
  const policy = merged['RedrivePolicy'];
  if (policy !== undefined) merged['RedrivePolicy'] = policy.replace(/("maxReceiveCount"\s*:\s*)"(\d+)"/, '$1$2');
  return merged;
}

export function rejectedAttributes(attributes: QueueAttributes, fifo: boolean, creating: boolean): Rejection | undefined {
  for (const [name, value] of Object.entries(attributes)) {
    const rejection = rejectedAttribute(name, value, fifo, creating);
    if (rejection) return rejection;
  }
  return undefined;
}

function rejectedAttribute(name: string, value: string, fifo: boolean, creating: boolean): Rejection | undefined {
  const range = RANGES[name];
  if (range) {
    const fits = /^\d{1,9}$/.test(value) && Number(value) >= range[0] && Number(value) <= range[1];
    return fits ? undefined : invalidValue(name);
  }
  if (name === 'FifoQueue') return creating && value === String(fifo) ? undefined : invalidFifo(name, value, fifo);
  if (FIFO_ONLY.includes(name) && !fifo) return unknown(name);
  const choices = CHOICES[name];
  if (choices && !choices.includes(value)) return invalidValue(name);
  if ((name === 'SqsManagedSseEnabled' && value === 'true') || (name === 'KmsMasterKeyId' && value !== '')) {
    return {
      code: 'NotImplementedException',
      message: `${name}: message bodies are not encrypted apart from the data folder's own protection. Create the queue without it.`,
    };
  }
  if (choices) return undefined;
  if (!TEXTS.includes(name)) return unknown(name);
  if (name === 'Policy' || name === 'RedriveAllowPolicy')
    return value === '' || isJsonObject(value) ? undefined : invalidValue(name);
  return name === 'RedrivePolicy' && value !== '' ? parseRedrive(value).rejection : undefined;
}

const invalidFifo = (name: string, value: string, fifo: boolean): Rejection =>
  !fifo && value === 'true'
    ? {
        code: 'InvalidParameterValue',
        message:
          'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
      }
    : unknown(name);

const invalidValue = (name: string): Rejection => ({
  code: 'InvalidAttributeValue',
  message: `Invalid value for the parameter ${name}.`,
});

const unknown = (name: string): Rejection => ({ code: 'InvalidAttributeName', message: `Unknown Attribute ${name}.` });

export interface Redrive {
  readonly targetArn: string;
  readonly receiveCountMax: number;
}

/** `{"deadLetterTargetArn": …, "maxReceiveCount": 1 to 1000}`; the count may be a text. */
export function parseRedrive(
  text: string,
):
  | { readonly redrive: Redrive; readonly rejection?: undefined }
  | { readonly redrive?: undefined; readonly rejection: Rejection } {
  const refuse = (reason: string) => ({
    rejection: {
      code: 'InvalidParameterValue' as const,
      message: `Value ${text.slice(0, 300)} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
    },
  });
  const value = readJson(text);
  if (typeof value !== 'object' || value === null) return refuse('Redrive policy is not a valid JSON map.');
  const { deadLetterTargetArn, maxReceiveCount } = value as Record<string, unknown>;
  for (const [name, member] of Object.entries({ deadLetterTargetArn, maxReceiveCount })) {
    if (member === undefined) return refuse(`Redrive policy does not contain mandatory attribute: ${name}.`);
  }
  const count = Number(maxReceiveCount);
  if (!Number.isInteger(count) || count < 1 || count > 1000) {
    return refuse(
      `Invalid value for maxReceiveCount: ${String(maxReceiveCount)}, valid values are from 1 to 1000 both inclusive.`,
    );
  }
  return { redrive: { targetArn: String(deadLetterTargetArn), receiveCountMax: count } };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller refuses it in words of its own
  }
}

const isJsonObject = (text: string): boolean => {
  const value = readJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
};

/** The first attribute that a creation names otherwise than the queue of that name has it. */
export function differingAttribute(queue: QueueAttributes, asked: QueueAttributes): string | undefined {
  const has = effectiveAttributes(queue);
  return Object.entries(mergedAttributes({}, asked)).find(([name, value]) => (has[name] ?? '') !== value)?.[0];
}

/** AWS: letters, digits, hyphens and underscores, up to 80; a FIFO queue's name ends in `.fifo`. */
export function rejectedName(name: string): Rejection | undefined {
  const bare = name.endsWith('.fifo') ? name.slice(0, -5) : name;
  if (name.length <= 80 && /^[A-Za-z0-9_-]+$/.test(bare)) return undefined;
  return {
    code: 'InvalidParameterValue',
    message: 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length',
  };
}
