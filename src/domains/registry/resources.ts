import type {
  AdditionalInferenceSpecificationDefinition,
  DriftCheckBaselines,
  InferenceSpecification,
  ManagedConfiguration,
  MetadataProperties,
  ModelApprovalStatus,
  ModelLifeCycle,
  ModelMetrics,
  ModelPackageModelCard,
  ModelPackageRegistrationType,
  ModelPackageSecurityConfig,
  ModelPackageStatus,
  SkipModelValidation,
  UserContext,
} from '../../contract/generated/sagemaker.ts';
import type { PinnedArtifact, PinnedObject } from '../../platform/objects/pin.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Place, ResourceDeclaration } from '../../platform/resources/declaration.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import type { RowIndex } from '../../platform/store/port.ts';

/** AWS shows group names in lower case inside ARNs, so names that differ in case are one group. */
export const MODEL_PACKAGE_GROUP: ResourceDeclaration = {
  kind: 'ModelPackageGroup',
  service: 'sagemaker',
  arnType: 'model-package-group',
  caseInsensitive: true,
  absent: { code: 'ValidationException', message: (_name, arn) => `ModelPackageGroup ${arn} does not exist.` },
  exists: { code: 'ValidationException', message: (_name, arn) => `Model Package Group already exists: ${arn}` },
};

/** Versions are named `<group>/<number>`, unversioned packages by their bare name. */
export const MODEL_PACKAGE: ResourceDeclaration = {
  kind: 'ModelPackage',
  service: 'sagemaker',
  arnType: 'model-package',
  caseInsensitive: true,
  absent: { code: 'ValidationException', message: (_name, arn) => `ModelPackage ${arn} does not exist.` },
  exists: { code: 'ValidationException', message: (_name, arn) => `ModelPackage already exists: ${arn}` },
};

export interface GroupDocument {
  readonly ModelPackageGroupName: string;
  readonly ModelPackageGroupArn: string;
  readonly ModelPackageGroupDescription?: string;
  readonly ManagedConfiguration?: ManagedConfiguration;
  readonly CreationTime: number;
  readonly CreatedBy: UserContext;
  /** The number given out last; numbers of deleted versions are never given out again. */
  readonly latestVersion: number;
}

export interface PackageDocument {
  /** The group's name for versions. */
  readonly ModelPackageName: string;
  readonly ModelPackageGroupName?: string;
  readonly ModelPackageVersion?: number;
  readonly ModelPackageArn: string;
  readonly ModelPackageDescription?: string;
  readonly ModelPackageRegistrationType?: ModelPackageRegistrationType;
  readonly ModelPackageStatus: ModelPackageStatus;
  readonly InferenceSpecification?: InferenceSpecification;
  readonly AdditionalInferenceSpecifications?: AdditionalInferenceSpecificationDefinition[];
  readonly CertifyForMarketplace?: boolean;
  readonly ModelApprovalStatus?: ModelApprovalStatus;
  readonly ApprovalDescription?: string;
  readonly MetadataProperties?: MetadataProperties;
  readonly ModelMetrics?: ModelMetrics;
  readonly Domain?: string;
  readonly Task?: string;
  readonly SamplePayloadUrl?: string;
  readonly CustomerMetadataProperties?: { [key: string]: string };
  readonly DriftCheckBaselines?: DriftCheckBaselines;
  readonly SkipModelValidation?: SkipModelValidation;
  readonly SourceUri?: string;
  readonly SecurityConfig?: ModelPackageSecurityConfig;
  readonly ModelCard?: ModelPackageModelCard;
  readonly ModelLifeCycle?: ModelLifeCycle;
  readonly CreationTime: number;
  readonly CreatedBy: UserContext;
  readonly LastModifiedTime?: number;
  readonly LastModifiedBy?: UserContext;
  /** What the specification's model data was at registration: served even if S3 changes later. */
  readonly artifacts: readonly PinnedArtifact[];
  /** The reports the version was judged by, as far as they existed at registration. */
  readonly evidence: readonly PinnedObject[];
  /** Recognises our own write when a commit's answer was lost. */
  readonly requestId: string;
}

/** Name of the package's key: its own, or group and number. */
export const packageKey = (
  place: Place,
  document: Pick<PackageDocument, 'ModelPackageName' | 'ModelPackageVersion'>,
): ResourceKey => keyOf(MODEL_PACKAGE, place, packageName(document));

export const packageName = (document: Pick<PackageDocument, 'ModelPackageName' | 'ModelPackageVersion'>): string =>
  document.ModelPackageVersion === undefined
    ? document.ModelPackageName
    : `${document.ModelPackageName}/${document.ModelPackageVersion}`;

/**
 * Columns: `parent` the group of a version, `status` whether it is a version at all (no list filters by package status),
 * `facet` the approval status, `ordinal` the number, so that a page of a group of any size is one index range.
 */
export const packageIndex = (document: PackageDocument): RowIndex => ({
  ...(document.ModelPackageGroupName !== undefined && { parent: document.ModelPackageGroupName.toLowerCase() }),
  status: document.ModelPackageVersion === undefined ? 'Unversioned' : 'Versioned',
  ...(document.ModelApprovalStatus !== undefined && { facet: document.ModelApprovalStatus }),
  createdAtMs: document.CreationTime,
  modifiedAtMs: document.LastModifiedTime ?? document.CreationTime,
  ordinal: document.ModelPackageVersion ?? 0,
});

/** Every blob a package keeps alive. */
export const packageBlobs = (document: PackageDocument): string[] => [
  ...new Set([...document.artifacts.flatMap(({ objects }) => objects), ...document.evidence].map(({ digest }) => digest)),
];
