import type {
  ConnectionAuthResponseParameters,
  CreateConnectionRequest,
  UpdateConnectionRequest,
} from '../../../contract/generated/events.ts';
import type { OperationName } from '../../../contract/operations.ts';
import { sealText } from '../../../platform/authorization/signed-and-sealed.ts';
import { operation, type Operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { missing, refuse } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, writeOf } from '../../../platform/store/typed-rows.ts';
import { type ConnectionRow, findConnection, openConnection } from '../connections.ts';
import { keyInPlace, pageOf } from '../rule-access.ts';
import {
  CONNECTION,
  type ConnectionDocument,
  type ConnectionParameter,
  DESTINATION,
  type DestinationDocument,
  type SealedConnection,
} from '../resources.ts';
import type { EventsPorts } from '../ports.ts';

/** Also of destinations: their ARNs end in an id, so policies name them with a `*`. */
export const namedNeeds =
  <N extends OperationName>(action: string, declaration: typeof CONNECTION): Operation<N>['needs'] =>
  (input, context) => [{ action, resources: [arnOf(declaration, context, `${(input as { Name: string }).Name}/*`)] }];

const needs = <N extends OperationName>(action: string) => namedNeeds<N>(action, CONNECTION);

type Auth = CreateConnectionRequest['AuthParameters'] | NonNullable<UpdateConnectionRequest['AuthParameters']>;

export const createConnection = (ports: EventsPorts): Operation<'events:CreateConnection'> =>
  operation('events:CreateConnection', {
    effect: 'change',
    needs: needs<'events:CreateConnection'>('events:CreateConnection'),
    async handle(input, context) {
      const type = knownType(input.AuthorizationType);
      const arn = arnOf(CONNECTION, context, `${input.Name}/${ports.ids.uuid()}`);
      const document = withAuth(
        ports,
        { name: input.Name, arn, type, subject: '', sealed: '', createdAtMs: context.nowMs, modifiedAtMs: context.nowMs },
        input.AuthParameters,
        undefined,
      );
      const shown: ConnectionDocument = {
        ...document,
        ...(input.Description !== undefined && { description: input.Description }),
      };
      await decideAndCommit(ports.store, async (count) => {
        const row = await findConnection(ports.store, context, input.Name);
        if (row && count > 0 && row.document.arn === arn) return { result: undefined };
        if (row) throw existsError(CONNECTION, placeOf(context), input.Name);
        return { commit: connectionCommit(context, undefined, shown), result: undefined };
      });
      return { ConnectionArn: arn, ConnectionState: 'AUTHORIZED', CreationTime: context.nowMs, LastModifiedTime: context.nowMs };
    },
  });

function connectionCommit(context: Parameters<typeof entryOf>[0], row: ConnectionRow | undefined, document: ConnectionDocument) {
  const key = keyInPlace(context, CONNECTION, document.name);
  const told = ({ type, subject }: ConnectionDocument) => ({ type, subject });
  return {
    expect: [{ key, version: row?.version ?? 0 }],
    write: [writeOf(key, document, { createdAtMs: document.createdAtMs, modifiedAtMs: document.modifiedAtMs })],
    ledger: [
      entryOf(context, context.operation, [document.arn], { connection: [row ? told(row.document) : null, told(document)] }),
    ],
  };
}

function knownType(type: string): 'BASIC' | 'API_KEY' {
  if (type === 'BASIC' || type === 'API_KEY') return type;
  refuse(missing('Connections by OAuth are not implemented: use BASIC or API_KEY.'));
  return 'BASIC';
}

/** The document with what the caller gave of its authorization; what is not given stays. */
function withAuth(
  ports: EventsPorts,
  document: ConnectionDocument,
  auth: Auth | undefined,
  before: SealedConnection | undefined,
): ConnectionDocument {
  if (auth?.OAuthParameters) refuse(missing('Connections by OAuth are not implemented: use BASIC or API_KEY.'));
  if (auth?.ConnectivityParameters) refuse(missing('Connections to private endpoints are not implemented.'));
  const basic = auth?.BasicAuthParameters;
  const key = auth?.ApiKeyAuthParameters;
  const subject = (document.type === 'BASIC' ? basic?.Username : key?.ApiKeyName) ?? document.subject;
  const secret = (document.type === 'BASIC' ? basic?.Password : key?.ApiKeyValue) ?? before?.secret;
  if (subject === '' || secret === undefined) {
    const member = document.type === 'BASIC' ? 'BasicAuthParameters' : 'ApiKeyAuthParameters';
    throw new ServiceError(
      'ValidationException',
      `AuthParameters.${member} must be specified for authorization type ${document.type}.`,
    );
  }
  const http = auth?.InvocationHttpParameters;
  const kept: SealedConnection = {
    secret,
    headers: http?.HeaderParameters ?? before?.headers ?? [],
    query: http?.QueryStringParameters ?? before?.query ?? [],
    body: http?.BodyParameters ?? before?.body ?? [],
  };
  return { ...document, subject, sealed: sealText(ports.sealingKey, JSON.stringify(kept), document.arn, ports.ids) };
}

