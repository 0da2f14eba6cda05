import { ServiceError } from '../../platform/errors/families.ts';
import type { PinReader } from '../../platform/objects/pin.ts';
import { readObjectText } from '../../platform/objects/read-object-text.ts';
import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { FileReading } from '../../../sdk/definition/index.ts';
import { parseFile } from '../../../sdk/definition/index.ts';
import { isPassing, passingFault } from '../../platform/errors/passing.ts';

/** Property files are reports of a few kilobytes; a definition of ten thousand steps has some ten megabytes. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024;
export const DEFINITION_BYTES_MAX = 32 * 1024 * 1024;

/** The JSON at an S3 URI, or in words why there is none: it is the consuming step that fails by it. */
export async function readJsonFile(reader: PinReader, uri: string): Promise<FileReading> {
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
