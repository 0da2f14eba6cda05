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
}

export interface StoredEvent extends EventInput {
  readonly sequence: number;
}
