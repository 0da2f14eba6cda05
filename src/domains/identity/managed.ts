import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { GLOBAL, type ResourceKey } from '../../platform/resource-key.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { AWS_POLICIES } from './aws-policies.ts';
import { type ManagedPolicyDocument, POLICY } from './resources.ts';

/** Managed policies by ARN: those of the account are rows, those of AWS a table. */

/** The row of a policy of the account; undefined when the ARN is no such policy's. */
export function policyKeyOf(account: string, arn: string): ResourceKey | undefined {
  const [, owner, name] = /^arn:aws[a-z-]*:iam::(\d{12}):policy\/(?:\S*\/)?([^/]+)$/.exec(arn) ?? [];
  return owner === account && name !== undefined ? keyOf(POLICY, { account, region: '' }, name) : undefined;
}

/** What attachments refer to: for a policy of AWS a key that no row has. */
export const attachmentKey = (account: string, arn: string): ResourceKey =>
  policyKeyOf(account, arn) ?? { account, region: GLOBAL, kind: 'IamAwsPolicy', name: arn };

export const policyName = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

export async function findPolicy(
  store: Pick<Store, 'get'>,
  account: string,
  arn: string,
): Promise<Read<ManagedPolicyDocument> | undefined> {
  const key = policyKeyOf(account, arn);
  const row = key && (await readRow<ManagedPolicyDocument>(store, key));
  return row?.document.Arn === arn ? row : undefined;
}

/** A policy that users may change; those of AWS they may not. */
export async function readOwnPolicy(
  store: Pick<Store, 'get'>,
  context: OperationContext,
  arn: string,
): Promise<Read<ManagedPolicyDocument>> {
  const row = await findPolicy(store, context.account, arn);
  if (row) return row;
  if (AWS_POLICIES.has(arn)) {
    throw new ServiceError('AccessDenied', `Policy ${arn} is managed by AWS: it can be attached and read, but not changed.`);
  }
  throw absentPolicy(arn);
}

export const absentPolicy = (arn: string): ServiceError =>
  new ServiceError('NoSuchEntity', `Policy ${arn} was not found.`, {}, 'absent');

export const absentVersion = (arn: string, id: string): ServiceError =>
  new ServiceError('NoSuchEntity', `Policy ${arn} version ${id} does not exist or is not attachable.`);

/** The text of the version that counts. */
export const defaultText = ({ Versions, DefaultVersionId }: ManagedPolicyDocument): string =>
  Versions[DefaultVersionId]?.text ?? '';
