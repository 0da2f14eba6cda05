import { operation, type Operation } from '../../../platform/calls/operation.ts';
import type { OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, writeOf } from '../../../platform/store/typed-rows.ts';
import { type DestinationRow, findConnection, findDestination, nameOfArn } from '../connections.ts';
import { keyInPlace, pageOf } from '../rule-access.ts';
import { CONNECTION, DESTINATION, type DestinationDocument } from '../resources.ts';
import { namedNeeds } from './connections.ts';
import type { EventsPorts } from '../ports.ts';

const RATE_DEFAULT = 300;

export const createApiDestination = (ports: EventsPorts): Operation<'events:CreateApiDestination'> =>
  operation('events:CreateApiDestination', {
    effect: 'change',
    needs: namedNeeds<'events:CreateApiDestination'>('events:CreateApiDestination', DESTINATION),
    async handle(input, context) {
      checkAddress(ports, input.InvocationEndpoint);
      const document: DestinationDocument = {
        name: input.Name,
        arn: arnOf(DESTINATION, context, `${input.Name}/${ports.ids.uuid()}`),
        ...(input.Description !== undefined && { description: input.Description }),
        connectionArn: input.ConnectionArn,
        endpoint: input.InvocationEndpoint,
        method: input.HttpMethod,
        ratePerSecond: input.InvocationRateLimitPerSecond ?? RATE_DEFAULT,
        createdAtMs: context.nowMs,
        modifiedAtMs: context.nowMs,
      };
      await decideAndCommit(ports.store, async (count) => {
        const row = await findDestination(ports.store, context, input.Name);
        if (row && count > 0 && row.document.arn === document.arn) return { result: undefined };
        if (row) throw existsError(DESTINATION, placeOf(context), input.Name);
        return { commit: await destinationCommit(ports, context, undefined, document), result: undefined };
      });
      return answerOf(document);
    },
  });

/** The address is looked at again whenever something is sent: a name may lead elsewhere by then. */
function checkAddress({ outgoing }: EventsPorts, endpoint: string): void {
  if (!outgoing) {
    throw new ServiceError(
      'NotImplementedException',
      'This server sends nothing to addresses of users, so API destinations are not implemented on it.',
    );
  }
  const problem = outgoing.problemOf(endpoint.replaceAll('*', 'x'));
  if (problem !== undefined)
    throw new ServiceError('ValidationException', `Parameter InvocationEndpoint is not valid. Reason: ${problem}`);
  const host = URL.parse(endpoint.replaceAll('*', '%2A'))?.host ?? '*';
  if (host.includes('*') || host.includes('%2')) {
    throw new ServiceError(
      'ValidationException',
      'Parameter InvocationEndpoint is not valid. Reason: "*" may stand in its path only.',
    );
  }
}

/** Expects the connection too: none is deleted under a destination that is being made. */
async function destinationCommit(
  { store }: EventsPorts,
  context: OperationContext,
  row: DestinationRow | undefined,
  document: DestinationDocument,
) {
  const connection = await findConnection(store, context, nameOfArn(document.connectionArn, 'connection') ?? '');
  if (connection?.document.arn !== document.connectionArn) {
    throw absentError(CONNECTION, placeOf(context), nameOfArn(document.connectionArn, 'connection') ?? document.connectionArn);
  }
  const key = keyInPlace(context, DESTINATION, document.name);
  const told = ({ endpoint, method, connectionArn }: DestinationDocument) => ({ endpoint, method, connectionArn });
  const { createdAtMs, modifiedAtMs } = document;
  return {
    expect: [
      { key, version: row?.version ?? 0 },
      { key: connection.key, version: connection.version },
    ],
    write: [
      writeOf(key, document, { parent: document.connectionArn, createdAtMs, modifiedAtMs }),
      // written again, so that its deletion meets a newer version of it
      writeOf(connection.key, connection.document, connection.index),
    ],
    ledger: [
      entryOf(context, context.operation, [document.arn], { destination: [row ? told(row.document) : null, told(document)] }),
    ],
  };
}

