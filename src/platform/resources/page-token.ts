import type { ErrorCode } from '../errors/catalogue.ts';
import { ServiceError } from '../errors/families.ts';
import type { Cursor } from '../store/port.ts';

/**
 * NextToken of list operations: the store's cursor, opaque to clients. It holds no state of the server, so it stays good
 * over restarts.
 */
export function encodePageToken(cursor: Cursor | undefined): string | undefined {
  return cursor && Buffer.from(JSON.stringify([cursor.sort, cursor.name])).toString('base64url');
}

/** A token that this server never gave out is the caller's mistake: ValidationException, or the service's own code for it. */
export function decodePageToken(token: string | undefined, code: ErrorCode = 'ValidationException'): Cursor | undefined {
  if (token === undefined || token === '') return undefined;
  const cursor = parseCursor(token);
  if (!cursor) {
    throw new ServiceError(code, `Invalid NextToken "${token.slice(0, 64)}": pass on the token of the page before.`);
  }
  return cursor;
}

function parseCursor(token: string): Cursor | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    return undefined; // not JSON, so not ours: the caller above says so
  }
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [sort, name] = value;
  if ((typeof sort !== 'string' && typeof sort !== 'number') || typeof name !== 'string') return undefined;
  return { sort, name };
}
