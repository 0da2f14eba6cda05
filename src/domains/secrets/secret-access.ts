import { openText, sealText } from '../../platform/authorization/signed-and-sealed.ts';
import type { AuthorizationNeed } from '../../platform/authorization/policy.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { invariant, ServiceError } from '../../platform/errors/families.ts';
import { readTags } from '../../platform/resources/change-tags.ts';
import { absentError, placeOf } from '../../platform/resources/declaration.ts';
import type { Store, Write } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import {
  namesOf,
  SECRET,
  type SecretDocument,
  type SecretValue,
  secretArn,
  secretKey,
  type ValueDocument,
  valueKey,
} from './resources.ts';
import type { SecretsPorts } from './ports.ts';

export type SecretRow = Read<SecretDocument>;

export async function findSecret(store: Store, context: OperationContext, text: string): Promise<SecretRow | undefined> {
  for (const name of namesOf(text)) {
    const row = await readRow<SecretDocument>(store, secretKey(placeOf(context), name));
    if (row && (!text.startsWith('arn:') || row.document.arn === text || row.document.arn.slice(0, -7) === text)) return row;
  }
  return undefined;
}

export async function readSecret(store: Store, context: OperationContext, text: string): Promise<SecretRow> {
  const row = await findSecret(store, context, text);
  if (!row) throw absentError(SECRET, placeOf(context), text);
  return row;
}

/** One that does not wait for its end. */
export async function readLiveSecret(store: Store, context: OperationContext, text: string): Promise<SecretRow> {
  const row = await readSecret(store, context, text);
  if (row.document.deletion) {
    throw new ServiceError(
      'InvalidRequestException',
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  }
  return row;
}

/** What policies are held against while a secret has no suffix yet: it matches a pattern for six characters. */
export const unmadeArn = (context: OperationContext, text: string): string =>
  text.startsWith('arn:') ? text : secretArn(placeOf(context), text, '??????');

/** What an operation on one secret needs, with its tags as condition keys. */
export async function secretNeeds(
  store: Store,
  context: OperationContext,
  action: string,
  text: string,
  conditions: AuthorizationNeed['context'] = {},
): Promise<AuthorizationNeed[]> {
  const row = await findSecret(store, context, text);
  const tags = row ? await readTags(store, row.document.arn) : [];
  const ofTags = tags.flatMap(({ Key, Value }) => [
    [`aws:ResourceTag/${Key}`, Value],
    [`secretsmanager:ResourceTag/${Key}`, Value],
  ]);
  return [
    {
      action,
      resources: [row?.document.arn ?? unmadeArn(context, text)],
      context: { 'secretsmanager:SecretId': text, ...Object.fromEntries(ofTags), ...conditions },
    },
  ];
}

const boundTo = (secret: SecretDocument, versionId: string): string => `${secret.arn}:${versionId}`;

export function valueWrite(
  { ids, sealingKey }: SecretsPorts,
  context: OperationContext,
  secret: SecretDocument,
  versionId: string,
  value: SecretValue,
): Write {
  const document: ValueDocument = { sealed: sealText(sealingKey, JSON.stringify(value), boundTo(secret, versionId), ids) };
  return {
    key: valueKey(placeOf(context), secret, versionId),
    document,
    index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs },
  };
}

export async function openValue(
  { store, sealingKey }: SecretsPorts,
  context: OperationContext,
  secret: SecretDocument,
  versionId: string,
): Promise<SecretValue | undefined> {
  const row = await readRow<ValueDocument>(store, valueKey(placeOf(context), secret, versionId));
  if (!row) return undefined;
  const text = openText(sealingKey, row.document.sealed, boundTo(secret, versionId));
  invariant(text !== undefined, 'a secret opens with the key of its installation', { arn: secret.arn });
  return JSON.parse(text) as SecretValue;
}

/** The value of a request; undefined when it brings none. */
export function requestedValue(input: {
  readonly SecretString?: string;
  readonly SecretBinary?: Uint8Array;
}): SecretValue | undefined {
  const { SecretString: text, SecretBinary: bytes } = input;
  if (text !== undefined && bytes !== undefined) {
    throw new ServiceError(
      'InvalidParameterException',
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (text !== undefined) return { text };
  return bytes && { base64: Buffer.from(bytes).toString('base64') };
}
