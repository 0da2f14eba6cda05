import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, existsError } from '../../../platform/resources/declaration.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Store } from '../../../platform/store/port.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { userContext } from '../../../platform/calls/user-context.ts';
import { describeGroup, summarizeGroup } from '../describe-package.ts';
import { named, namedHere } from '../names.ts';
import { type GroupDocument, MODEL_PACKAGE, MODEL_PACKAGE_GROUP } from '../resources.ts';
import { groupWrite } from '../rows.ts';

export function groupOperations(store: Store): AnyOperation[] {
  return [
    createModelPackageGroup(store),
    describeModelPackageGroup(store),
    listModelPackageGroups(store),
    deleteModelPackageGroup(store),
  ];
}

const needsGroup =
  (action: string) =>
  ({ ModelPackageGroupName }: { ModelPackageGroupName: string }, context: OperationContext) => [
    { action, resources: [named(MODEL_PACKAGE_GROUP, context, ModelPackageGroupName).arn] },
  ];

const createModelPackageGroup = (store: Store) =>
  operation('sagemaker:CreateModelPackageGroup', {
    effect: 'change',
    needs: needsGroup('sagemaker:CreateModelPackageGroup'),
    async handle(input, context) {
      const { name, key, arn } = namedHere(MODEL_PACKAGE_GROUP, context, input.ModelPackageGroupName);
      if (input.ManagedConfiguration) {
        throw new ServiceError(
          'NotImplementedException',
          'Managed storage of model package groups (ManagedConfiguration) is not implemented yet.',
        );
      }
      const document: GroupDocument = {
        ModelPackageGroupName: name,
        ModelPackageGroupArn: arn,
        ...(input.ModelPackageGroupDescription !== undefined && {
          ModelPackageGroupDescription: input.ModelPackageGroupDescription,
        }),
        CreationTime: context.nowMs,
        CreatedBy: userContext(context),
        latestVersion: 0,
      };
      const tags = tagsWrite(arn, input.Tags, context.nowMs);
      return decideAndCommit(store, async (count) => {
        const existing = await readRow<GroupDocument>(store, key);
        const ours =
          count > 0 &&
          existing?.document.CreationTime === context.nowMs &&
          existing.document.CreatedBy.IamIdentity?.Arn === context.principal.arn;
        if (existing && !ours) throw existsError(MODEL_PACKAGE_GROUP, context, existing.document.ModelPackageGroupName);
        const result = { ModelPackageGroupArn: arn };
        if (existing) return { result };
        const { latestVersion: _latest, ...created } = document;
        return {
          result,
          commit: {
            expect: [{ key, version: 0 }],
            write: [groupWrite(key, document), ...(tags ? [tags] : [])],
            ledger: [entryOf(context, context.operation, [arn], changedMembers(undefined, created))],
          },
        };
      });
    },
  });

const describeModelPackageGroup = (store: Store) =>
  operation('sagemaker:DescribeModelPackageGroup', {
    effect: 'read',
    needs: needsGroup('sagemaker:DescribeModelPackageGroup'),
    async handle({ ModelPackageGroupName }, context) {
      const { key, name } = named(MODEL_PACKAGE_GROUP, context, ModelPackageGroupName);
      const row = await readRow<GroupDocument>(store, key);
      if (!row) throw absentError(MODEL_PACKAGE_GROUP, context, name);
      return describeGroup(row.document);
    },
  });

const listModelPackageGroups = (store: Store) =>
  operation('sagemaker:ListModelPackageGroups', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListModelPackageGroups', resources: ['*'] }],
    async handle(input, context) {
      const page = await listRows<GroupDocument>(store, listQuery(MODEL_PACKAGE_GROUP.kind, context, input));
      return {
        ModelPackageGroupSummaryList: page.rows.map(({ document }) => summarizeGroup(document)),
        NextToken: encodePageToken(page.next),
      };
    },
  });

const deleteModelPackageGroup = (store: Store) =>
  operation('sagemaker:DeleteModelPackageGroup', {
    effect: 'change',
    needs: needsGroup('sagemaker:DeleteModelPackageGroup'),
    async handle({ ModelPackageGroupName }, context) {
      const { key, name, arn } = named(MODEL_PACKAGE_GROUP, context, ModelPackageGroupName);
      return decideAndCommit(store, async (count) => {
        const row = await readRow<GroupDocument>(store, key);
        if (!row && count > 0) return { result: {} };
        if (!row) throw absentError(MODEL_PACKAGE_GROUP, context, name);
        // a version created after this look writes the group's row, so the commit below would meet a conflict
        const { account, region } = context;
        const versions = await store.list({
          account,
          region,
          kind: MODEL_PACKAGE.kind,
          parent: key.name,
          sortBy: 'ordinal',
          order: 'ascending',
          limit: 1,
        });
        if (versions.rows.length > 0) {
          throw new ServiceError('ConflictException', `${arn} still contains model packages. Delete its versions first.`);
        }
        return {
          result: {},
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key, tagsKey(row.document.ModelPackageGroupArn)],
            ledger: [entryOf(context, context.operation, [arn], changedMembers(row.document, undefined))],
          },
        };
      });
    },
  });
