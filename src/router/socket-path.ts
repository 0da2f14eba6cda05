import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Linux refuses longer paths for unix sockets (108 bytes with the terminating zero). */
const PATH_BYTES_MAX = 107;

/**
 * A path of any length in a form that bind and connect take: through an open descriptor of its folder when it is too
 * long. `close` gives the descriptor back; call it once the socket is bound or connected.
 */
export function openSocketPath(path: string): { readonly path: string; close(): void } {
  if (Buffer.byteLength(path) <= PATH_BYTES_MAX) return { path, close: () => {} };
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder}/${basename(path)}`, close: () => closeSync(folder) };
}
