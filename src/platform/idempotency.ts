import { hash } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { ErrorCode } from './errors/catalogue.ts';
import { ServiceError } from './errors/families.ts';
import type { JsonObject } from './json.ts';
import { canonicalJson } from './ledger/canonical.ts';
import type { Reconciler } from './reconcile/port.ts';
import type { ResourceKey } from './resource-key.ts';
import type { Place } from './resources/declaration.ts';
import type { Commit, Row, Store } from './store/port.ts';

/**
 * Client tokens: the same token with the same request gets the answer of the first call. The token's row is written in the
 * operation's own commit, so that there is no moment at which one is there without the other.
 */
export interface TokenUse {
  readonly operation: string;
  readonly token: string;
  /** The validated input; the token member itself may be part of it. */
  readonly request: object;
}

export type TokenCheck =
  | { readonly outcome: 'repeat'; readonly response: JsonObject }
  /** `record` gives the parts to add to the operation's commit; a race for the same token shows as its conflict. */
  | { readonly outcome: 'first'; record(response: JsonObject, nowMs: number): TokenRecord };

export type TokenRecord = Required<Pick<Commit, 'expect' | 'write' | 'timers'>>;

/** Removes a row when its timer is due: for rows that only have to last for a while. */
export const EXPIRY_RECONCILER = 'idempotency-token';
const TOKEN_KIND = 'IdempotencyToken';
const RETENTION_MS = 30 * 24 * 3600 * 1000;

/** Throws `mismatch` (ConflictException by default) when the token was used for another request. */
export async function checkToken(
  store: Pick<Store, 'get'>,
  place: Place,
  use: TokenUse,
  mismatch: ErrorCode = 'ConflictException',
): Promise<TokenCheck> {
  const key = tokenKey(place, use);
  const digest = requestDigest(use.request);
  const row = await store.get<{ digest: string; response: JsonObject }>(key);
  if (row && row.document.digest === digest) return { outcome: 'repeat', response: row.document.response };
  if (row) throw tokenMismatch(use.operation, use.token, mismatch);
  return {
    outcome: 'first',
    record: (response, nowMs) => ({
      expect: [{ key, version: 0 }],
      write: [{ key, document: { digest, response }, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } }],
      timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs: nowMs + RETENTION_MS }],
    }),
  };
}

/** What the call with this token answered; undefined when none was made, or so long ago that its token was removed. */
export async function answerOf(
  store: Pick<Store, 'get'>,
  place: Place,
  use: Pick<TokenUse, 'operation' | 'token'>,
): Promise<JsonObject | undefined> {
  return (await store.get<{ response: JsonObject }>(tokenKey(place, use)))?.document.response;
}

const tokenKey = (place: Place, { operation, token }: Pick<TokenUse, 'operation' | 'token'>): ResourceKey => ({
  ...placeOf(place),
  kind: TOKEN_KIND,
  name: `${operation}:${token}`,
});

/** The same for two requests with the same members, in whatever order. */
export const requestDigest = (request: object): string => hash('sha256', canonicalJson(request));

/** What a call answers whose token was used for another request. */
export const tokenMismatch = (operation: string, token: string, code: ErrorCode = 'ConflictException'): ServiceError =>
  new ServiceError(
    code,
    `The client token ${token} was already used for a ${operation} request with different parameters. ` +
      'Use a new token, or repeat the first request unchanged.',
  );

const placeOf = ({ account, region }: Place): Place => ({ account, region });

/**
 * Removes rows whose time has come; registered once by `main`. A row may have been written anew under the same name since its timer was
 * due, with another time: a used-up deduplication record, or a token after a removal whose answer was lost.
 */
export function createTokenReconciler(store: Pick<Store, 'get' | 'commit'>, clock: Pick<Clock, 'now'>): Reconciler {
  return {
    name: EXPIRY_RECONCILER,
    async reconcile(key) {
      const row = await store.get(key);
      if (row && lastsUntilMs(row) > clock.now()) return;
      // whatever the outcome, the timer stays until a commit took both away
      await store.commit({
        expect: [{ key, version: row?.version ?? 0 }],
        remove: [key],
        timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs: null }],
      });
    },
  };
}

/** Of rows that can come again under their name; others are done with when their timer is due. */
function lastsUntilMs({ key, document, index }: Row): number {
  if (key.kind === TOKEN_KIND) return index.createdAtMs + RETENTION_MS;
  return typeof document['expiresAtMs'] === 'number' ? document['expiresAtMs'] : 0;
}
