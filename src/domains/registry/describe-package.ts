import type {
  BatchDescribeModelPackageSummary,
  DescribeModelPackageOutput,
  ModelPackageGroupSummary,
  ModelPackageStatusDetails,
  ModelPackageSummary,
  DescribeModelPackageGroupOutput,
} from '../../contract/generated/sagemaker.ts';
import { type EventInput, eventTime } from '../../platform/events/event.ts';
import type { JsonObject } from '../../platform/json.ts';
import type { WithArtifacts } from '../../platform/objects/pin.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { GroupDocument, PackageDocument } from './resources.ts';

const NO_VALIDATION: ModelPackageStatusDetails = { ValidationStatuses: [], ImageScanStatuses: [] };

/** DescribeModelPackage; `artifacts` is for other rooms, the codecs write only what the API's model has. */
export function describePackage(document: PackageDocument, metadataOnly: boolean): WithArtifacts<DescribeModelPackageOutput> {
  const { artifacts, evidence: _evidence, requestId: _request, ModelCard, ...shown } = document;
  return {
    ...shown,
    ...(ModelCard && { ModelCard: metadataOnly ? { ...ModelCard, ModelCardContent: undefined } : ModelCard }),
    ModelPackageStatusDetails: NO_VALIDATION,
    artifacts,
  };
}

export const summarizePackage = (document: PackageDocument): ModelPackageSummary => ({
  ...(document.ModelPackageVersion === undefined && { ModelPackageName: document.ModelPackageName }),
  ModelPackageGroupName: document.ModelPackageGroupName,
  ModelPackageVersion: document.ModelPackageVersion,
  ModelPackageArn: document.ModelPackageArn,
  ModelPackageDescription: document.ModelPackageDescription,
  CreationTime: document.CreationTime,
  ModelPackageStatus: document.ModelPackageStatus,
  ModelApprovalStatus: document.ModelApprovalStatus,
  ModelLifeCycle: document.ModelLifeCycle,
  ModelPackageRegistrationType: document.ModelPackageRegistrationType,
});

export const batchSummary = (document: PackageDocument): BatchDescribeModelPackageSummary => ({
  ModelPackageGroupName: document.ModelPackageGroupName ?? document.ModelPackageName,
  ModelPackageVersion: document.ModelPackageVersion,
  ModelPackageArn: document.ModelPackageArn,
  ModelPackageDescription: document.ModelPackageDescription,
  CreationTime: document.CreationTime,
  InferenceSpecification: document.InferenceSpecification ?? { Containers: [] },
  ModelPackageStatus: document.ModelPackageStatus,
  ModelApprovalStatus: document.ModelApprovalStatus,
  ModelPackageRegistrationType: document.ModelPackageRegistrationType,
});

export const describeGroup = (document: GroupDocument): DescribeModelPackageGroupOutput => ({
  ModelPackageGroupName: document.ModelPackageGroupName,
  ModelPackageGroupArn: document.ModelPackageGroupArn,
  ModelPackageGroupDescription: document.ModelPackageGroupDescription,
  CreationTime: document.CreationTime,
  CreatedBy: document.CreatedBy,
  ModelPackageGroupStatus: 'Completed',
  ManagedConfiguration: document.ManagedConfiguration,
});

export const summarizeGroup = (document: GroupDocument): ModelPackageGroupSummary => ({
  ModelPackageGroupName: document.ModelPackageGroupName,
  ModelPackageGroupArn: document.ModelPackageGroupArn,
  ModelPackageGroupDescription: document.ModelPackageGroupDescription,
  CreationTime: document.CreationTime,
  ModelPackageGroupStatus: 'Completed',
  ManagedConfiguration: document.ManagedConfiguration,
});

/**
 * The event rules and subscribers match on; `status` differs from the document's when the package is being deleted, `changed` are the members that
 * an update set.
 */
export function packageEvent(
  document: PackageDocument,
  place: Place,
  nowMs: number,
  { status = document.ModelPackageStatus, changed }: { readonly status?: string; readonly changed?: readonly string[] } = {},
): EventInput {
  const { artifacts: _artifacts, evidence: _evidence, requestId: _request, ModelCard: _card, ...shown } = document;
  return {
    source: 'aws.sagemaker',
    detailType: 'SageMaker Model Package State Change',
    account: place.account,
    region: place.region,
    timeMs: nowMs,
    resources: [document.ModelPackageArn],
    detail: {
      ...shown,
      CreationTime: eventTime(document.CreationTime),
      ...(document.LastModifiedTime !== undefined && { LastModifiedTime: eventTime(document.LastModifiedTime) }),
      ModelPackageStatus: status,
      ModelPackageStatusDetails: NO_VALIDATION,
      CertifyForMarketplace: document.CertifyForMarketplace ?? false,
      ...(changed && { UpdatedModelPackageFields: [...changed] }),
    } as unknown as JsonObject,
  };
}
