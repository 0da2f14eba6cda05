import { inflateRawSync } from 'node:zlib';
import { ServiceError } from '../../platform/errors/families.ts';
import { findZipEntry } from '../../platform/objects/decide-zip.ts';
import type { Work } from './actions/action-kind.ts';

const ARCHIVE_BYTES_MAX = 256 * 1024 * 1024;
const FILE_BYTES_MAX = 1024 * 1024;

/** The text of a file in an input artifact, named `Artifact::path`; undefined when `reference` is no such name. */
export async function readArtifactFile(work: Work, reference: string): Promise<string | undefined> {
  const [, name, path] = /^([A-Za-z0-9_-]+)::(.+)$/s.exec(reference) ?? [];
  if (name === undefined || path === undefined) return undefined;
  const artifact = work.action.inputs?.find((input) => input.name === name);
  if (!artifact) throw unusable(`${reference} names no input artifact of action ${work.action.name}.`);
  const { Body } = await work.ports.calls.call(work.principal, work.origin, 's3:GetObject', {
    Bucket: artifact.bucket,
    Key: artifact.key,
  });
  const bytes = await collect((Body ?? []) as AsyncIterable<Uint8Array>, name);
  const entry = findZipEntry(bytes, path);
  if (entry === undefined) throw unusable(`The artifact ${name} has no file ${path}.`);
  if (typeof entry === 'string') throw unusable(`The artifact ${name} cannot be read: ${entry}.`);
  if (entry.sizeBytes > FILE_BYTES_MAX)
    throw unusable(`The file ${path} in artifact ${name} has more than ${FILE_BYTES_MAX} bytes.`);
  const packed = bytes.subarray(entry.startByte, entry.endByte);
  if (entry.method === 'stored') return Buffer.from(packed).toString('utf8');
  try {
    return inflateRawSync(packed, { maxOutputLength: FILE_BYTES_MAX }).toString('utf8');
  } catch (error) {
    throw unusable(`The file ${path} in artifact ${name} is damaged: ${(error as Error).message}.`);
  }
}

async function collect(body: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > ARCHIVE_BYTES_MAX) throw unusable(`The artifact ${name} has more than ${ARCHIVE_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const unusable = (message: string): ServiceError => new ServiceError('ValidationException', message);
