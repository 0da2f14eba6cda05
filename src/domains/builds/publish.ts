import { createHash } from 'node:crypto';
import type { BuildArtifacts } from '../../contract/generated/codebuild.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { passingFault, throwPassing } from '../../platform/errors/passing.ts';
import type { WorkOutputFile, WorkOutputTree } from '../../platform/ports/work.ts';
import type { BuildSession } from './build-session.ts';
import type { BuildRecords } from './decide-phases.ts';
import { artifactKey } from './decide-plan.ts';
import type { BuildKeeps, KeptArtifact } from './resources.ts';

interface PublishedArtifacts {
  readonly artifacts?: BuildArtifacts;
  readonly secondaryArtifacts: readonly BuildArtifacts[];
  readonly lines: readonly string[];
}

/**
 * Writes what a build left to S3, with the rights of its role. Repeated after a crash it writes the same keys and bytes again. A refusal
 * of S3 is the build's failure and comes back as its reason.
 */
export async function publishArtifacts(
  session: BuildSession,
  tree: WorkOutputTree,
  keeps: BuildKeeps,
  records: BuildRecords,
): Promise<PublishedArtifacts | { readonly problem: string }> {
  const lines: string[] = [];
  let primary: BuildArtifacts | undefined;
  const secondary: BuildArtifacts[] = [];
  for (const kept of keeps.artifacts) {
    const told = records.artifacts.get(kept.place);
    if (!told) continue; // its build failed before
    const key = artifactKey(kept, told.name);
    const published = await publishArtifact(session, tree, kept, key);
    if ('problem' in published) return published;
    lines.push(`Uploaded ${published.files} file(s) to s3://${kept.bucket}/${key}`);
    if (kept.place === '0') primary = published.artifact;
    else secondary.push(published.artifact);
  }
  return { secondaryArtifacts: secondary, lines, ...(primary && { artifacts: primary }) };
}

type Published = { readonly artifact: BuildArtifacts; readonly files: number } | { readonly problem: string };

async function publishArtifact(session: BuildSession, tree: WorkOutputTree, kept: KeptArtifact, key: string): Promise<Published> {
  const common: BuildArtifacts = {
    location: `arn:aws:s3:::${kept.bucket}/${key}`,
    ...(kept.identifier !== undefined && { artifactIdentifier: kept.identifier }),
    ...(kept.overrideName && { overrideArtifactName: true }),
    encryptionDisabled: false,
  };
  const below = `${kept.place}/`;
  const files = tree.files.filter(({ relativePath }) =>
    kept.zip ? relativePath === `${kept.place}.zip` : relativePath.startsWith(below),
  );
  return refusals(kept.bucket, key, async () => {
    if (!kept.zip) {
      for (const file of files) await put(session, kept.bucket, joined(key, file.relativePath.slice(below.length)), file);
      return { artifact: common, files: files.length };
    }
    const [file] = files;
    if (!file) return { problem: 'The archive that the build made of its artifacts is gone.' };
    const sums = await put(session, kept.bucket, key, file);
    return { artifact: { ...common, ...sums }, files: 1 };
  });
}

const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

export async function put(
  { calls, principal, origin }: BuildSession,
  Bucket: string,
  Key: string,
  file: WorkOutputFile,
): Promise<{ sha256sum: string; md5sum: string }> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  const content = async function* () {
    for await (const chunk of file.open()) {
      sha256.update(chunk);
      md5.update(chunk);
      yield chunk;
    }
  };
  await calls.call(principal, origin, 's3:PutObject', { Bucket, Key, Body: content(), ContentLength: file.sizeBytes });
  return { sha256sum: sha256.digest('hex'), md5sum: md5.digest('hex') };
}

export async function refusals<T>(bucket: string, key: string, act: () => Promise<T>): Promise<T | { readonly problem: string }> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    if (error.code === 'OperationAborted') throw passingFault(error); // somebody else writes there
    return { problem: `Failed to upload to s3://${bucket}/${key}: ${error.code}: ${error.message}` };
  }
}
