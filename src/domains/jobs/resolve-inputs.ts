import { ServiceError } from '../../platform/errors/families.ts';
import { throwPassing } from '../../platform/errors/passing.ts';
import { pinObject, pinPrefix, type PinReader } from '../../platform/objects/pin.ts';
import { readObjectText } from '../../platform/objects/read-object-text.ts';
import { formatS3Uri, parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { WorkInput, WorkStream } from '../../platform/ports/work.ts';
import { type ChannelRequest, parseAugmentedManifest, parseManifest, relativeName, shardOf } from './decide-channel.ts';

/** One channel as it is at this moment, for all hosts together. */
export interface ResolvedChannel {
  readonly path: string;
  readonly access: WorkInput['access'];
  readonly sharded: boolean;
  readonly entries: Entries;
  readonly stream?: Omit<WorkStream, 'items'>;
  /** Of an augmented manifest: what is streamed for each line. */
  readonly items?: WorkStream['items'];
}

export type ResolvedInputs = { readonly channels: readonly ResolvedChannel[] } | { readonly problem: string };
type Entries = WorkInput['entries'];
type Found = { readonly entries: Entries; readonly items?: WorkStream['items'] } | { readonly problem: string };

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
  const resolved: ResolvedChannel[] = [];
  for (const channel of channels) {
    const found = await resolveChannel(reader, channel);
    if ('problem' in found) return { problem: `ClientError: Data download failed: ${found.problem}` };
    const { path, sharded, stream } = channel;
    const { attributeNames: _names, ...how } = stream ?? { attributeNames: [] };
    resolved.push({
      path,
      access: accessOf(channel),
      sharded,
      ...found,
      ...(stream && { stream: how as Omit<WorkStream, 'items'> }),
    });
  }
  return { channels: resolved };
}

function accessOf({ stream, fastFile, checkpoints }: ChannelRequest): WorkInput['access'] {
  if (checkpoints) return 'writable';
  return stream || fastFile ? 'read-only' : 'additive';
}

/** What one host gets of the channels. */
export function hostInputs(channels: readonly ResolvedChannel[], host: number, hosts: number): WorkInput[] {
  return channels.map(({ path, access, sharded, entries, stream, items }) => {
    const mine = <T>(all: readonly T[]) => (sharded ? shardOf(all, host, hosts) : all);
    if (!stream) return { path, access, entries: mine(entries) };
    // pipes of a manifest's lines: each line is one host's, whatever objects it names
    return items
      ? { path, access, entries, stream: { ...stream, items: mine(items) } }
      : { path, access, entries: mine(entries), stream };
  });
}

async function resolveChannel(reader: InputReader, channel: ChannelRequest): Promise<Found> {
  try {
    if (channel.dataType === 'ManifestFile') return await resolveManifest(reader, channel);
    if (channel.dataType === 'AugmentedManifestFile') return await resolveAugmentedManifest(reader, channel);
    if (channel.checkpoints) return { entries: await folderEntries(reader, channel.uri) };
    return await resolvePrefix(reader, channel);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
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
  const entries = await prefixEntries(reader, location.bucket, prefix);
  if (entries.length > 0) return { entries };
  return absent(
    { ...channel, uri, fastFile },
    fastFile ? 'FastFile needs a prefix that is a folder with objects in it.' : 'Upload the data first or correct the URI.',
  );
}

async function prefixEntries(reader: InputReader, bucket: string, prefix: string): Promise<Entries> {
  const objects = await pinPrefix(reader, formatS3Uri({ bucket, key: prefix }));
  return objects.map((object) => ({
    relativePath: relativeName(prefix, parseS3Uri(object.uri)?.key ?? ''),
    digest: object.digest,
    sizeBytes: object.sizeBytes,
  }));
}

/** What is below an S3 folder, which need not exist. */
function folderEntries(reader: InputReader, uri: string): Promise<Entries> {
  const { bucket, key } = parseS3Uri(uri) ?? { bucket: '', key: '' };
  return prefixEntries(reader, bucket, key === '' || key.endsWith('/') ? key : `${key}/`);
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

async function resolveAugmentedManifest(reader: InputReader, channel: ChannelRequest): Promise<Found> {
  const text = await reader.readText(channel.uri, MANIFEST_BYTES_MAX);
  if (text === undefined) return absent(channel, 'The manifest does not exist.');
  const manifest = parseAugmentedManifest(text, channel.uri, channel.stream?.attributeNames ?? []);
  if ('problem' in manifest) return manifest;
  const entries: Entries[number][] = [];
  const places = new Map<string, number>();
  for (const value of manifest.lines.flat()) {
    if (!('uri' in value) || places.has(value.uri)) continue;
    const object = await pinObject(reader, value.uri);
    if (!object) return absent({ ...channel, uri: value.uri }, `The manifest ${channel.uri} names it.`);
    places.set(value.uri, entries.length);
    entries.push({ relativePath: String(entries.length), digest: object.digest, sizeBytes: object.sizeBytes });
  }
  const items = manifest.lines.map((line) =>
    line.map((value) => ('uri' in value ? { entry: places.get(value.uri) ?? 0 } : { text: value.text })),
  );
  return { entries, items };
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
