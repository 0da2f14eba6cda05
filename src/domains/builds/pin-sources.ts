import type { ProjectSource } from '../../contract/generated/codebuild.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import type { BlobBody } from '../../platform/objects/port.ts';
import { pinPrefix } from '../../platform/objects/pin.ts';
import { formatS3Uri, parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { BuildSession } from './build-session.ts';
import { bucketPath } from './decide-settings.ts';
import { sourcesOf, versionOf } from './decide-source.ts';
import type { BuildDocument, PinnedSource } from './resources.ts';

type PinnedSources = { readonly sources: readonly PinnedSource[] } | { readonly problem: string };

/** What the sources of a build are at this moment, by digest, read with the rights of its role. Repositories are cloned in the sandbox. */
export async function pinSources(session: BuildSession, build: BuildDocument): Promise<PinnedSources> {
  const sources: PinnedSource[] = [];
  for (const [at, source] of sourcesOf(build).entries()) {
    const found = await pinSource(session, build, source, at);
    if ('problem' in found) return found;
    const identifier = source.sourceIdentifier;
    sources.push({ ...found, ...(identifier !== undefined && { identifier }) });
  }
  return { sources };
}

async function pinSource(
  session: BuildSession,
  build: BuildDocument,
  source: ProjectSource,
  at: number,
): Promise<PinnedSource | { readonly problem: string }> {
  const none: PinnedSource = { form: 'none', entries: [] };
  if (source.type === 'NO_SOURCE') return none;
  if (source.type === 'CODEPIPELINE') {
    const input = build.input.PipelineOrigin?.inputs[at];
    if (!input) return none;
    const version = at === 0 ? build.input.PipelineOrigin?.sourceVersion : undefined;
    const zip = await pinZip(session, input.bucket, input.key);
    return 'problem' in zip || version === undefined ? zip : { ...zip, version };
  }
  if (source.type !== 'S3') return { form: 'git', entries: [] };
  const [bucket = '', ...rest] = bucketPath(source.location ?? '').split('/');
  const key = rest.join('/');
  if (!key.endsWith('/')) return pinZip(session, bucket, key, versionOf(build.settings, source));
  return pinFolder(session, bucket, key);
}

async function pinZip(
  { calls, principal, origin }: BuildSession,
  bucket: string,
  key: string,
  versionId?: string,
): Promise<PinnedSource | { readonly problem: string }> {
  const named = versionId === undefined || versionId === '' ? {} : { VersionId: versionId };
  try {
    const output = await calls.call(principal, origin, 's3:GetObject', { Bucket: bucket, Key: key, ...named });
    const { blob } = (output.Body ?? {}) as BlobBody;
    if (!blob) return { problem: `s3://${bucket}/${key} has no content` };
    const version = output.VersionId ?? (output.ETag ?? '').replaceAll('"', '');
    return { form: 'zip', entries: [{ relativePath: 'source.zip', ...blob }], version };
  } catch (error) {
    return refusal(error, bucket, key);
  }
}

async function pinFolder(
  session: BuildSession,
  bucket: string,
  key: string,
): Promise<PinnedSource | { readonly problem: string }> {
  try {
    const objects = await pinPrefix(session, formatS3Uri({ bucket, key }));
    if (objects.length === 0) return { problem: `S3 key: s3://${bucket}/${key} matched no files on s3` };
    return {
      form: 'files',
      entries: objects.map(({ uri, digest, sizeBytes }) => ({
        relativePath: (parseS3Uri(uri)?.key ?? '').slice(key.length),
        digest,
        sizeBytes,
      })),
    };
  } catch (error) {
    return refusal(error, bucket, key);
  }
}

function refusal(error: unknown, bucket: string, key: string): { readonly problem: string } {
  if (!(error instanceof ServiceError)) throw error;
  throwPassing(error);
  return { problem: `error while downloading s3://${bucket}/${key}: ${error.code}: ${error.message}` };
}
