import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { InvariantError, ServiceError } from '../../../platform/errors/families.ts';
import type { BlobBody } from '../../../platform/objects/port.ts';
import type { Row } from '../../../platform/store/port.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import type { ImagesPorts } from '../ports.ts';
import { checkQuota, limited } from '../quota.ts';
import { invalidParameter, needsRepository, readRepository } from '../repository-access.ts';
import {
  digestOf,
  hexOf,
  LAYER_SWEEP,
  type LayerDocument,
  layerKey,
  parentOf,
  repositoryKey,
  type UploadDocument,
  UPLOAD_EXPIRY,
  uploadKey,
} from '../resources.ts';

/** AWS's recommendation; the registry protocol sends what it likes. */
const PART_BYTES = 20 * 1024 * 1024;
/** An upload that nobody went on with for a day is forgotten. */
const UPLOAD_KEPT_MS = 24 * 3600 * 1000;
/** A layer that no image names yet is kept for the push that is under way. */
export const UNUSED_LAYER_KEPT_MS = 3600 * 1000;

export const initiateLayerUpload = (ports: ImagesPorts): Operation<'ecr:InitiateLayerUpload'> =>
  operation('ecr:InitiateLayerUpload', {
    effect: 'change',
    needs: needsRepository('ecr:InitiateLayerUpload'),
    async handle(input, context) {
      const { store, ids } = ports;
      await readRepository(store, context, input);
      await checkQuota(ports, context);
      const uploadId = ids.uuid();
      const key = uploadKey(context.account, uploadId);
      const document: UploadDocument = { region: context.region, repository: input.repositoryName, parts: [], sizeBytes: 0 };
      await decideAndCommit(store, async () => {
        if (await store.get(key)) return { result: undefined };
        return {
          commit: {
            expect: [{ key, version: 0 }],
            write: [{ key, document, index: { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs } }],
            timers: [{ reconciler: UPLOAD_EXPIRY, key, dueAtMs: context.nowMs + UPLOAD_KEPT_MS }],
          },
          result: undefined,
        };
      });
      return { uploadId, partSize: PART_BYTES };
    },
  });

async function readUpload(
  { store }: Pick<ImagesPorts, 'store'>,
  context: OperationContext,
  { repositoryName, uploadId }: { readonly repositoryName: string; readonly uploadId: string },
): Promise<Row<UploadDocument>> {
  const row = await store.get<UploadDocument>(uploadKey(context.account, uploadId));
  if (!row || row.document.repository !== repositoryName || row.document.region !== context.region) {
    throw new ServiceError(
      'UploadNotFoundException',
      `The upload with id '${uploadId}' in the repository with name '${repositoryName}' in registry with id '${context.account}' does not exist`,
    );
  }
  return row;
}

/**
 * `layerPartBlob` is bytes, or a stream when the registry protocol passes one on; `partLastByte` of a stream of unknown length is
 * `Number.MAX_SAFE_INTEGER`. A stream with `blob` is stored content (a layer of another repository): it is linked, not copied.
 */
export const uploadLayerPart = (ports: ImagesPorts): Operation<'ecr:UploadLayerPart'> =>
  operation('ecr:UploadLayerPart', {
    effect: 'change',
    needs: needsRepository('ecr:UploadLayerPart'),
    async handle(input, context) {
      await readRepository(ports.store, context, input);
      const before = await readUpload(ports, context, input);
      const { sizeBytes: received } = before.document;
      if (input.partFirstByte !== received) {
        throw new ServiceError(
          'InvalidLayerPartException',
          `The layer part must begin at byte ${received}; it was announced to begin at byte ${input.partFirstByte}.`,
          {
            registryId: context.account,
            repositoryName: input.repositoryName,
            uploadId: input.uploadId,
            lastValidByteReceived: received - 1,
          },
        );
      }
      const part = await storePart(ports, context, input.layerPartBlob, received);
      const announced = input.partLastByte - input.partFirstByte + 1;
      if (input.partLastByte !== Number.MAX_SAFE_INTEGER && announced !== part.sizeBytes) {
        throw invalidParameter(`The layer part has ${part.sizeBytes} bytes; ${announced} were announced.`);
      }
      const document: UploadDocument = {
        ...before.document,
        parts: part.sizeBytes === 0 ? before.document.parts : [...before.document.parts, part],
        sizeBytes: received + part.sizeBytes,
      };
      await keepPart(ports, context, before, document);
      return {
        registryId: context.account,
        repositoryName: input.repositoryName,
        uploadId: input.uploadId,
        lastByteReceived: document.sizeBytes - 1,
      };
    },
  });

