import { ServiceError } from '../errors/families.ts';
import type { PinReader } from './pin.ts';

/**
 * The text of an S3 object, read with the rights of a principal. Throws the ServiceError of the call, or a
 * ValidationException for an object of more than `sizeBytesMax`.
 */
export async function readObjectText(
  reader: PinReader,
  object: { readonly Bucket: string; readonly Key: string; readonly VersionId?: string },
  sizeBytesMax: number,
): Promise<string> {
  const { Body } = await reader.calls.call(reader.principal, reader.origin, 's3:GetObject', object);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > sizeBytesMax) {
      throw new ServiceError(
        'ValidationException',
        `The object s3://${object.Bucket}/${object.Key} has more than ${sizeBytesMax} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
