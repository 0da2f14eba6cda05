import { buffer } from 'node:stream/consumers';
import type { FunctionCode } from '../../contract/generated/lambda.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { InvariantError, ServiceError } from '../../platform/errors/families.ts';
import { missing, rejectionError } from '../../platform/errors/rejection.ts';
import { findZipDirectory, leadsOut, readZipDirectory, ZIP_TAIL_BYTES } from '../../platform/objects/decide-zip.ts';
import type { BlobBody } from '../../platform/objects/port.ts';
import type { CodeFacts } from './decide-config.ts';
import type { FunctionsPorts } from './ports.ts';

/** AWS's limits of a deployment package. */
const ZIPPED_BYTES_MAX = 50 * 1024 * 1024;
const UNPACKED_BYTES_MAX = 262_144_000;
const DIRECTORY_BYTES_MAX = 32 * 1024 * 1024;

/** Keeps a function's code as a blob and reads from it what Lambda tells; refuses what could not be unpacked later. */
export async function storeCode(ports: FunctionsPorts, context: OperationContext, code: FunctionCode): Promise<CodeFacts> {
  if (code.ImageUri !== undefined) throw rejectionError(missing('A function from a container image is not implemented.'));
  const { digest, sizeBytes } =
    code.ZipFile === undefined ? await codeFromS3(ports, context, code) : await codeFromRequest(ports, code.ZipFile);
  await checkZip(ports, digest, sizeBytes);
  return { codeDigest: digest, CodeSize: sizeBytes, CodeSha256: Buffer.from(digest, 'hex').toString('base64') };
}

const wrong = (message: string): ServiceError => new ServiceError('InvalidParameterValueException', message);

const unreadable = (): ServiceError => wrong('Could not unzip uploaded file. Please check your file, then try to upload again.');

async function codeFromRequest({ blobs }: FunctionsPorts, bytes: Uint8Array) {
  if (bytes.byteLength === 0) throw wrong('Uploaded file must be a non-empty zip');
  if (bytes.byteLength > ZIPPED_BYTES_MAX) {
    throw new ServiceError('RequestTooLargeException', `Request must be smaller than ${ZIPPED_BYTES_MAX} bytes of zipped code.`);
  }
  const blob = await blobs.write(
    (async function* () {
      yield bytes;
    })(),
  );
  return { digest: blob.digest, sizeBytes: blob.sizeBytes };
}

/** With the rights of whoever asks, as on AWS. */
async function codeFromS3({ calls }: FunctionsPorts, context: OperationContext, code: FunctionCode) {
  const { S3Bucket: bucket, S3Key: key } = code;
  if (bucket === undefined || key === undefined) throw wrong('Please provide a source for function code.');
  const origin = { region: context.region, requestId: context.requestId };
  const version = code.S3ObjectVersion === undefined ? {} : { VersionId: code.S3ObjectVersion };
  const named = { Bucket: bucket, Key: key, ...version };
  const { Body } = await calls.call(context.principal, origin, 's3:GetObject', named).catch((error: unknown) => {
    if (!(error instanceof ServiceError) || !error.code.startsWith('NoSuch')) throw error;
    const text = error.message.replace(/\.$/, '');
    throw wrong(`Error occurred while GetObject. S3 Error Code: ${error.code}. S3 Error Message: ${text}`);
  });
  const { blob } = (Body ?? {}) as BlobBody;
  if (!blob) throw new InvariantError('s3:GetObject between rooms gives a body with its digest', { bucket, key });
  return { digest: blob.digest, sizeBytes: blob.sizeBytes };
}

async function checkZip({ blobs }: FunctionsPorts, digest: string, sizeBytes: number): Promise<void> {
  const read = (startByte: number, endByte: number) => buffer(blobs.open(digest, { startByte, endByte }));
  const directory = findZipDirectory(await read(Math.max(0, sizeBytes - ZIP_TAIL_BYTES), sizeBytes), sizeBytes);
  if (!directory || directory.endByte - directory.startByte > DIRECTORY_BYTES_MAX) throw unreadable();
  const contents =
    directory.entries === 0
      ? { names: [], unpackedBytes: 0 }
      : readZipDirectory(await read(directory.startByte, directory.endByte), directory.entries);
  if (!contents || contents.names.some(leadsOut)) throw unreadable();
  if (contents.names.length === 0) throw wrong('Uploaded file must be a non-empty zip');
  if (contents.unpackedBytes > UNPACKED_BYTES_MAX) throw wrong(`Unzipped size must be smaller than ${UNPACKED_BYTES_MAX} bytes`);
}
