import type { JsonObject } from '../json.ts';

/** An EventBridge-shaped event, written to the outbox in the commit of the change it tells of. */
export interface EventInput {
  /** e.g. `aws.sagemaker`. */
  readonly source: string;
  /** e.g. `SageMaker Training Job State Change`. */
  readonly detailType: string;
  readonly account: string;
  readonly region: string;
  readonly timeMs: number;
  readonly resources: readonly string[];
  readonly detail: JsonObject;
  /** Between rooms only: no rule sees it. */
  readonly internal?: boolean;
  /** Of events that were put on a bus by a call; those of services are on the default bus of their region, and rooms hear of them alone. */
  readonly put?: PutEvent;
}

/** What is known of an event besides its envelope, since a caller put it. */
export interface PutEvent {
  readonly bus: string;
  readonly id: string;
  /** The account and region that its first bus is in. */
  readonly account?: string;
  readonly region?: string;
  readonly receivedAtMs: number;
  /** How many rules in a row passed it on. */
  readonly hops: number;
}

export interface StoredEvent extends EventInput {
  readonly sequence: number;
}

/** A time as events write it: UTC, to the second. */
export const eventTime = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
