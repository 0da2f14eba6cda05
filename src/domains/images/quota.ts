import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { JsonObject } from '../../platform/json.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Cursor } from '../../platform/store/port.ts';
import type { ImagesPorts } from './ports.ts';
import { LAYER, LAYER_UPLOAD, type LayerDocument, type UploadDocument } from './resources.ts';

const MIB = 1024 * 1024;

/** How many bytes of layers came in since the process began, whatever became of them; per store, hence per registry. */
const arrived = new WeakMap<ImagesPorts['store'], { bytes: number }>();

/** What there is room for: `registry` of slipway.yaml bounds one layer and the sum of all. Throws LimitExceededException when there is none. */
export async function checkQuota(ports: ImagesPorts, context: OperationContext): Promise<{ readonly leftBytes: number }> {
  const { totalMiB } = ports.settings.registry;
  const leftBytes = totalMiB * MIB - (await storedBytes(ports, context.account));
  if (leftBytes > 0) return { leftBytes };
  throw overQuota(`The images of this registry have reached the quota of ${totalMiB} MiB (registry.totalMiB`);
}

const overQuota = (what: string): ServiceError =>
  new ServiceError('LimitExceededException', `${what} in slipway.yaml). Delete images, or raise the quota.`);

/** Cuts what comes of a layer, of which `received` bytes are here, where it goes beyond the quota together with what others send meanwhile. */
export async function* limited(
  ports: ImagesPorts,
  context: OperationContext,
  stream: AsyncIterable<Uint8Array>,
  received: number,
): AsyncGenerator<Uint8Array> {
  const counter = arrived.get(ports.store) ?? { bytes: 0 };
  arrived.set(ports.store, counter);
  const before = counter.bytes;
  const { leftBytes } = await checkQuota(ports, context);
  let sizeBytes = received;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    counter.bytes += chunk.length;
    if (sizeBytes > ports.settings.registry.layerMiB * MIB || counter.bytes - before > leftBytes) {
      throw overQuota('The layer goes beyond the quota for one layer or for all (registry.layerMiB, registry.totalMiB');
    }
    yield chunk;
  }
}

/** Each content once, however many repositories have it; that of uploads under way too, or they would be room without end. */
async function storedBytes(ports: ImagesPorts, account: string): Promise<number> {
  const sizes = new Map<string, number>();
  for await (const { digest, sizeBytes } of documentsOf<LayerDocument>(ports, account, LAYER.kind)) sizes.set(digest, sizeBytes);
  for await (const { parts } of documentsOf<UploadDocument>(ports, account, LAYER_UPLOAD.kind)) {
    for (const { digest, sizeBytes } of parts) sizes.set(digest, sizeBytes);
  }
  return [...sizes.values()].reduce((sum, each) => sum + each, 0);
}

async function* documentsOf<D extends JsonObject>({ store }: ImagesPorts, account: string, kind: string): AsyncGenerator<D> {
  let after: Cursor | undefined;
  do {
    const query = { account, region: GLOBAL, kind, sortBy: 'name', order: 'ascending', limit: 1000 } as const;
    const page = await store.list<D>({ ...query, ...(after && { after }) });
    for (const { document } of page.rows) yield document;
    after = page.next;
  } while (after);
}
