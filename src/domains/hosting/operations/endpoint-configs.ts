import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError, keyOf } from '../../../platform/resources/declaration.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { checkConfig } from '../decide-config.ts';
import { describeEndpointConfig } from '../describe-endpoint.ts';
import type { HostingPorts } from '../ports.ts';
import { ENDPOINT_CONFIG, type EndpointConfigDocument, MODEL } from '../resources.ts';
import { plainWrite } from '../rows.ts';

export function endpointConfigOperations(ports: HostingPorts): AnyOperation[] {
  return [
    createEndpointConfig(ports),
    describeEndpointConfigOperation(ports),
    listEndpointConfigs(ports),
    deleteEndpointConfig(ports),
  ];
}

const configNeed =
  (action: string) =>
  ({ EndpointConfigName }: { EndpointConfigName: string }, context: OperationContext): AuthorizationNeed[] => [
    { action, resources: [arnOf(ENDPOINT_CONFIG, context, EndpointConfigName)] },
  ];

const createEndpointConfig = ({ store, roles }: HostingPorts) =>
  operation('sagemaker:CreateEndpointConfig', {
    effect: 'change',
    needs: async (input, context) => [
      ...configNeed('sagemaker:CreateEndpointConfig')(input, context),
      ...(await passRoleNeeds(roles, context.account, input.ExecutionRoleArn)),
    ],
    async handle(input, context) {
      refuse(checkConfig(input));
      const models = input.ProductionVariants.map(({ ModelName = '' }) => keyOf(MODEL, context, ModelName));
      const absent = (await store.getMany(models)).findIndex((row) => !row);
      if (absent >= 0) throw absentError(MODEL, context, models[absent]?.name ?? '');
      const key = keyOf(ENDPOINT_CONFIG, context, input.EndpointConfigName);
      const { Tags, ...kept } = input;
      const document: EndpointConfigDocument = {
        ...kept,
        EndpointConfigArn: arnOf(ENDPOINT_CONFIG, context, input.EndpointConfigName),
        CreationTime: context.nowMs,
        requestId: context.requestId,
      };
      const { EndpointConfigArn } = document;
      const { requestId: _request, ...created } = document;
      const tags = tagsWrite(EndpointConfigArn, Tags, context.nowMs);
      return decideAndCommit(store, async () => {
        const existing = await readRow<EndpointConfigDocument>(store, key);
        if (existing?.document.requestId === context.requestId) return { result: { EndpointConfigArn } };
        if (existing) throw existsError(ENDPOINT_CONFIG, context, input.EndpointConfigName);
        const entry = entryOf(context, context.operation, [EndpointConfigArn], changedMembers(undefined, created));
        const write = [plainWrite(key, document), ...(tags ? [tags] : [])];
        return { result: { EndpointConfigArn }, commit: { expect: [{ key, version: 0 }], write, ledger: [entry] } };
      });
    },
  });

const describeEndpointConfigOperation = ({ store }: HostingPorts) =>
  operation('sagemaker:DescribeEndpointConfig', {
    effect: 'read',
    needs: configNeed('sagemaker:DescribeEndpointConfig'),
    async handle({ EndpointConfigName }, context) {
      const row = await readRow<EndpointConfigDocument>(store, keyOf(ENDPOINT_CONFIG, context, EndpointConfigName));
      if (!row) throw absentError(ENDPOINT_CONFIG, context, EndpointConfigName);
      return describeEndpointConfig(row.document);
    },
  });

const listEndpointConfigs = ({ store }: HostingPorts) =>
  operation('sagemaker:ListEndpointConfigs', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListEndpointConfigs', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<EndpointConfigDocument>(store, listQuery(ENDPOINT_CONFIG.kind, context, input));
      const EndpointConfigs = page.rows.map(({ document }) => {
        const { EndpointConfigName, EndpointConfigArn, CreationTime } = document;
        return { EndpointConfigName, EndpointConfigArn, CreationTime };
      });
      return { EndpointConfigs, NextToken: encodePageToken(page.next) };
    },
  });

const deleteEndpointConfig = ({ store }: HostingPorts) =>
  operation('sagemaker:DeleteEndpointConfig', {
    effect: 'change',
    needs: configNeed('sagemaker:DeleteEndpointConfig'),
    async handle({ EndpointConfigName }, context) {
      const key = keyOf(ENDPOINT_CONFIG, context, EndpointConfigName);
      return decideAndCommit(store, async (count) => {
        const row = await readRow<EndpointConfigDocument>(store, key);
        if (!row && count > 0) return { result: {} };
        if (!row) throw absentError(ENDPOINT_CONFIG, context, EndpointConfigName);
        const { EndpointConfigArn } = row.document;
        const entry = entryOf(context, context.operation, [EndpointConfigArn], changedMembers(row.document, undefined));
        return {
          result: {},
          commit: { expect: [{ key, version: row.version }], remove: [key, tagsKey(EndpointConfigArn)], ledger: [entry] },
        };
      });
    },
  });
