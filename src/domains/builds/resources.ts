import type {
  Build,
  BuildArtifacts,
  BuildPhase,
  ExportedEnvironmentVariable,
  Project,
  ProjectArtifacts,
  ProjectCache,
  ProjectEnvironment,
  ProjectSource,
  ProjectSourceVersion,
  Report,
  ReportGroup,
  StartBuildInput,
  StatusType,
} from '../../contract/generated/codebuild.ts';
import type { WithPipelineOrigin } from '../../platform/ports/build-origin.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { formatArn } from '../../platform/resources/arn.ts';
import { keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { ArtifactSpec, ReportSpec } from './decide-buildspec.ts';

const noun = (kind: string, arnType: string, words: string): ResourceDeclaration => ({
  kind,
  service: 'codebuild',
  arnType,
  absent: { code: 'ResourceNotFoundException', message: (_name, arn) => `The provided ${words} ${arn} does not exist` },
  exists: { code: 'ResourceAlreadyExistsException', message: (_name, arn) => `${words} already exists: ${arn}` },
});

export const PROJECT: ResourceDeclaration = {
  ...noun('BuildProject', 'project', 'project'),
  exists: { code: 'ResourceAlreadyExistsException', message: (_name, arn) => `Project already exists: ${arn}` },
};
/** Named `<project>:<uuid>`. */
export const BUILD = noun('Build', 'build', 'build');
export const REPORT_GROUP: ResourceDeclaration = {
  ...noun('BuildReportGroup', 'report-group', 'report group'),
  exists: { code: 'ResourceAlreadyExistsException', message: (_name, arn) => `Report group already exists: ${arn}` },
};
/** Named `<group>:<uuid>`. */
export const REPORT = noun('BuildReport', 'report', 'report');

export const BUILD_RECONCILER = 'build';

export const projectArn = ({ account, region }: Place, name: string): string =>
  formatArn({ service: 'codebuild', region, account, resource: `project/${name}` });

/** How many builds a project has had: numbers are given out here, also when the project was deleted and made again. */
export const counterKey = (place: Place, project: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'BuildCounter',
  name: project,
});

export const buildKey = (place: Place, id: string): ResourceKey => keyOf(BUILD, place, id);

/** The cache a project keeps in this data folder (`cache.type` LOCAL). */
export const cacheKey = (place: Place, project: string): ResourceKey => ({
  account: place.account,
  region: place.region,
  kind: 'BuildCache',
  name: project,
});

export interface CacheDocument {
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface ProjectDocument {
  /** As the API shows it, without tags, which are in a row of their own. */
  readonly project: Project & { readonly name: string; readonly arn: string };
  /** Made or changed by a session with less than its role's rights: what it says to run gets no more than that session had. */
  readonly restricted?: boolean;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /** Caches of earlier builds are not given any more (InvalidateProjectCache). */
  readonly cacheFromMs?: number;
  /** Recognises our own write when a commit's answer was lost. */
  readonly requestId: string;
}

/** What a build runs by: its project as it was, with what its start overrode. */
export interface BuildSettings {
  readonly source: ProjectSource;
  readonly secondarySources: readonly ProjectSource[];
  readonly sourceVersion?: string;
  readonly secondarySourceVersions: readonly ProjectSourceVersion[];
  readonly artifacts: ProjectArtifacts;
  readonly secondaryArtifacts: readonly ProjectArtifacts[];
  readonly cache: ProjectCache;
  readonly environment: ProjectEnvironment;
  readonly serviceRole: string;
  readonly timeoutInMinutes: number;
  readonly queuedTimeoutInMinutes: number;
  readonly encryptionKey: string;
  readonly logs: { readonly enabled: boolean; readonly group: string; readonly stream: string };
}

/** A source as it was when the build was started: no later upload changes what is built. */
export interface PinnedSource {
  /** Absent: the primary one. */
  readonly identifier?: string;
  readonly form: 'zip' | 'files' | 'none' | 'git';
  readonly entries: readonly { readonly relativePath: string; readonly digest: string; readonly sizeBytes: number }[];
  readonly version?: string;
}

export interface BuildDocument {
  readonly id: string;
  readonly arn: string;
  readonly projectName: string;
  readonly number: number;
  readonly status: StatusType;
  readonly currentPhase: string;
  readonly phases: readonly BuildPhase[];
  readonly settings: BuildSettings;
  /** The call that started it, for RetryBuild. */
  readonly input: StartBuildInput & WithPipelineOrigin;
  readonly initiator: string;
  readonly workId: string;
  readonly restricted?: boolean;
  readonly stopping?: true;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly endedAtMs?: number;
  /** From when the work was handed to the backend. */
  readonly sources?: readonly PinnedSource[];
  readonly resolvedSourceVersion?: string;
  /** What the buildspec asked to keep, from when the driver was told its plan. */
  readonly keeps?: BuildKeeps;
  readonly exported?: readonly ExportedEnvironmentVariable[];
  readonly artifacts?: BuildArtifacts;
  readonly secondaryArtifacts?: readonly BuildArtifacts[];
  readonly reportArns?: readonly string[];
  readonly requestId: string;
}

export interface BuildKeeps {
  readonly artifacts: readonly KeptArtifact[];
  readonly reports: readonly ReportSpec[];
  readonly cache: boolean;
}

/** One artifact and where it goes. */
export interface KeptArtifact {
  /** Folder or zip file in the output of the work. */
  readonly place: string;
  /** Absent: the primary one. */
  readonly identifier?: string;
  readonly spec: ArtifactSpec;
  readonly zip: boolean;
  readonly bucket: string;
  /** Key of the zip file, or of the folder; a name of the buildspec replaces its last part. */
  readonly prefix: string;
  readonly name: string;
  readonly overrideName: boolean;
  /** A delivery pipeline said where exactly. */
  readonly exact: boolean;
}

export interface ReportGroupDocument {
  readonly group: ReportGroup & { readonly arn: string; readonly name: string };
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly requestId: string;
}

export interface ReportDocument {
  readonly report: Report & { readonly arn: string };
  /** Test cases or covered files, as JSON. */
  readonly detailsDigest: string;
  readonly createdAtMs: number;
}

export const isEnded = (status: StatusType): boolean => status !== 'IN_PROGRESS';

export type { Build };
