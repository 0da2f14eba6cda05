import type { ListModelPackagesInput } from '../../../contract/generated/sagemaker.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { absentError } from '../../../platform/resources/declaration.ts';
import { listQuery } from '../../../platform/resources/list-query.ts';
import { encodePageToken } from '../../../platform/resources/page-token.ts';
import type { ListQuery, Store } from '../../../platform/store/port.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { batchSummary, describePackage, summarizePackage } from '../describe-package.ts';
import { named } from '../names.ts';
import { MODEL_PACKAGE, MODEL_PACKAGE_GROUP, type PackageDocument } from '../resources.ts';

export const describeModelPackage = (store: Store) =>
  operation('sagemaker:DescribeModelPackage', {
    effect: 'read',
    needs: ({ ModelPackageName }, context) => [
      { action: 'sagemaker:DescribeModelPackage', resources: [named(MODEL_PACKAGE, context, ModelPackageName).arn] },
    ],
    async handle({ ModelPackageName, IncludedData }, context) {
      const { key, name } = named(MODEL_PACKAGE, context, ModelPackageName);
      const row = await readRow<PackageDocument>(store, key);
      if (!row) throw absentError(MODEL_PACKAGE, context, name);
      return describePackage(row.document, IncludedData === 'MetadataOnly');
    },
  });

export const batchDescribeModelPackage = (store: Store) =>
  operation('sagemaker:BatchDescribeModelPackage', {
    effect: 'read',
    needs: ({ ModelPackageArnList }, context) => [
      {
        action: 'sagemaker:BatchDescribeModelPackage',
        resources: ModelPackageArnList.map((arn) => named(MODEL_PACKAGE, context, arn).arn),
      },
    ],
    async handle({ ModelPackageArnList }, context) {
      const asked = [...new Set(ModelPackageArnList)];
      const rows = await store.getMany(asked.map((arn) => named(MODEL_PACKAGE, context, arn).key));
      const ModelPackageSummaries: Record<string, ReturnType<typeof batchSummary>> = {};
      const BatchDescribeModelPackageErrorMap: Record<string, { ErrorCode: string; ErrorResponse: string }> = {};
      asked.forEach((arn, position) => {
        const row = rows[position];
        if (row) {
          ModelPackageSummaries[arn] = batchSummary(row.document as unknown as PackageDocument);
        } else {
          BatchDescribeModelPackageErrorMap[arn] = {
            ErrorCode: 'ValidationException',
            ErrorResponse: `ModelPackage ${arn} does not exist.`,
          };
        }
      });
      return { ModelPackageSummaries, BatchDescribeModelPackageErrorMap };
    },
  });

export const listModelPackages = (store: Store) =>
  operation('sagemaker:ListModelPackages', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListModelPackages', resources: ['*'] }],
    async handle(input, context) {
      const query = packagesQuery(input, context);
      if (!query) return { ModelPackageSummaryList: [] };
      const page = await listRows<PackageDocument>(store, query);
      return {
        ModelPackageSummaryList: page.rows.map(({ document }) => summarizePackage(document)),
        NextToken: encodePageToken(page.next),
      };
    },
  });

/** The page asked for; undefined where no package can match. Without group and type, AWS lists unversioned packages only. */
function packagesQuery(input: ListModelPackagesInput, context: OperationContext): ListQuery | undefined {
  const group =
    input.ModelPackageGroupName === undefined
      ? undefined
      : named(MODEL_PACKAGE_GROUP, context, input.ModelPackageGroupName).key.name;
  if (group !== undefined && input.ModelPackageType === 'Unversioned') return undefined;
  // all versions of a group share its name, so the filter decides about all of them at once
  if (group !== undefined && input.NameContains && !group.includes(input.NameContains.toLowerCase())) return undefined;
  const type = input.ModelPackageType ?? (group === undefined ? 'Unversioned' : 'Versioned');
  const byTime = input.CreationTimeAfter !== undefined || input.CreationTimeBefore !== undefined;
  const query = listQuery(MODEL_PACKAGE.kind, context, input);
  return {
    ...query,
    parent: group,
    status: group !== undefined || type === 'Both' ? undefined : type,
    facet: input.ModelApprovalStatus,
    nameContains: group === undefined ? query.nameContains : undefined,
    // inside a group the number is both the order of names and of creation; times are a range of the order of creation
    sortBy: group === undefined ? query.sortBy : byTime ? 'created' : 'ordinal',
  };
}