/** The upload with one part more. Of two parts sent at once one is refused. */
async function keepPart(
  { store }: ImagesPorts,
  context: OperationContext,
  { key, version, index }: Row<UploadDocument>,
  document: UploadDocument,
): Promise<void> {
  await decideAndCommit(store, async (count) => {
    const found = count === 0 ? undefined : await store.get<UploadDocument>(key);
    // our own commit, whose answer was lost
    if (found && JSON.stringify(found.document) === JSON.stringify(document)) return { result: undefined };
    if (count > 0 && found?.version !== version) {
      throw new ServiceError(
        'InvalidLayerPartException',
        'Two parts of one upload were sent at once. Ask how far it is and go on there.',
      );
    }
    return {
      commit: {
        expect: [{ key, version }],
        write: [
          {
            key,
            document,
            index: { ...index, modifiedAtMs: context.nowMs },
            blobs: [...new Set(document.parts.map(({ digest }) => digest))],
          },
        ],
        timers: [{ reconciler: UPLOAD_EXPIRY, key, dueAtMs: context.nowMs + UPLOAD_KEPT_MS }],
      },
      result: undefined,
    };
  });
}

async function storePart(
  ports: ImagesPorts,
  context: OperationContext,
  body: Uint8Array | BlobBody,
  received: number,
): Promise<{ digest: string; sizeBytes: number }> {
  if (!(body instanceof Uint8Array) && body.blob && (await ports.blobs.keep(body.blob.digest))) return { ...body.blob };
  const stream = body instanceof Uint8Array ? bytesOf(body) : body;
  const { digest, sizeBytes } = await ports.blobs.write(limited(ports, context, stream, received));
  return { digest, sizeBytes };
}

async function* bytesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export const completeLayerUpload = (ports: ImagesPorts): Operation<'ecr:CompleteLayerUpload'> =>
  operation('ecr:CompleteLayerUpload', {
    effect: 'change',
    needs: needsRepository('ecr:CompleteLayerUpload'),
    async handle(input, context) {
      const { store, blobs } = ports;
      const repository = await readRepository(store, context, input);
      const [digest = '', ...more] = input.layerDigests.map((each) => hexOf(each));
      if (digest === '' || more.length > 0) throw invalidParameter('Give exactly one sha256 digest of the layer.');
      const upload = await readUpload(ports, context, input);
      const { parts } = upload.document;
      if (parts.length === 0) {
        throw new ServiceError('EmptyUploadException', `The upload with id '${input.uploadId}' has no content.`);
      }
      const whole = parts.length === 1 ? parts[0] : await blobs.concatenate(parts.map((part) => part.digest));
      if (!whole) throw new InvariantError('an upload with parts has content', { uploadId: input.uploadId });
      if (whole.digest !== digest) {
        throw new ServiceError(
          'InvalidLayerException',
          `The layer's content has the digest ${digestOf(whole.digest)}, not ${digestOf(digest)}.`,
        );
      }
      await keepLayer(ports, context, repository.document.name, { digest, sizeBytes: whole.sizeBytes }, upload);
      return {
        registryId: context.account,
        repositoryName: input.repositoryName,
        uploadId: input.uploadId,
        layerDigest: digestOf(digest),
      };
    },
  });

