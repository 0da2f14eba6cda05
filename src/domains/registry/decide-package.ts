import type {
  CreateModelPackageInput,
  InferenceSpecification,
  ModelPackageContainerDefinition,
  UpdateModelPackageInput,
  UserContext,
} from '../../contract/generated/sagemaker.ts';
import type { PinnedArtifact, PinnedObject } from '../../platform/objects/pin.ts';
import { invalid, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type { PackageDocument } from './resources.ts';

const METADATA_MAX = 50;
const ADDITIONAL_SPECIFICATIONS_MAX = 15;

/** What the model of the API cannot say about CreateModelPackage. */
export function checkCreatePackage(input: CreateModelPackageInput): Rejection | undefined {
  const versioned = input.ModelPackageGroupName !== undefined;
  if (versioned === (input.ModelPackageName !== undefined)) {
    return invalid(
      'Either ModelPackageName or ModelPackageGroupName has to be given, not both: a version belongs to a group, an unversioned package has a name.',
    );
  }
  if (input.SourceAlgorithmSpecification) {
    return missing(
      'Model packages made from an algorithm (SourceAlgorithmSpecification) are not implemented yet. Give an InferenceSpecification.',
    );
  }
  if (input.ValidationSpecification) {
    return missing(
      'Validation of model packages by batch transform (ValidationSpecification) is not implemented yet. Leave it out.',
    );
  }
  if (input.ManagedStorageType) return missing('Managed storage of model packages (ManagedStorageType) is not implemented yet.');
  if (!versioned && !input.InferenceSpecification) {
    return invalid('InferenceSpecification is required for a model package that is not in a group.');
  }
  if (!versioned && input.ModelApprovalStatus) {
    return invalid(
      'ModelApprovalStatus applies to versions in a model package group only; leave it out for an unversioned package.',
    );
  }
  if (versioned && input.CertifyForMarketplace) {
    return invalid('CertifyForMarketplace has to be false or absent for a version in a model package group.');
  }
  return duplicateName((input.AdditionalInferenceSpecifications ?? []).map(({ Name }) => Name));
}

function duplicateName(names: readonly string[]): Rejection | undefined {
  const twice = names.find((name, position) => names.indexOf(name) !== position);
  return twice === undefined
    ? undefined
    : invalid(`Additional inference specification "${twice}" is given twice. Their names have to be unique in a package.`);
}

export interface ArtifactSource {
  readonly uri: string;
  readonly form: 'object' | 'prefix';
}

/** The model data the containers of some specifications name. */
export function artifactSources(specifications: readonly Pick<InferenceSpecification, 'Containers'>[]): ArtifactSource[] {
  const sources = new Map<string, ArtifactSource>();
  for (const container of specifications.flatMap(({ Containers }) => Containers)) {
    for (const source of containerSources(container)) sources.set(source.uri, source);
  }
  return [...sources.values()];
}

function containerSources(container: ModelPackageContainerDefinition): ArtifactSource[] {
  const sources: ArtifactSource[] = [];
  if (container.ModelDataUrl !== undefined) sources.push({ uri: container.ModelDataUrl, form: 'object' });
  const further = (container.AdditionalModelDataSources ?? []).map(({ S3DataSource }) => S3DataSource);
  const own = container.ModelDataSource?.S3DataSource;
  for (const { S3Uri, S3DataType } of own ? [own, ...further] : further) {
    sources.push({ uri: S3Uri, form: S3DataType === 'S3Prefix' ? 'prefix' : 'object' });
  }
  return sources;
}

/** Every S3Uri inside the metrics and baselines: the evidence a version is judged by. */
export function evidenceUris(input: Pick<CreateModelPackageInput, 'ModelMetrics' | 'DriftCheckBaselines'>): string[] {
  const uris = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [member, inner] of Object.entries(value)) {
      if (member === 'S3Uri' && typeof inner === 'string') uris.add(inner);
      else walk(inner);
    }
  };
  walk([input.ModelMetrics, input.DriftCheckBaselines]);
  return [...uris];
}

/** What the world adds to a request. */
export interface CreationFacts {
  readonly arn: string;
  /** The group's name as it was created, and the number given out, for versions. */
  readonly version?: { readonly groupName: string; readonly number: number };
  readonly nowMs: number;
  readonly requestId: string;
  readonly by: UserContext;
  readonly artifacts: readonly PinnedArtifact[];
  readonly evidence: readonly PinnedObject[];
}

