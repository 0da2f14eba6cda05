import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, keyOf } from '../../../platform/resources/declaration.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { describeEndpoint, endpointEvents, summarizeEndpoint } from '../describe-endpoint.ts';
import type { EndpointRoutes } from '../endpoint-routes.ts';
import type { HostingPorts } from '../ports.ts';
import { RECONCILER } from '../reconcile-endpoint.ts';
import { ENDPOINT, type EndpointDocument } from '../resources.ts';
import { endpointWrite } from '../rows.ts';
import { createEndpoint, updateEndpoint, updateEndpointWeightsAndCapacities } from './deploy-endpoints.ts';

export function endpointOperations(ports: HostingPorts, routes: EndpointRoutes): AnyOperation[] {
  return [
    createEndpoint(ports),
    updateEndpoint(ports),
    updateEndpointWeightsAndCapacities(ports, routes),
    describeEndpointOperation(ports),
    listEndpoints(ports),
    deleteEndpoint(ports, routes),
  ];
}

const endpointNeed =
  (action: string) =>
  ({ EndpointName }: { EndpointName: string }, context: OperationContext): AuthorizationNeed[] => [
    { action, resources: [arnOf(ENDPOINT, context, EndpointName)] },
  ];

const describeEndpointOperation = ({ store }: HostingPorts) =>
  operation('sagemaker:DescribeEndpoint', {
    effect: 'read',
    needs: endpointNeed('sagemaker:DescribeEndpoint'),
    async handle({ EndpointName }, context) {
      const row = await readRow<EndpointDocument>(store, keyOf(ENDPOINT, context, EndpointName));
      if (!row) throw absentError(ENDPOINT, context, EndpointName);
      return describeEndpoint(row.document);
    },
  });

const listEndpoints = ({ store }: HostingPorts) =>
  operation('sagemaker:ListEndpoints', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListEndpoints', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<EndpointDocument>(store, listQuery(ENDPOINT.kind, context, input));
      return {
        Endpoints: page.rows.map(({ document }) => summarizeEndpoint(document)),
        NextToken: encodePageToken(page.next),
      };
    },
  });

/** Answered only when the router sends nothing more there; the model servers end afterwards. */
const deleteEndpoint = (ports: HostingPorts, routes: EndpointRoutes) =>
  operation('sagemaker:DeleteEndpoint', {
    effect: 'change',
    needs: endpointNeed('sagemaker:DeleteEndpoint'),
    async handle({ EndpointName }, context) {
      const key = keyOf(ENDPOINT, context, EndpointName);
      const deleted = await decideAndCommit(ports.store, async (count) => {
        const row = await readRow<EndpointDocument>(ports.store, key);
        if (!row && count > 0) return { result: undefined };
        if (!row) throw absentError(ENDPOINT, context, EndpointName);
        if (row.document.EndpointStatus === 'Deleting') return { result: row.document };
        const document: EndpointDocument = { ...row.document, EndpointStatus: 'Deleting', LastModifiedTime: context.nowMs };
        return {
          result: document,
          commit: {
            expect: [{ key, version: row.version }],
            write: [endpointWrite(key, document)],
            timers: [{ reconciler: RECONCILER, key, dueAtMs: context.nowMs }],
            events: endpointEvents(document, context, context.nowMs),
            ledger: [
              entryOf(context, context.operation, [document.EndpointArn], {
                EndpointStatus: [row.document.EndpointStatus, 'Deleting'],
              }),
            ],
          },
        };
      });
      if (deleted) await routes.drop(key, deleted);
      return {};
    },
  });
