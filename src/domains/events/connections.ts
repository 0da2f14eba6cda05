import { openText } from '../../platform/authorization/signed-and-sealed.ts';
import { InvariantError } from '../../platform/errors/families.ts';
import type { ApiDestinations } from '../../platform/ports/api-destinations.ts';
import type { OutgoingRequest } from '../../platform/ports/outgoing-http.ts';
import { parseArn } from '../../platform/resources/arn.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { EventsPorts } from './ports.ts';
import { keyInPlace } from './rule-access.ts';
import {
  CONNECTION,
  type ConnectionDocument,
  type ConnectionParameter,
  DESTINATION,
  type DestinationDocument,
  type SealedConnection,
} from './resources.ts';

/** AWS waits that long for a destination's answer. */
const TIMEOUT_MS = 5_000;

export type ConnectionRow = Read<ConnectionDocument>;
export type DestinationRow = Read<DestinationDocument>;

export const findConnection = (store: Pick<Store, 'get'>, place: Place, name: string): Promise<ConnectionRow | undefined> =>
  readRow<ConnectionDocument>(store, keyInPlace(place, CONNECTION, name));

export const findDestination = (store: Pick<Store, 'get'>, place: Place, name: string): Promise<DestinationRow | undefined> =>
  readRow<DestinationDocument>(store, keyInPlace(place, DESTINATION, name));

/** The name within `…:connection/<name>/<id>`; undefined for what is no such ARN. */
export function nameOfArn(arn: string, type: 'connection' | 'api-destination'): string | undefined {
  const [kind, name, id, ...more] = (parseArn(arn)?.resource ?? '').split('/');
  return kind === type && id !== undefined && more.length === 0 ? name : undefined;
}

export function openConnection(
  { sealingKey }: Pick<EventsPorts, 'sealingKey'>,
  { arn, sealed }: ConnectionDocument,
): SealedConnection {
  const text = openText(sealingKey, sealed, arn);
  if (text === undefined) throw new InvariantError('what a connection keeps opens with the key it was sealed with', { arn });
  return JSON.parse(text) as SealedConnection;
}

/** Requests to API destinations, made when they go out: with the address and secrets of that moment. */
export const createApiDestinations = (ports: Pick<EventsPorts, 'store' | 'sealingKey'>): ApiDestinations => ({
  async requestTo(arn, body, parameters) {
    const place = parseArn(arn);
    const destination = place && (await findDestination(ports.store, place, nameOfArn(arn, 'api-destination') ?? ''));
    if (destination?.document.arn !== arn) return { gone: `API destination ${arn} does not exist.` };
    const { connectionArn, endpoint, method } = destination.document;
    const connection = await findConnection(ports.store, place as Place, nameOfArn(connectionArn, 'connection') ?? '');
    if (connection?.document.arn !== connectionArn) return { gone: `Connection ${connectionArn} does not exist.` };
    const opened = openConnection(ports, connection.document);
    const { type, subject } = connection.document;
    const authorization: Record<string, string> =
      type === 'BASIC'
        ? { Authorization: `Basic ${Buffer.from(`${subject}:${opened.secret}`).toString('base64')}` }
        : { [subject]: opened.secret };
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const request: OutgoingRequest = {
      method,
      url: addressOf(endpoint, parameters.path ?? [], { ...parameters.query, ...pairs(opened.query) }),
      // what the connection says wins: a target's parameters must not replace its secrets
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Amazon/EventBridge/ApiDestinations',
        ...parameters.headers,
        ...pairs(opened.headers),
        ...authorization,
      },
      ...(hasBody && { body: withMembers(body, opened.body) }),
      timeoutMs: TIMEOUT_MS,
    };
    return request;
  },
});

const pairs = (parameters: readonly ConnectionParameter[]): Record<string, string> =>
  Object.fromEntries(parameters.map(({ Key = '', Value = '' }) => [Key, Value]));

/** Each `*` of the endpoint's path is one of the values, escaped: none of them can lead elsewhere. */
function addressOf(endpoint: string, values: readonly string[], query: Readonly<Record<string, string>>): string {
  let nth = 0;
  const url = new URL(
    endpoint.replaceAll('*', () => {
      nth += 1;
      return encodeURIComponent(values[nth - 1] ?? '').replaceAll('.', '%2E');
    }),
  );
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

/** Body parameters of a connection are added to a body that is an object. */
function withMembers(body: string, parameters: readonly ConnectionParameter[]): string {
  if (parameters.length === 0) return body;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return body; // a text in quotes has no members
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return body;
  return JSON.stringify({ ...(value as JsonObject), ...pairs(parameters) });
}
