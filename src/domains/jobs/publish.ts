import type { Principal } from '../../platform/authorization/principal.ts';
import type { CallOrigin, Calls } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { passingFault, throwPassing } from '../../platform/errors/passing.ts';
import { formatS3Uri, parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { WorkOutputFile, WorkOutputTree } from '../../platform/ports/work.ts';
import { type Archiver, archiveOf } from './artifact-archive.ts';

/** By whose rights and where to objects are written. */
export interface Publisher {
  readonly calls: Calls;
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

/**
 * Writing a job's outputs to S3. Everything may be repeated after a crash: the same files give the same keys and bytes.
 * A refusal of S3 is the job's failure and comes back as its reason; other failures are thrown and tried again.
 */
export type Published = { readonly uri: string } | { readonly problem: string };

/** One archive of the tree at `uri`. */
export async function publishArchive(
  publisher: Publisher,
  tree: WorkOutputTree,
  uri: string,
  archive: Archiver = archiveOf,
): Promise<Published> {
  return refusals(uri, async () => {
    await put(publisher, uri, archive(tree), { ContentType: 'application/x-tar' });
  });
}

/** The tree's files below `uri`. */
export async function publishTree(publisher: Publisher, tree: WorkOutputTree, uri: string): Promise<Published> {
  const folder = uri.replace(/\/+$/, '');
  return refusals(uri, async () => {
    for (const file of tree.files) await publishFile(publisher, file, `${folder}/${file.relativePath}`);
  });
}

/** One file; S3's refusals are thrown. */
export const publishFile = (publisher: Publisher, file: WorkOutputFile, uri: string): Promise<void> =>
  put(publisher, uri, file.open(), { ContentLength: file.sizeBytes });

async function put(
  { calls, principal, origin }: Publisher,
  uri: string,
  body: AsyncIterable<Uint8Array>,
  more: { ContentType?: string; ContentLength?: number },
): Promise<void> {
  const { bucket, key } = parseS3Uri(uri) ?? { bucket: '', key: '' };
  await calls.call(principal, origin, 's3:PutObject', { Bucket: bucket, Key: key, Body: body, ...more });
}

/** What S3 refuses becomes the reason why the job fails. */
export async function refusals(uri: string, act: () => Promise<void>): Promise<Published> {
  try {
    await act();
    const { bucket, key } = parseS3Uri(uri) ?? { bucket: '', key: '' };
    return { uri: formatS3Uri({ bucket, key }) };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    if (error.code === 'OperationAborted') throw passingFault(error); // somebody else writes there
    return { problem: `ClientError: Failed to upload outputs to ${uri}: ${error.code}: ${error.message}` };
  }
}
