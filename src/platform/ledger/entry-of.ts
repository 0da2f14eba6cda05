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
