import type { OperationContext } from '../../platform/calls/operation.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Cursor } from '../../platform/store/port.ts';
import type { ImagesPorts } from './ports.ts';
import { LAYER, type LayerDocument } from './resources.ts';

const MIB = 1024 * 1024;

/**
 * How many more bytes a layer of which `received` are here may have: `registry` of slipway.yaml bounds one layer and the sum of
 * all. Throws LimitExceededException when there is no room at all.
 */
export async function checkQuota(ports: ImagesPorts, context: OperationContext, received: number): Promise<number> {
  const { layerMiB, totalMiB } = ports.settings.registry;
  const left = totalMiB * MIB - (await storedBytes(ports, context.account)) - received;
  if (left <= 0) throw overQuota(`The images of this registry have reached the quota of ${totalMiB} MiB (registry.totalMiB`);
  return Math.min(left, layerMiB * MIB - received);
}

const overQuota = (what: string): ServiceError =>
  new ServiceError('LimitExceededException', `${what} in slipway.yaml). Delete images, or raise the quota.`);

/** Cuts a stream that goes beyond what there is room for. */
export async function* limited(stream: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > bytesMax) {
      throw overQuota('The layer goes beyond the quota for one layer or for all (registry.layerMiB, registry.totalMiB');
    }
    yield chunk;
  }
}

/** Each content once, however many repositories have it. */
async function storedBytes({ store }: ImagesPorts, account: string): Promise<number> {
  const sizes = new Map<string, number>();
  let after: Cursor | undefined;
  do {
    const page = await store.list<LayerDocument>({
      account,
      region: GLOBAL,
      kind: LAYER.kind,
      sortBy: 'name',
      order: 'ascending',
      ...(after && { after }),
      limit: 1000,
    });
    for (const { document } of page.rows) sizes.set(document.digest, document.sizeBytes);
    after = page.next;
  } while (after);
  return [...sizes.values()].reduce((sum, each) => sum + each, 0);
}