export const updateConnection = (ports: EventsPorts): Operation<'events:UpdateConnection'> =>
  operation('events:UpdateConnection', {
    effect: 'change',
    needs: needs<'events:UpdateConnection'>('events:UpdateConnection'),
    async handle(input, context) {
      const document = await decideAndCommit<ConnectionDocument>(ports.store, async () => {
        const row = await readConnection(ports, context, input.Name);
        const type = input.AuthorizationType === undefined ? row.document.type : knownType(input.AuthorizationType);
        const sameType = type === row.document.type;
        const before = openConnection(ports, row.document);
        const base = { ...row.document, type, modifiedAtMs: context.nowMs, ...(!sameType && { subject: '' }) };
        const next = withAuth(ports, base, input.AuthParameters, sameType ? before : undefined);
        const after = { ...next, ...(input.Description !== undefined && { description: input.Description }) };
        return { commit: connectionCommit(context, row, after), result: after };
      });
      return {
        ConnectionArn: document.arn,
        ConnectionState: 'AUTHORIZED',
        CreationTime: document.createdAtMs,
        LastModifiedTime: document.modifiedAtMs,
        LastAuthorizedTime: document.modifiedAtMs,
      };
    },
  });

async function readConnection(
  { store }: EventsPorts,
  context: Parameters<typeof placeOf>[0],
  name: string,
): Promise<ConnectionRow> {
  const row = await findConnection(store, context, name);
  if (!row) throw absentError(CONNECTION, placeOf(context), name);
  return row;
}

/** Secrets are never shown, nor are values that their owner marked as such. */
export const describeConnection = (ports: EventsPorts): Operation<'events:DescribeConnection'> =>
  operation('events:DescribeConnection', {
    effect: 'read',
    needs: needs<'events:DescribeConnection'>('events:DescribeConnection'),
    async handle(input, context) {
      const row = await findConnection(ports.store, context, input.Name);
      if (!row) {
        const absent = absentError(CONNECTION, placeOf(context), input.Name);
        throw new ServiceError(absent.code, `Failed to describe the connection(s). ${absent.message}`, {}, 'absent');
      }
      const { document } = row;
      return {
        ...summaryOf(document),
        ...(document.description !== undefined && { Description: document.description }),
        AuthParameters: shownAuth(document, openConnection(ports, document)),
      };
    },
  });

const summaryOf = (document: ConnectionDocument) => ({
  ConnectionArn: document.arn,
  Name: document.name,
  ConnectionState: 'AUTHORIZED' as const,
  AuthorizationType: document.type,
  CreationTime: document.createdAtMs,
  LastModifiedTime: document.modifiedAtMs,
  LastAuthorizedTime: document.modifiedAtMs,
});

function shownAuth(
  { type, subject }: ConnectionDocument,
  { headers, query, body }: SealedConnection,
): ConnectionAuthResponseParameters {
  const shown = (parameters: readonly ConnectionParameter[]) =>
    parameters.map(({ Key, Value, IsValueSecret = false }) => ({ Key, IsValueSecret, ...(!IsValueSecret && { Value }) }));
  const http = {
    ...(headers.length > 0 && { HeaderParameters: shown(headers) }),
    ...(query.length > 0 && { QueryStringParameters: shown(query) }),
    ...(body.length > 0 && { BodyParameters: shown(body) }),
  };
  return {
    ...(type === 'BASIC' ? { BasicAuthParameters: { Username: subject } } : { ApiKeyAuthParameters: { ApiKeyName: subject } }),
    ...(Object.keys(http).length > 0 && { InvocationHttpParameters: http }),
  };
}

export const listConnections = (ports: EventsPorts): Operation<'events:ListConnections'> =>
  operation('events:ListConnections', {
    effect: 'read',
    needs: () => [{ action: 'events:ListConnections', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<ConnectionDocument>(ports.store, pageOf(context, CONNECTION.kind, input));
      const { ConnectionState: state } = input;
      const rows = state === undefined || state === 'AUTHORIZED' ? page.rows : [];
      const token = encodePageToken(page.next);
      return { Connections: rows.map(({ document }) => summaryOf(document)), ...(token !== undefined && { NextToken: token }) };
    },
  });

/** As at AWS a destination keeps its connection from being deleted. */
export const deleteConnection = (ports: EventsPorts): Operation<'events:DeleteConnection'> =>
  operation('events:DeleteConnection', {
    effect: 'change',
    needs: needs<'events:DeleteConnection'>('events:DeleteConnection'),
    async handle(input, context) {
      const document = await decideAndCommit<ConnectionDocument>(ports.store, async () => {
        const row = await readConnection(ports, context, input.Name);
        const users = await listRows<DestinationDocument>(ports.store, {
          ...pageOf(context, DESTINATION.kind, { Limit: 1 }),
          parent: row.document.arn,
        });
        if (users.rows.length > 0) {
          throw new ServiceError(
            'ConcurrentModificationException',
            `Connection ${input.Name} is used by API destination ${users.rows[0]?.document.name}: delete that first.`,
          );
        }
        const commit = {
          expect: [{ key: row.key, version: row.version }],
          remove: [row.key],
          ledger: [entryOf(context, 'events:DeleteConnection', [row.document.arn], { name: [row.document.name, null] })],
        };
        return { commit, result: row.document };
      });
      return {
        ConnectionArn: document.arn,
        ConnectionState: 'DELETING',
        CreationTime: document.createdAtMs,
        LastModifiedTime: document.modifiedAtMs,
        LastAuthorizedTime: document.modifiedAtMs,
      };
    },
  });
