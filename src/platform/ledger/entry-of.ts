import type { OperationContext } from '../calls/operation.ts';
import type { Json, JsonObject } from '../json.ts';
import type { LedgerInput } from './entry.ts';

/** The ledger entry of a change that an operation makes: who, where from, and under which role come from the call. */
export function entryOf(
  context: OperationContext,
  action: string,
  resources: readonly string[],
  changes?: { readonly [member: string]: readonly [Json, Json] },
): LedgerInput {
  const { principal } = context;
  const origin: JsonObject = {};
  if (context.client) {
    origin.sourceIp = context.client.sourceIp;
    origin.userAgent = context.client.userAgent;
  }
  if (principal.onBehalfOf !== undefined) origin.onBehalfOf = principal.onBehalfOf;
  return {
    timeMs: context.nowMs,
    account: context.account,
    region: context.region,
    actor: principal.arn,
    action,
    outcome: 'done',
    resources,
    ...(changes && { changes }),
    ...(principal.requestedRoleArn !== undefined && {
      requestedRole: principal.requestedRoleArn,
      effectiveRole: principal.arn,
    }),
    requestId: context.requestId,
    ...(Object.keys(origin).length > 0 && { origin }),
  };
}

/** What happened to one resource without a call: by the control loop of a room, or when a data folder was made. */
export interface OwnChange {
  readonly timeMs: number;
  /** `slipway:TrainingJob.Completed`, or the operation's action where it is one. */
  readonly action: string;
  /** ARNs. */
  readonly resources: readonly string[];
  readonly changes: LedgerInput['changes'];
  readonly reason?: string;
  /** The request that led to it. */
  readonly requestId?: string;
  readonly origin?: JsonObject;
}

/** The ledger entry of a change that a room makes by itself; `room` is its name. */
export const ownEntry = (
  room: string,
  { account, region }: { readonly account: string; readonly region: string },
  { reason, requestId, origin, changes, ...change }: OwnChange,
): LedgerInput => ({
  ...change,
  account,
  region,
  actor: `slipway:${room}`,
  outcome: 'done',
  ...(changes && { changes }),
  ...(reason !== undefined && { reason }),
  ...(requestId !== undefined && { requestId }),
  ...(origin && { origin }),
});