const answerOf = ({ arn, createdAtMs, modifiedAtMs }: DestinationDocument) => ({
  ApiDestinationArn: arn,
  ApiDestinationState: 'ACTIVE' as const,
  CreationTime: createdAtMs,
  LastModifiedTime: modifiedAtMs,
});

const summaryOf = (document: DestinationDocument) => ({
  ...answerOf(document),
  Name: document.name,
  ConnectionArn: document.connectionArn,
  InvocationEndpoint: document.endpoint,
  HttpMethod: document.method,
  InvocationRateLimitPerSecond: document.ratePerSecond,
});

async function readDestination({ store }: EventsPorts, context: OperationContext, name: string): Promise<DestinationRow> {
  const row = await findDestination(store, context, name);
  if (!row) throw absentError(DESTINATION, placeOf(context), name);
  return row;
}

export const updateApiDestination = (ports: EventsPorts): Operation<'events:UpdateApiDestination'> =>
  operation('events:UpdateApiDestination', {
    effect: 'change',
    needs: namedNeeds<'events:UpdateApiDestination'>('events:UpdateApiDestination', DESTINATION),
    async handle(input, context) {
      if (input.InvocationEndpoint !== undefined) checkAddress(ports, input.InvocationEndpoint);
      const document = await decideAndCommit<DestinationDocument>(ports.store, async () => {
        const row = await readDestination(ports, context, input.Name);
        const before = row.document;
        const after: DestinationDocument = {
          ...before,
          connectionArn: input.ConnectionArn ?? before.connectionArn,
          endpoint: input.InvocationEndpoint ?? before.endpoint,
          method: input.HttpMethod ?? before.method,
          ratePerSecond: input.InvocationRateLimitPerSecond ?? before.ratePerSecond,
          ...(input.Description !== undefined && { description: input.Description }),
          modifiedAtMs: context.nowMs,
        };
        return { commit: await destinationCommit(ports, context, row, after), result: after };
      });
      return answerOf(document);
    },
  });

export const describeApiDestination = (ports: EventsPorts): Operation<'events:DescribeApiDestination'> =>
  operation('events:DescribeApiDestination', {
    effect: 'read',
    needs: namedNeeds<'events:DescribeApiDestination'>('events:DescribeApiDestination', DESTINATION),
    async handle(input, context) {
      const { document } = await readDestination(ports, context, input.Name);
      return { ...summaryOf(document), ...(document.description !== undefined && { Description: document.description }) };
    },
  });

export const listApiDestinations = (ports: EventsPorts): Operation<'events:ListApiDestinations'> =>
  operation('events:ListApiDestinations', {
    effect: 'read',
    needs: () => [{ action: 'events:ListApiDestinations', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<DestinationDocument>(ports.store, {
        ...pageOf(context, DESTINATION.kind, input),
        ...(input.ConnectionArn !== undefined && { parent: input.ConnectionArn }),
      });
      const token = encodePageToken(page.next);
      return {
        ApiDestinations: page.rows.map(({ document }) => summaryOf(document)),
        ...(token !== undefined && { NextToken: token }),
      };
    },
  });

export const deleteApiDestination = (ports: EventsPorts): Operation<'events:DeleteApiDestination'> =>
  operation('events:DeleteApiDestination', {
    effect: 'change',
    needs: namedNeeds<'events:DeleteApiDestination'>('events:DeleteApiDestination', DESTINATION),
    async handle(input, context) {
      await decideAndCommit(ports.store, async () => {
        const { key, version, document } = await readDestination(ports, context, input.Name);
        const ledger = [entryOf(context, 'events:DeleteApiDestination', [document.arn], { name: [document.name, null] })];
        return { commit: { expect: [{ key, version }], remove: [key], ledger }, result: undefined };
      });
      return {};
    },
  });
