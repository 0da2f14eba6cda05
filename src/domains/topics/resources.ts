import type { JsonObject } from '../../platform/json.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const TOPIC: ResourceDeclaration = {
  kind: 'SNSTopic',
  service: 'sns',
  arnType: '',
  absent: { code: 'NotFound', message: () => 'Topic does not exist' },
  exists: {
    code: 'InvalidParameter',
    message: () => 'Invalid parameter: Attributes Reason: Topic already exists with different attributes',
  },
};

export const SUBSCRIPTION: ResourceDeclaration = {
  kind: 'SNSSubscription',
  service: 'sns',
  arnType: '',
  absent: { code: 'NotFound', message: () => 'Subscription does not exist' },
  exists: {
    code: 'InvalidParameter',
    message: () => 'Invalid parameter: Attributes Reason: Subscription already exists with different attributes',
  },
};

/** `<box>/<digest of protocol and endpoint>`: an endpoint is subscribed to a topic once. */
const ENDPOINT_KIND = 'SNSEndpoint';
/** `<topic>/<message id>`: a message on its way to its subscriptions. */
const MESSAGE_KIND = 'SNSMessage';

export type Protocol = 'http' | 'https' | 'email' | 'email-json' | 'sqs' | 'lambda';

export type Attributes = { [name: string]: string };

export type TopicDocument = {
  name: string;
  /** What its subscriptions belong to; a new one for each creation, so that a topic made anew has none of its predecessor's. */
  box: string;
  /** As clients set them. */
  attributes: Attributes;
  createdAtMs: number;
};

/** Index: `parent` is the topic's box, `facet` `confirmed` or `pending`, `ordinal` 0. */
export type SubscriptionDocument = {
  /** `<topic>:<uuid>`, what its ARN ends in. */
  name: string;
  topic: string;
  box: string;
  protocol: Protocol;
  endpoint: string;
  attributes: Attributes;
  confirmed: boolean;
  /** Whether a signed call of the owner confirmed it. */
  authenticated: boolean;
  /** Unsubscribing then takes a signed call. */
  guarded?: boolean;
  /** Of the token that confirms it, while it is pending; the token itself is only in the message that asks. */
  tokenDigest?: string;
  /** Whose rights messages are handed over with. */
  sender: JsonObject;
  principalArn: string;
  /** The address that links to this server begin with, as the subscriber knew it. */
  serverUrl: string;
};

export type StoredAttribute = { Type: string; Value: string };

export type MessageDocument = {
  topic: string;
  box: string;
  messageId: string;
  subject?: string;
  group?: string;
  /** With `byProtocol`: the text of protocols that it does not name. */
  message: string;
  byProtocol?: { [protocol: string]: string };
  attributes?: { [name: string]: StoredAttribute };
  sentAtMs: number;
  /** The last subscription that has it already; names come in order. */
  after?: string;
};

/** Hands a message to the notices of its subscriptions, page by page; key: the message. */
export const TOPIC_MESSAGE = 'topic-message';
/** Removes subscriptions that nobody confirmed; key: the subscription. */
export const PENDING_SUBSCRIPTION = 'pending-subscription';
/** Removes the subscriptions of a topic that went; key: `boxKey`. */
export const TOPIC_REMAINS = 'topic-remains';

export const topicKey = (place: Place, name: string): ResourceKey => keyOf(TOPIC, place, name);
export const topicArn = (place: Place, name: string): string => arnOf(TOPIC, place, name);
export const subscriptionKey = (place: Place, name: string): ResourceKey => keyOf(SUBSCRIPTION, place, name);
export const subscriptionArn = (place: Place, name: string): string => arnOf(SUBSCRIPTION, place, name);

const key = (kind: string, place: Place, name: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind,
  name,
});
export const endpointKey = (place: Place, box: string, digest: string): ResourceKey =>
  key(ENDPOINT_KIND, place, `${box}/${digest}`);
export const messageKey = (place: Place, topic: string, id: string): ResourceKey => key(MESSAGE_KIND, place, `${topic}/${id}`);
export const boxKey = (place: Place, box: string): ResourceKey => key('SNSBox', place, box);
