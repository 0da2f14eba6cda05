import type { Json } from '../../platform/json.ts';
import type { MessageDocument, Protocol, StoredAttribute } from './resources.ts';

/** How messages look to each kind of receiver; pure. Source: "Parsing Amazon SNS message formats" of AWS's guide. */

export interface Links {
  readonly SigningCertURL: string;
  readonly SignatureVersion: '1' | '2';
}

/** What is signed and sent, of every kind of message; in the order AWS writes it. */
export interface Unsigned {
  readonly Type: 'Notification' | 'SubscriptionConfirmation' | 'UnsubscribeConfirmation';
  readonly MessageId: string;
  readonly Token?: string;
  readonly TopicArn: string;
  readonly Subject?: string;
  readonly Message: string;
  readonly SubscribeURL?: string;
  readonly Timestamp: string;
}

const SIGNED: readonly (keyof Unsigned)[] = [
  'Message',
  'MessageId',
  'Subject',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
];

/** Name and value of each signed member in lines of their own. */
export const stringToSign = (message: Unsigned): string =>
  SIGNED.flatMap((name) => (message[name] === undefined ? [] : [`${name}\n${message[name]}\n`])).join('');

export interface Signed extends Links {
  readonly Signature: string;
}

export const confirmationText = (arn: string): string =>
  `You have chosen to subscribe to the topic ${arn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`;

/** The text that this protocol's subscribers get. */
export const textFor = ({ message, byProtocol }: MessageDocument, protocol: Protocol): string =>
  byProtocol?.[protocol] ?? message;

export const unsignedNotification = (document: MessageDocument, arn: string, protocol: Protocol): Unsigned => ({
  Type: 'Notification',
  MessageId: document.messageId,
  TopicArn: arn,
  ...(document.subject !== undefined && { Subject: document.subject }),
  Message: textFor(document, protocol),
  Timestamp: new Date(document.sentAtMs).toISOString(),
});

type ShownAttributes = { readonly [name: string]: StoredAttribute } | undefined;

/** The JSON that queues and URLs get. */
export const envelope = (
  message: Unsigned,
  { SignatureVersion, Signature, SigningCertURL }: Signed,
  rest: Json & object,
): string => JSON.stringify({ ...message, SignatureVersion, Signature, SigningCertURL, ...rest }, undefined, 2);

/** What a function is invoked with. */
export const functionEvent = (
  message: Unsigned,
  { SignatureVersion, Signature, SigningCertURL }: Signed,
  subscription: { readonly arn: string; readonly unsubscribeUrl: string },
  attributes: ShownAttributes,
): string =>
  JSON.stringify({
    Records: [
      {
        EventSource: 'aws:sns',
        EventVersion: '1.0',
        EventSubscriptionArn: subscription.arn,
        Sns: {
          Type: message.Type,
          MessageId: message.MessageId,
          TopicArn: message.TopicArn,
          Subject: message.Subject ?? null,
          Message: message.Message,
          Timestamp: message.Timestamp,
          SignatureVersion,
          Signature,
          SigningCertUrl: SigningCertURL,
          UnsubscribeUrl: subscription.unsubscribeUrl,
          MessageAttributes: attributes ?? {},
        },
      },
    ],
  });

/** A mail's text, with the way out below it. */
export const mailText = (text: string, endpoint: string, unsubscribeUrl: string): string =>
  `${text}\n\n--\nIf you wish to stop receiving notifications from this topic, open the link below and confirm to unsubscribe ${endpoint}:\n${unsubscribeUrl}\n`;

export const confirmationMail = (arn: string, confirmUrl: string): string =>
  `You have chosen to subscribe to the topic:\n${arn}\n\nTo confirm this subscription, open the link below and press the button there ` +
  `(if this was in error, nothing needs to be done):\n${confirmUrl}\n`;
