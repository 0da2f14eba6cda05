import { pipeline } from 'node:stream/promises';
import { ServiceError } from '../../platform/errors/families.ts';
import type { BlobBody } from '../../platform/objects/port.ts';
import type { Exchange } from './registry.ts';
import type { Action } from './registry-actions.ts';
import { refusal } from './registry-errors.ts';

/** Blobs of the registry protocol, as layer uploads of ECR. */

const empty = (exchange: Exchange, status: number, headers: Record<string, string>): void => {
  exchange.response.writeHead(status, { 'content-length': '0', ...headers });
  exchange.response.end();
};

const uploadPath = (name: string, uploadId: string): string => `/v2/${name}/blobs/uploads/${uploadId}`;
const blobPath = (name: string, digest: string): string => `/v2/${name}/blobs/${digest}`;

/** `?mount=` takes a layer of another repository over; `?digest=` sends it whole; neither begins an upload. */
export const startUpload =
  (name: string): Action =>
  async (exchange) => {
    const { searchParams } = exchange.url;
    const mount = searchParams.get('mount');
    const from = searchParams.get('from');
    if (mount && from && (await mounted(exchange, name, mount, from))) {
      return empty(exchange, 201, { location: blobPath(name, mount), 'docker-content-digest': mount });
    }
    const { uploadId = '' } = await exchange.call('ecr:InitiateLayerUpload', { repositoryName: name });
    const digest = searchParams.get('digest');
    if (digest) {
      await uploadBody(exchange, name, uploadId, 0);
      return complete(exchange, name, uploadId, digest);
    }
    empty(exchange, 202, { location: uploadPath(name, uploadId), range: '0-0', 'docker-upload-uuid': uploadId });
  };

/** False when it cannot be taken over: the client then uploads it, as the specification has it. */
async function mounted(exchange: Exchange, name: string, digest: string, from: string): Promise<boolean> {
  try {
    const layer = await exchange.call('ecr:GetDownloadUrlForLayer', { repositoryName: from, layerDigest: digest });
    const { body } = layer as { body?: BlobBody };
    const sizeBytes = body?.blob?.sizeBytes ?? 0;
    if (!body || sizeBytes === 0) return false;
    const { uploadId = '' } = await exchange.call('ecr:InitiateLayerUpload', { repositoryName: name });
    await exchange.call('ecr:UploadLayerPart', {
      repositoryName: name,
      uploadId,
      partFirstByte: 0,
      partLastByte: sizeBytes - 1,
      layerPartBlob: body as unknown as Uint8Array, // see the operation: a stream in place of bytes
    });
    await exchange.call('ecr:CompleteLayerUpload', { repositoryName: name, uploadId, layerDigests: [digest] });
    return true;
  } catch (error) {
    const absent = [
      'LayersNotFoundException',
      'RepositoryNotFoundException',
      'AccessDeniedException',
      'InvalidParameterException',
    ];
    if (error instanceof ServiceError && absent.includes(error.code)) return false;
    throw error;
  }
}

/** How much is here: the room says it when a part begins where none can. */
async function receivedBytes(exchange: Exchange, name: string, uploadId: string): Promise<number> {
  try {
    await exchange.call('ecr:UploadLayerPart', {
      repositoryName: name,
      uploadId,
      partFirstByte: Number.MAX_SAFE_INTEGER,
      partLastByte: Number.MAX_SAFE_INTEGER,
      layerPartBlob: new Uint8Array(0),
    });
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'InvalidLayerPartException') {
      const last = error.members['lastValidByteReceived'];
      if (typeof last === 'number') return last + 1;
    }
    throw error;
  }
  return 0;
}

const rangeOf = (bytes: number): string => `0-${Math.max(0, bytes - 1)}`;

export const uploadStatus =
  (name: string, uploadId: string): Action =>
  async (exchange) => {
    const bytes = await receivedBytes(exchange, name, uploadId);
    empty(exchange, 204, { location: uploadPath(name, uploadId), range: rangeOf(bytes), 'docker-upload-uuid': uploadId });
  };