/** The layer's row, and the upload's end, in one commit. A layer that was there is young again. */
async function keepLayer(
  { store }: ImagesPorts,
  context: OperationContext,
  repository: string,
  layer: { readonly digest: string; readonly sizeBytes: number },
  upload: Row<UploadDocument>,
): Promise<void> {
  const place = placeOf(context);
  const key = layerKey(place, repository, layer.digest);
  const document: LayerDocument = { region: context.region, repository, ...layer };
  await decideAndCommit(store, async (count) => {
    const before = await store.get<LayerDocument>(key);
    const open = await store.get(upload.key);
    if (!open && count > 0 && before) return { result: undefined };
    const sweep = repositoryKey(place, repository);
    return {
      commit: {
        expect: [
          { key, version: before?.version ?? 0 },
          { key: upload.key, version: upload.version },
        ],
        write: [
          {
            key,
            document,
            index: {
              parent: parentOf(place, repository),
              createdAtMs: before?.index.createdAtMs ?? context.nowMs,
              modifiedAtMs: context.nowMs,
            },
            blobs: [layer.digest],
          },
        ],
        remove: [upload.key],
        timers: [
          { reconciler: LAYER_SWEEP, key: sweep, dueAtMs: context.nowMs + UNUSED_LAYER_KEPT_MS },
          { reconciler: UPLOAD_EXPIRY, key: upload.key, dueAtMs: null },
        ],
      },
      result: undefined,
    };
  });
}

export const batchCheckLayerAvailability = ({ store }: ImagesPorts): Operation<'ecr:BatchCheckLayerAvailability'> =>
  operation('ecr:BatchCheckLayerAvailability', {
    effect: 'read',
    needs: needsRepository('ecr:BatchCheckLayerAvailability'),
    async handle(input, context) {
      await readRepository(store, context, input);
      const layers = [];
      const failures = [];
      for (const layerDigest of input.layerDigests) {
        const hex = hexOf(layerDigest);
        if (hex === undefined) {
          const failureReason = 'Invalid parameter: the digest is no sha256 digest.';
          failures.push({ layerDigest, failureCode: 'InvalidLayerDigest' as const, failureReason });
          continue;
        }
        const row = await store.get<LayerDocument>(layerKey(placeOf(context), input.repositoryName, hex));
        layers.push({
          layerDigest,
          layerAvailability: row ? ('AVAILABLE' as const) : ('UNAVAILABLE' as const),
          ...(row && { layerSize: row.document.sizeBytes }),
        });
      }
      return { layers, failures };
    },
  });

const DOWNLOAD_MS = 3600 * 1000;

/** The output also has `body`, for whoever passes the layer on (`BlobBody`). */
export const getDownloadUrlForLayer = ({ store, blobs, registryTokens }: ImagesPorts): Operation<'ecr:GetDownloadUrlForLayer'> =>
  operation('ecr:GetDownloadUrlForLayer', {
    effect: 'read',
    needs: needsRepository('ecr:GetDownloadUrlForLayer'),
    async handle(input, context) {
      await readRepository(store, context, input);
      const { repositoryName, layerDigest } = input;
      const hex = hexOf(layerDigest);
      const row = hex === undefined ? undefined : await store.get<LayerDocument>(layerKey(placeOf(context), repositoryName, hex));
      if (!row) {
        throw new ServiceError(
          'LayersNotFoundException',
          `The layer with digest '${layerDigest}' in the repository with name '${repositoryName}' in registry with id '${context.account}' does not exist`,
        );
      }
      const { digest, sizeBytes } = row.document;
      const path = `/v2/${repositoryName}/blobs/${layerDigest}`;
      const token = registryTokens.seal({
        principal: context.principal,
        region: context.region,
        expiresAtMs: context.nowMs + DOWNLOAD_MS,
        path,
      });
      const body: BlobBody = Object.assign(
        lazily(() => blobs.open(digest)),
        { blob: { digest, sizeBytes } },
      );
      return {
        downloadUrl: `${context.client?.endpoint ?? ''}${path}?token=${token}`,
        layerDigest,
        body,
      };
    },
  });

const lazily = (open: () => AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => open()[Symbol.asyncIterator](),
});
