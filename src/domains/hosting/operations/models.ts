import { pinnedImageName } from '../../../platform/serving/pinned-image.ts';
import type { ContainerDefinition, CreateModelInput } from '../../../contract/generated/sagemaker.ts';
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
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { dataSourceOf } from '../../../platform/serving/model-container.ts';
import { readArtifact, servingImage } from '../../../platform/serving/pin-containers.ts';
import { checkContainer, containersAsked } from '../decide-model.ts';
import { describeModel } from '../describe-endpoint.ts';
import { approvedPackage } from '../pin-model.ts';
import type { HostingPorts } from '../ports.ts';
import { MODEL, type ModelDocument } from '../resources.ts';
import { plainWrite } from '../rows.ts';

export function modelOperations(ports: HostingPorts): AnyOperation[] {
  return [createModel(ports), describeModelOperation(ports), listModels(ports), deleteModel(ports)];
}

const modelNeed =
  (action: string) =>
  ({ ModelName }: { ModelName: string }, context: OperationContext): AuthorizationNeed[] => [
    { action, resources: [arnOf(MODEL, context, ModelName)] },
  ];

const createModel = (ports: HostingPorts) =>
  operation('sagemaker:CreateModel', {
    effect: 'change',
    needs: async (input, context) => [
      ...modelNeed('sagemaker:CreateModel')(input, context),
      ...(await passRoleNeeds(ports.roles, context.account, input.ExecutionRoleArn)),
    ],
    async handle(input, context) {
      const document = planModel(ports, input, context);
      for (const container of accepted(containersAsked(input))) await checkServable(ports, context, container, document);
      const key = keyOf(MODEL, context, input.ModelName);
      const { requestId: _request, ...created } = document;
      const tags = tagsWrite(document.ModelArn, input.Tags, context.nowMs);
      return decideAndCommit(ports.store, async () => {
        const existing = await readRow<ModelDocument>(ports.store, key);
        const result = { ModelArn: document.ModelArn };
        if (existing?.document.requestId === context.requestId) return { result };
        if (existing) throw existsError(MODEL, context, input.ModelName);
        const entry = entryOf(context, context.operation, [document.ModelArn], changedMembers(undefined, created));
        return {
          result,
          commit: { expect: [{ key, version: 0 }], write: [plainWrite(key, document), ...(tags ? [tags] : [])], ledger: [entry] },
        };
      });
    },
  });

function planModel(
  { runtimes }: HostingPorts,
  { Tags: _tags, ...kept }: CreateModelInput,
  context: OperationContext,
): ModelDocument {
  const pinned = [kept.PrimaryContainer, ...(kept.Containers ?? [])].flatMap((container) => {
    const name = container?.Image === undefined ? undefined : pinnedImageName(runtimes, container.Image);
    return name === undefined ? [] : [[container?.Image ?? '', name] as const];
  });
  return {
    ...kept,
    ModelArn: arnOf(MODEL, context, kept.ModelName),
    CreationTime: context.nowMs,
    requestId: context.requestId,
    ...(pinned.length > 0 && { pinnedImages: Object.fromEntries(pinned) }),
  };
}

/** Everything that would only fail when an endpoint starts is said here, where it can be corrected. */
async function checkServable(
  ports: HostingPorts,
  context: OperationContext,
  container: ContainerDefinition,
  model: ModelDocument,
): Promise<void> {
  refuse(checkContainer(container));
  if (container.ModelPackageName !== undefined) {
    await approvedPackage(ports, context, container.ModelPackageName);
    return;
  }
  servingImage(ports.runtimes, container.Image ?? '');
  if (container.Mode === 'MultiModel') return; // there may be nothing below its prefix yet
  const source = accepted(dataSourceOf(container));
  // a folder of files is only read when it is served: it may be long
  if (source && source.form !== 'prefix') await readArtifact(ports, context, model, source);
}

const describeModelOperation = ({ store }: HostingPorts) =>
  operation('sagemaker:DescribeModel', {
    effect: 'read',
    needs: modelNeed('sagemaker:DescribeModel'),
    async handle({ ModelName }, context) {
      const row = await readRow<ModelDocument>(store, keyOf(MODEL, context, ModelName));
      if (!row) throw absentError(MODEL, context, ModelName);
      return describeModel(row.document);
    },
  });

const listModels = ({ store }: HostingPorts) =>
  operation('sagemaker:ListModels', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListModels', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<ModelDocument>(store, listQuery(MODEL.kind, context, input));
      const Models = page.rows.map(({ document }) => {
        const { ModelName, ModelArn, CreationTime } = document;
        return { ModelName, ModelArn, CreationTime };
      });
      return { Models, NextToken: encodePageToken(page.next) };
    },
  });

const deleteModel = ({ store }: HostingPorts) =>
  operation('sagemaker:DeleteModel', {
    effect: 'change',
    needs: modelNeed('sagemaker:DeleteModel'),
    async handle({ ModelName }, context) {
      const key = keyOf(MODEL, context, ModelName);
      return decideAndCommit(store, async (count) => {
        const row = await readRow<ModelDocument>(store, key);
        if (!row && count > 0) return { result: {} };
        if (!row) throw absentError(MODEL, context, ModelName);
        const { ModelArn } = row.document;
        const entry = entryOf(context, context.operation, [ModelArn], changedMembers(row.document, undefined));
        return {
          result: {},
          commit: { expect: [{ key, version: row.version }], remove: [key, tagsKey(ModelArn)], ledger: [entry] },
        };
      });
    },
  });
