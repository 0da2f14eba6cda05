import { ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import { pinObject, pinPrefix } from '../../platform/objects/pin.ts';
import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import { parseManifest, relativeName } from './decide-channel.ts';
import type { TransformRequest } from './decide-transform-request.ts';
import type { InputReader } from './resolve-inputs.ts';
import type { TransformFile } from './resources.ts';

export type ResolvedFiles = { readonly files: readonly TransformFile[] } | { readonly problem: string };

const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;

/** What a transform job's input names at this moment, by digest, read with the rights of the model's role. */
export async function resolveTransformFiles(reader: InputReader, { TransformInput }: TransformRequest): Promise<ResolvedFiles> {
  const { S3DataType, S3Uri } = TransformInput.DataSource.S3DataSource;
  try {
    const found = S3DataType === 'ManifestFile' ? await readManifest(reader, S3Uri) : await readPrefix(reader, S3Uri);
    return 'problem' in found ? clientError(found.problem) : checked(found.files);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    return clientError(`${error.code}: ${error.message} (${S3Uri})`);
  }
}

const clientError = (text: string): ResolvedFiles => ({ problem: `ClientError: Data download failed: ${text}` });

async function readPrefix(reader: InputReader, uri: string): Promise<ResolvedFiles> {
  const { key: prefix } = parseS3Uri(uri) ?? { key: '' };
  const exact = prefix === '' || prefix.endsWith('/') ? undefined : await pinObject(reader, uri);
  const objects = exact ? [exact] : await pinPrefix(reader, uri);
  if (objects.length === 0)
    return {
      problem: `No S3 objects found under ${uri}. Upload the data first, or correct TransformInput.DataSource.S3DataSource.S3Uri.`,
    };
  return {
    files: objects.map(({ uri: own, digest, sizeBytes }) => ({
      uri: own,
      relativePath: relativeName(prefix, parseS3Uri(own)?.key ?? ''),
      digest,
      sizeBytes,
    })),
  };
}

async function readManifest(reader: InputReader, uri: string): Promise<ResolvedFiles> {
  const text = await reader.readText(uri, MANIFEST_BYTES_MAX);
  if (text === undefined) return { problem: `The manifest ${uri} does not exist.` };
  const manifest = parseManifest(text, uri);
  if ('problem' in manifest) return manifest;
  const files: TransformFile[] = [];
  for (const { uri: own, relativePath } of manifest.uris) {
    const object = await pinObject(reader, own);
    if (!object) return { problem: `The manifest ${uri} names ${own}, which does not exist.` };
    files.push({ uri: own, relativePath, digest: object.digest, sizeBytes: object.sizeBytes });
  }
  return { files };
}

/** In the order of keys, and no two with one output. */
function checked(files: readonly TransformFile[]): ResolvedFiles {
  const sorted = files.toSorted((a, b) => (a.uri < b.uri ? -1 : 1));
  const names = new Map<string, string>();
  for (const { uri, relativePath } of sorted) {
    const other = names.get(relativePath);
    if (other !== undefined) return clientError(`${other} and ${uri} would have the same output ${relativePath}.out.`);
    names.set(relativePath, uri);
  }
  return { files: sorted };
}
