import { ServiceError } from '../../platform/errors/families.ts';
import { absentError, type Place } from '../../platform/resources/declaration.ts';
import type { Cursor, Row, Store } from '../../platform/store/port.ts';
import { groupKey, LOG_GROUP, LOG_STREAM, streamKey, type LogGroupDocument, type LogStreamDocument } from './resources.ts';

/** The group, unless it is absent or being deleted, which is the same to a caller. */
export async function readGroup(store: Store, place: Place, group: string): Promise<Row<LogGroupDocument>> {
  const row = await store.get<LogGroupDocument>(groupKey(place, group));
  if (!row || row.document.deletion) throw absentError(LOG_GROUP, place, group);
  return row;
}

export async function readStream(store: Store, place: Place, group: string, stream: string): Promise<Row<LogStreamDocument>> {
  await readGroup(store, place, group);
  const row = await store.get<LogStreamDocument>(streamKey(place, group, stream));
  if (!row || row.document.deletion) throw absentError(LOG_STREAM, place, stream);
  return row;
}

export const invalidParameter = (message: string): ServiceError => new ServiceError('InvalidParameterException', message);

export const encodeCursor = ({ sort, name }: Cursor): string => Buffer.from(JSON.stringify([sort, name])).toString('base64url');

/** CloudWatch Logs has its own words for a token that it never gave. */
export function decodeCursor(token: string | undefined): Cursor | undefined {
  if (token === undefined) return undefined;
  const match = /^\[(?:"(?:[^"\\]|\\.)*"|-?\d+),"(?:[^"\\]|\\.)*"\]$/.exec(Buffer.from(token, 'base64url').toString());
  if (!match) throw invalidParameter('The specified nextToken is invalid.');
  const [sort, name] = JSON.parse(match[0]) as [string | number, string];
  return { sort, name };
}
