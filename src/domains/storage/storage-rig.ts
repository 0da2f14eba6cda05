import { join } from 'node:path';
import { type RoomSetting, withRoom } from '../../platform/calls/room-rig.ts';
import type { Room } from '../../platform/calls/operation.ts';
import { systemIds } from '../../platform/ids.ts';
import { createBlobStore, type LocalBlobStore } from '../../platform/objects/blob-store.ts';
import { createStorageRoom } from './room.ts';

export interface StorageSetting extends RoomSetting<Room> {
  readonly blobs: LocalBlobStore;
}

/** For tests: the room over a real blob store too. */
export const withStorageRoom = (run: (setting: StorageSetting) => Promise<void>): Promise<void> =>
  withRoom(
    ({ store, clock, folder }) => {
      const blobs = createBlobStore({ folder: join(folder, 'blobs'), clock, store });
      return { ...createStorageRoom({ store, blobs, ids: systemIds, clock }), blobs };
    },
    (setting) => run({ ...setting, blobs: setting.room.blobs }),
  );

export async function* streamOf(...chunks: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

export async function bytesOf(body: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}
