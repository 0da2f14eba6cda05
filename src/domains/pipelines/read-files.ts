import type { Principal } from '../../platform/authorization/principal.ts';
import type { CallOrigin, Calls } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { FileReading } from '../../../sdk/definition/index.ts';
import { parseFile } from '../../../sdk/definition/index.ts';
import { isPassing, passingFault } from './faults.ts';

/** Property files are reports of a few kilobytes; a definition of ten thousand steps has some ten megabytes. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024;
export const DEFINITION_BYTES_MAX = 128 * 1024 * 1024;

export interface Reader {
  readonly calls: Calls;
  readonly principal: Principal;
  readonly origin: CallOrigin;
}

/** The text of an S3 object, read with the rights of a principal. Throws the ServiceError of the call, or one for an object too large. */
export async function readObjectText(
  reader: Reader,
  object: { Bucket: string; Key: string; VersionId?: string },
  bytesMax: number,
): Promise<string> {
  const { Body } = await reader.calls.call(reader.principal, reader.origin, 's3:GetObject', object);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > bytesMax) {
      throw new ServiceError(
        'ValidationException',
        `The object s3://${object.Bucket}/${object.Key} has more than ${bytesMax} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The JSON at an S3 URI, or in words why there is none: it is the consuming step that fails by it. */
export async function readJsonFile(reader: Reader, uri: string): Promise<FileReading> {
  const location = parseS3Uri(uri);
  if (!location || location.key === '') return { problem: `${uri} names no S3 object, so no JSON can be read from it.` };
  try {
    const text = await readObjectText(reader, { Bucket: location.bucket, Key: location.key }, FILE_BYTES_MAX);
    return parseFile(uri, text);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (isPassing(error)) throw passingFault(error);
    if (['NoSuchKey', 'NoSuchBucket', 'NotFound'].includes(error.code)) {
      return { problem: `The file ${uri} does not exist. The step that should write it must leave it in its output.` };
    }
    return { problem: `The file ${uri} could not be read: ${error.message}` };
  }
}
