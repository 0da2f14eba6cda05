import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { absentError, placeOf } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import {
  PARAMETER,
  type ParameterDocument,
  parameterArn,
  parameterKey,
  parseSelector,
  type VersionDocument,
  versionKey,
} from './resources.ts';

export type ParameterRow = Read<ParameterDocument>;

/** The ARN a caller's name stands for, whether the parameter is there or not. */
export const namedArn = (context: OperationContext, text: string): string =>
  parameterArn(placeOf(context), parseSelector(text).name);

export const findParameter = (store: Store, context: OperationContext, text: string): Promise<ParameterRow | undefined> =>
  readRow<ParameterDocument>(store, parameterKey(placeOf(context), parseSelector(text).name));

export async function readParameter(store: Store, context: OperationContext, text: string): Promise<ParameterRow> {
  const row = await findParameter(store, context, text);
  if (!row) throw absentError(PARAMETER, placeOf(context), text);
  return row;
}

export interface Selected {
  readonly version: VersionDocument;
  readonly selector: string | undefined;
}

/** The version that `name`, `name:3` or `name:label` stands for. */
export async function selectVersion(store: Store, context: OperationContext, text: string): Promise<Selected> {
  const { selector } = parseSelector(text);
  const row = await readParameter(store, context, text);
  if (selector === undefined) return { version: row.document, selector };
  const wanted = selector.slice(1);
  if (wanted.includes(':')) throw absentError(PARAMETER, placeOf(context), text);
  const number = /^\d{1,9}$/.test(wanted) ? Number(wanted) : row.document.labels[wanted];
  const version = number === undefined ? undefined : await readVersion(store, context, row.document, number);
  if (version) return { version, selector };
  const what = number === undefined ? `label ${wanted}` : `version ${number}`;
  throw new ServiceError(
    'ParameterVersionNotFound',
    `Systems Manager could not find ${what} of ${row.document.name}. Verify the version and try again.`,
  );
}

export async function readVersion(
  store: Store,
  context: OperationContext,
  parameter: ParameterDocument,
  version: number,
): Promise<VersionDocument | undefined> {
  if (version === parameter.version) return parameter;
  const row = await readRow<VersionDocument>(store, versionKey(placeOf(context), parameter.name, version));
  return row?.document;
}