export const continueUpload =
  (name: string, uploadId: string): Action =>
  async (exchange) => {
    const received = await receivedBytes(exchange, name, uploadId);
    const range = /^(\d{1,15})-(\d{1,15})$/.exec(exchange.request.headers['content-range'] ?? '');
    if (range && Number(range[1]) !== received) {
      throw refusal(416, 'BLOB_UPLOAD_INVALID', `The upload has ${received} bytes; go on there.`);
    }
    const bytes = await uploadBody(exchange, name, uploadId, received);
    empty(exchange, 202, { location: uploadPath(name, uploadId), range: rangeOf(bytes), 'docker-upload-uuid': uploadId });
  };

export const completeUpload =
  (name: string, uploadId: string): Action =>
  async (exchange) => {
    const digest = exchange.url.searchParams.get('digest');
    if (!digest) throw refusal(400, 'DIGEST_INVALID', 'The last request of an upload names its digest: ?digest=sha256:…');
    const { 'content-length': length, 'transfer-encoding': encoding } = exchange.request.headers;
    if (encoding !== undefined || Number(length ?? 0) > 0) {
      await uploadBody(exchange, name, uploadId, await receivedBytes(exchange, name, uploadId));
    }
    await complete(exchange, name, uploadId, digest);
  };

/** Uploads are forgotten by themselves; a client that gives one up need not know. */
export const cancelUpload =
  (name: string, uploadId: string): Action =>
  async (exchange) => {
    await receivedBytes(exchange, name, uploadId);
    empty(exchange, 204, {});
  };

async function uploadBody(exchange: Exchange, name: string, uploadId: string, received: number): Promise<number> {
  const length = exchange.request.headers['content-length'];
  const announced = length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  if (announced === 0) return received;
  const { lastByteReceived = -1 } = await exchange.call('ecr:UploadLayerPart', {
    repositoryName: name,
    uploadId,
    partFirstByte: received,
    partLastByte: announced === undefined ? Number.MAX_SAFE_INTEGER : received + announced - 1,
    layerPartBlob: bodyOf(exchange) as unknown as Uint8Array, // see the operation: a stream in place of bytes
  });
  return lastByteReceived + 1;
}

async function* bodyOf({ request, sendContinue }: Exchange): AsyncGenerator<Uint8Array> {
  sendContinue();
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch {
    // Node's "aborted": the client went away
    throw new ServiceError('IncompleteBody', 'The client closed the connection before the body was complete.');
  }
}

async function complete(exchange: Exchange, name: string, uploadId: string, digest: string): Promise<void> {
  await exchange.call('ecr:CompleteLayerUpload', { repositoryName: name, uploadId, layerDigests: [digest] });
  empty(exchange, 201, { location: blobPath(name, digest), 'docker-content-digest': digest });
}

export const getBlob =
  (name: string, digest: string): Action =>
  async (exchange) => {
    const { request, response } = exchange;
    if (request.method === 'HEAD') {
      const { layers = [] } = await exchange.call('ecr:BatchCheckLayerAvailability', {
        repositoryName: name,
        layerDigests: [digest],
      });
      const [layer] = layers;
      if (layer?.layerAvailability !== 'AVAILABLE') throw refusal(404, 'BLOB_UNKNOWN', `${digest} is not in ${name}.`);
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(layer.layerSize ?? 0) };
      response.writeHead(200, { ...headers, 'docker-content-digest': digest });
      response.end();
      return;
    }
    const { body } = (await exchange.call('ecr:GetDownloadUrlForLayer', { repositoryName: name, layerDigest: digest })) as {
      body?: BlobBody;
    };
    if (!body?.blob) throw refusal(404, 'BLOB_UNKNOWN', `${digest} is not in ${name}.`);
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': String(body.blob.sizeBytes),
      'docker-content-digest': digest,
    });
    await pipeline(body, response);
  };
