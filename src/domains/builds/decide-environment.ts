import { PLAIN_ROOTS, ROOTS } from './decide-plan.ts';
import { sourceFolder, sourcesOf } from './decide-source.ts';
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
    CODEBUILD_START_TIME: String(build.createdAtMs),
    CODEBUILD_SOURCE_REPO_URL: settings.source.location ?? '',
    CODEBUILD_SOURCE_VERSION: sourceVersion(build),
    CODEBUILD_RESOLVED_SOURCE_VERSION: build.resolvedSourceVersion ?? '',
  };
  for (const source of sourcesOf(build)) {
    const suffix = source.sourceIdentifier === undefined ? '' : `_${source.sourceIdentifier}`;
    environment[`CODEBUILD_SRC_DIR${suffix}`] = `${sources}/${sourceFolder(source)}`;
  }
  return environment;
}

/** Of a pipeline's build the place of its input, as on AWS. */
function sourceVersion({ settings, input }: BuildDocument): string {
  const first = input.PipelineOrigin?.inputs[0];
  if (first) return `arn:aws:s3:::${first.bucket}/${first.key}`;
  return settings.sourceVersion ?? '';
}
