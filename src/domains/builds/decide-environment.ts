import type { ProjectSource } from '../../contract/generated/codebuild.ts';
import { PLAIN_ROOTS, ROOTS } from './decide-plan.ts';
import { bucketPath } from './decide-settings.ts';
import { sourceFolder, sourcesOf, versionOf } from './decide-source.ts';
import type { BuildDocument } from './resources.ts';

/** The variables that CodeBuild itself sets (User Guide, "Environment variables in build environments"). Pure. */
export function buildEnvironment(build: BuildDocument, isolated: boolean): Record<string, string> {
  const { settings } = build;
  const { sources } = isolated ? ROOTS : PLAIN_ROOTS;
  const environment: Record<string, string> = {
    CI: 'true',
    CODEBUILD_CI: 'true',
    CODEBUILD_BUILD_ARN: build.arn,
    CODEBUILD_BUILD_ID: build.id,
    CODEBUILD_BUILD_IMAGE: settings.environment.image,
    CODEBUILD_BUILD_NUMBER: String(build.number),
    CODEBUILD_BUILD_SUCCEEDING: '1',
    CODEBUILD_INITIATOR: build.initiator,
    CODEBUILD_KMS_KEY_ID: settings.encryptionKey,
    CODEBUILD_LOG_PATH: settings.logs.stream,
    CODEBUILD_PROJECT_ARN: build.arn.replace(/:build\/.*$/s, `:project/${build.projectName}`),
    CODEBUILD_START_TIME: String(build.createdAtMs),
    CODEBUILD_RESOLVED_SOURCE_VERSION: build.resolvedSourceVersion ?? '',
  };
  for (const [at, source] of sourcesOf(build).entries()) {
    const suffix = source.sourceIdentifier === undefined ? '' : `_${source.sourceIdentifier}`;
    environment[`CODEBUILD_SRC_DIR${suffix}`] = `${sources}/${sourceFolder(source)}`;
    environment[`CODEBUILD_SOURCE_REPO_URL${suffix}`] = addressOf(source);
    environment[`CODEBUILD_SOURCE_VERSION${suffix}`] = sourceVersion(build, source, at);
  }
  return environment;
}

const addressOf = ({ type, location = '' }: ProjectSource): string => (type === 'S3' ? `s3://${bucketPath(location)}` : location);

/** Of a pipeline's build the place of its input, as on AWS. */
function sourceVersion({ settings, input }: BuildDocument, source: ProjectSource, at: number): string {
  const place = input.PipelineOrigin?.inputs[at];
  return place ? `arn:aws:s3:::${place.bucket}/${place.key}` : (versionOf(settings, source) ?? '');
}
