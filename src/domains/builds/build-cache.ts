import { ServiceError } from '../../platform/errors/families.ts';
import type { BlobBody } from '../../platform/objects/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import type { Commit } from '../../platform/store/port.ts';
import { readRow, writeOf } from '../../platform/store/typed-rows.ts';
import type { BuildSession } from './build-session.ts';
import { bucketPath } from './decide-settings.ts';
import type { BuildsPorts } from './ports.ts';
import { put, refusals } from './publish.ts';
import { type BuildDocument, cacheKey, type CacheDocument, PROJECT, type ProjectDocument } from './resources.ts';
import { CACHE_FILE } from './specify-work.ts';

/** The cache of a project, kept by content in this data folder (LOCAL; not what a restricted build leaves) or as an object in S3. */

/** What an earlier build left; a cache that cannot be read is none. */
export async function restoredCache(
  ports: BuildsPorts,
  { calls, principal, origin }: BuildSession,
  key: ResourceKey,
  build: BuildDocument,
): Promise<CacheDocument | undefined> {
  const { cache } = build.settings;
  if (cache.type === 'LOCAL') {
    const row = await readRow<CacheDocument>(ports.store, cacheKey(key, build.projectName));
    return row && (await ports.blobs.keep(row.document.digest)) ? row.document : undefined;
  }
  if (cache.type !== 'S3') return undefined;
  try {
    const project = await projectOf(ports, key, build);
    const { Body } = await calls.call(principal, origin, 's3:GetObject', objectOf(build, project?.document));
    const { blob } = (Body ?? {}) as BlobBody;
    return blob && (await ports.blobs.keep(blob.digest)) ? blob : undefined;
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

const projectOf = (ports: BuildsPorts, key: ResourceKey, { projectName }: BuildDocument) =>
  readRow<ProjectDocument>(ports.store, keyOf(PROJECT, key, projectName));

/** Of each invalidation on it is another one: how old an object is S3 tells in seconds. */
function objectOf(
  { settings, projectName }: BuildDocument,
  project: ProjectDocument | undefined,
): { Bucket: string; Key: string } {
  const [Bucket = '', ...rest] = bucketPath(settings.cache.location ?? '').split('/');
  const name = project?.cacheFromMs === undefined ? CACHE_FILE : `${project.cacheFromMs}-${CACHE_FILE}`;
  return { Bucket, Key: [...rest.filter((part) => part !== ''), projectName, name].join('/') };
}

/** Keeps what the build left for the next one; the commit's parts for a cache in this data folder. */
export async function keepCache(
  ports: BuildsPorts,
  session: BuildSession,
  key: ResourceKey,
  build: BuildDocument,
): Promise<{ readonly commit?: Pick<Commit, 'expect' | 'write'> } | { readonly problem: string }> {
  const project = await projectOf(ports, key, build);
  // what began before belongs to a project that is no more, or to a cache that was invalidated
  const fromMs = project && Math.max(project.document.createdAtMs, (project.document.cacheFromMs ?? -1) + 1);
  if (!project || fromMs === undefined || build.createdAtMs < fromMs) return {};
  const { files } = await ports.backend.outputs(build.workId, 'cache');
  const file = files.find(({ relativePath }) => relativePath === CACHE_FILE);
  if (!file) return {};
  if (build.settings.cache.type === 'S3') {
    const { Bucket, Key } = objectOf(build, project.document);
    const done = await refusals(Bucket, Key, () => put(session, Bucket, Key, file));
    return 'problem' in done ? done : {};
  }
  // the next build, which may have all rights of the role, would run what code of a job left here
  if (build.restricted) return {};
  const { digest, sizeBytes } = await ports.blobs.write(file.open());
  const own = cacheKey(key, build.projectName);
  const row = await readRow<CacheDocument>(ports.store, own);
  const document: CacheDocument = { digest, sizeBytes };
  const index = { createdAtMs: row?.index.createdAtMs ?? build.createdAtMs, modifiedAtMs: build.createdAtMs };
  const write = writeOf(own, document, index, [digest]);
  const expect = [project, { key: own, version: row?.version ?? 0 }].map((one) => ({ key: one.key, version: one.version }));
  return { commit: { expect, write: [write] } };
}
