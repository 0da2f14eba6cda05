import { ServiceError } from '../../platform/errors/families.ts';
import { pinObject, pinPrefix, type PinReader } from '../../platform/objects/pin.ts';
import { readObjectText } from '../../platform/objects/read-object-text.ts';
import { formatS3Uri, parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { WorkInput } from '../../platform/ports/work.ts';
import { parseManifest, relativeName, type ChannelRequest } from './decide-channel.ts';

export type ResolvedInputs = { readonly inputs: readonly WorkInput[] } | { readonly problem: string };
type Entries = WorkInput['entries'];
type Found = { readonly entries: Entries } | { readonly problem: string };

/** How a manifest is read: the same call as for any input, then its text. */
export interface InputReader extends PinReader {
  readText(uri: string, sizeBytesMax: number): Promise<string | undefined>;
}

const MANIFEST_BYTES_MAX = 16 * 1024 * 1024;

/**
 * What the S3 URIs of a job's inputs name at this moment, by digest, read with the rights of the job's role. A problem is
 * worded for the job's FailureReason.
 */
export async function resolveInputs(reader: InputReader, channels: readonly ChannelRequest[]): Promise<ResolvedInputs> {
  const inputs: WorkInput[] = [];
  for (const channel of channels) {
    const found = await resolveChannel(reader, channel);
    if ('problem' in found) return { problem: `ClientError: Data download failed: ${found.problem}` };
    inputs.push({ path: channel.path, access: channel.fastFile ? 'read-only' : 'additive', entries: found.entries });
  }
  return { inputs };
}

async function resolveChannel(reader: InputReader, channel: ChannelRequest): Promise<Found> {
  try {
    return channel.dataType === 'ManifestFile' ? await resolveManifest(reader, channel) : await resolvePrefix(reader, channel);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.code === 'NoSuchBucket') return absent(channel, 'The bucket does not exist.');
    return { problem: `${error.code}: ${error.message} (${channel.label}, ${channel.uri})` };
  }
}

const absent = ({ label, uri }: ChannelRequest, why: string): Found => ({
  problem: `S3 key: ${uri} matched no files on s3 (${label}). ${why}`,
});

async function resolvePrefix(reader: InputReader, { uri, fastFile, ...channel }: ChannelRequest): Promise<Found> {
  const location = parseS3Uri(uri) ?? { bucket: '', key: '' };
  const isFolder = location.key === '' || location.key.endsWith('/');
  if (!isFolder && !fastFile) {
    const object = await pinObject(reader, uri);
    if (object)
      return {
        entries: [{ relativePath: relativeName(location.key, location.key), digest: object.digest, sizeBytes: object.sizeBytes }],
      };
  }
  // FastFile shows a folder: the prefix must end at one
  const prefix = isFolder || !fastFile ? location.key : `${location.key}/`;
  const objects = await pinPrefix(reader, formatS3Uri({ bucket: location.bucket, key: prefix }));
  if (objects.length === 0) {
    return absent(
      { ...channel, uri, fastFile },
      fastFile ? 'FastFile needs a prefix that is a folder with objects in it.' : 'Upload the data first or correct the URI.',
    );
  }
  return {
    entries: objects.map((object) => ({
      relativePath: relativeName(prefix, parseS3Uri(object.uri)?.key ?? ''),
      digest: object.digest,
      sizeBytes: object.sizeBytes,
    })),
  };
}

async function resolveManifest(reader: InputReader, channel: ChannelRequest): Promise<Found> {
  const text = await reader.readText(channel.uri, MANIFEST_BYTES_MAX);
  if (text === undefined) return absent(channel, 'The manifest does not exist.');
  const manifest = parseManifest(text, channel.uri);
  if ('problem' in manifest) return manifest;
  const entries: Entries[number][] = [];
  for (const { uri, relativePath } of manifest.uris) {
    const object = await pinObject(reader, uri);
    if (!object) return absent({ ...channel, uri }, `The manifest ${channel.uri} names it.`);
    entries.push({ relativePath, digest: object.digest, sizeBytes: object.sizeBytes });
  }
  return { entries };
}

/** Reads a small object with the rights of the job. */
export const createInputReader = (reader: PinReader): InputReader => ({
  ...reader,
  async readText(uri, sizeBytesMax) {
    const { bucket, key } = parseS3Uri(uri) ?? { bucket: '', key: '' };
    try {
      return await readObjectText(reader, { Bucket: bucket, Key: key }, sizeBytesMax);
    } catch (error) {
      if (error instanceof ServiceError && (error.code === 'NoSuchKey' || error.code === 'NoSuchBucket')) return undefined;
      throw error;
    }
  },
});