/** The package a checked request makes. */
export function planPackage(input: CreateModelPackageInput, facts: CreationFacts): PackageDocument {
  const {
    ModelPackageName,
    ModelPackageGroupName: _group,
    Tags: _tags,
    ClientToken: _token,
    ModelApprovalStatus,
    SourceAlgorithmSpecification: _source,
    ValidationSpecification: _validation,
    ManagedStorageType: _storage,
    ...kept
  } = input;
  const { version } = facts;
  return {
    ...kept,
    ...(version
      ? {
          ModelPackageName: version.groupName,
          ModelPackageGroupName: version.groupName,
          ModelPackageVersion: version.number,
          ModelPackageRegistrationType: kept.ModelPackageRegistrationType ?? 'Registered',
          ModelApprovalStatus: ModelApprovalStatus ?? 'PendingManualApproval',
        }
      : { ModelPackageName: ModelPackageName ?? '' }),
    ModelPackageArn: facts.arn,
    ModelPackageStatus: 'Completed',
    CertifyForMarketplace: kept.CertifyForMarketplace ?? false,
    CreationTime: facts.nowMs,
    CreatedBy: facts.by,
    artifacts: facts.artifacts,
    evidence: facts.evidence,
    requestId: facts.requestId,
  };
}

export interface UpdateRules {
  /** Under `approval: required` what was approved cannot be exchanged behind the approval. */
  readonly approvalRequired: boolean;
}

export type UpdateDecision =
  | { readonly rejection: Rejection }
  | {
      readonly rejection?: undefined;
      readonly document: Omit<PackageDocument, 'artifacts'>;
      readonly specificationChanged: boolean;
    };

/** UpdateModelPackage without the model data a new specification names (the operation pins that). */
export function decideUpdate(before: PackageDocument, input: UpdateModelPackageInput, rules: UpdateRules): UpdateDecision {
  const rejection = checkUpdate(before, input, rules);
  if (rejection) return { rejection };
  const properties = { ...before.CustomerMetadataProperties, ...input.CustomerMetadataProperties };
  for (const name of input.CustomerMetadataPropertiesToRemove ?? []) delete properties[name];
  if (Object.keys(properties).length > METADATA_MAX) {
    return {
      rejection: invalid(
        `A model package can have at most ${METADATA_MAX} CustomerMetadataProperties; this update would make ${Object.keys(properties).length}.`,
      ),
    };
  }
  const {
    ModelPackageArn: _arn,
    ClientToken: _token,
    CustomerMetadataProperties: _properties,
    CustomerMetadataPropertiesToRemove: _remove,
    AdditionalInferenceSpecificationsToAdd: added,
    ModelCard,
    ...set
  } = input;
  const { CustomerMetadataProperties: _old, ApprovalDescription: described, ...kept } = before;
  const decided = input.ModelApprovalStatus !== undefined && input.ModelApprovalStatus !== before.ModelApprovalStatus;
  return {
    specificationChanged: input.InferenceSpecification !== undefined || added !== undefined,
    document: {
      ...kept,
      // a description explains one decision; a new decision without one must not inherit the old words
      ...(!decided && described !== undefined && { ApprovalDescription: described }),
      ...set,
      ...(ModelCard && { ModelCard: { ...before.ModelCard, ...ModelCard } }),
      ...(Object.keys(properties).length > 0 && { CustomerMetadataProperties: properties }),
      ...(added && { AdditionalInferenceSpecifications: [...(before.AdditionalInferenceSpecifications ?? []), ...added] }),
    },
  };
}

function checkUpdate(before: PackageDocument, input: UpdateModelPackageInput, rules: UpdateRules): Rejection | undefined {
  if (before.ModelPackageVersion === undefined && input.ModelApprovalStatus) {
    return invalid(
      `ModelApprovalStatus applies to versions in a model package group only; ${before.ModelPackageArn} is unversioned.`,
    );
  }
  const added = input.AdditionalInferenceSpecificationsToAdd ?? [];
  const names = [...(before.AdditionalInferenceSpecifications ?? []), ...added].map(({ Name }) => Name);
  if (names.length > ADDITIONAL_SPECIFICATIONS_MAX) {
    return invalid(
      `A model package can have at most ${ADDITIONAL_SPECIFICATIONS_MAX} additional inference specifications; this update would make ${names.length}.`,
    );
  }
  const changesContent = input.InferenceSpecification !== undefined || added.length > 0;
  if (
    changesContent &&
    rules.approvalRequired &&
    before.ModelApprovalStatus === 'Approved' &&
    input.ModelApprovalStatus === undefined
  ) {
    return invalid(
      `${before.ModelPackageArn} is Approved, so what it serves cannot be changed. Set ModelApprovalStatus to PendingManualApproval in the same call, and have the change approved.`,
    );
  }
  return duplicateName(names);
}
