import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { buildOnce, readReady, touchReady } from '../../../toolchain/cache.mjs';
import { BackendError } from '../../platform/errors/families.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { ImageTrees, RootImage, RootLayer } from '../../platform/ports/images.ts';
import { findProgram } from './isolation.ts';
import { removeTree } from './remove-tree.ts';

const PROGRAM = fileURLToPath(new URL('./shim/layer.py', import.meta.url));
/** Where the root file system lies in the folder of an unpacked image. */
const TREE = 'root';
/** What is unpacked may take this part of the free disk. */
const DISK_PART = 0.9;

export interface UnpackedImage {
  /** The root file system, to be shown read-only or below a layer of the run's own. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

export interface HostImageTrees extends ImageTrees {
  /** Unpacked now if it was not; `root` is asked only when it was not. */
  open(digest: string, root: (digest: string) => RootImage | undefined): Promise<UnpackedImage>;
}

/**
 * Images as folders of the cache, `images/<digest>`: unpacked once, by whoever comes first, beside their place and renamed when whole.
 * What is there needs no image row any more, so a model server outlives the deletion of its image.
 */
export function createImageTrees(options: {
  readonly cacheFolder: string;
  readonly blobs: Pick<BlobStore, 'open'>;
  /** The host's Python, 3.9 or newer; found on PATH when not given. */
  readonly python?: string;
}): HostImageTrees {
  const place = (digest: string) => join(options.cacheFolder, 'images', digest);
  const unpack = async (root: RootImage): Promise<UnpackedImage> => {
    const target = place(root.digest);
    const ready = await buildOnce(
      target,
      () => undefined,
      (folder: string) => unpackInto(options, root, folder),
    );
    return unpacked(target, ready as Ready);
  };
  return {
    async prepare(root) {
      await unpack(root);
    },
    async open(digest, root) {
      const present = readReady(place(digest)) as Ready | undefined;
      if (present) {
        touchReady(place(digest));
        return unpacked(place(digest), present);
      }
      const found = root(digest);
      if (!found) {
        throw new BackendError('image', `The image sha256:${digest} was deleted. Push or import it again.`);
      }
      return unpack(found);
    },
  };
}

interface Ready {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

const unpacked = (target: string, { environment, workingDirectory }: Ready): UnpackedImage => ({
  folder: join(target, TREE),
  environment,
  workingDirectory,
});

type Options = Parameters<typeof createImageTrees>[0];

async function unpackInto(options: Options, root: RootImage, folder: string): Promise<Ready> {
  const tree = join(folder, TREE);
  mkdirSync(tree, { mode: 0o755 });
  const { bavail, bsize } = statfsSync(folder);
  let bytesLeft = Math.floor(bavail * bsize * DISK_PART);
  try {
    for (const [at, layer] of root.layers.entries()) {
      bytesLeft = await unpackLayer(options, layer, `Layer ${at + 1} of ${root.layers.length}`, tree, bytesLeft);
    }
  } catch (error) {
    await removeTree(tree); // folders the layers made unwritable
    throw error;
  }
  return { environment: root.environment, workingDirectory: root.workingDirectory };
}

/** Returns how many bytes there is room for after it. */
async function unpackLayer(options: Options, layer: RootLayer, name: string, tree: string, bytesMax: number): Promise<number> {
  const child = spawn(
    options.python ?? findProgram('python3') ?? '/usr/bin/python3',
    ['-I', '-S', '-B', PROGRAM, tree, String(bytesMax)],
    {
      cwd: '/',
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  const ended = endOf(child);
  const hash = createHash('sha256');
  const stages = [
    Readable.from(options.blobs.open(layer.digest), { objectMode: false }),
    ...(layer.compression === 'gzip' ? [createGunzip()] : layer.compression === 'zstd' ? [createZstdDecompress()] : []),
    async function* counted(source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    },
    child.stdin,
  ];
  const fed = await pipeline(stages as unknown as readonly NodeJS.ReadWriteStream[]).then(
    () => undefined,
    (error: Error) => error,
  );
  // on EPIPE it has ended by itself, and its exit code says why
  if (fed && (fed as NodeJS.ErrnoException).code !== 'EPIPE') child.kill('SIGKILL');
  const { code, output, refusal } = await ended;
  const of = `${name} (sha256:${layer.digest})`;
  if (code === 3) throw new BackendError('image', `${of} is refused: ${refusal.slice(0, 500)}.`);
  if (fed && isCorruption(fed)) throw new BackendError('image', `${of} is not readable as ${layer.compression}: ${fed.message}.`);
  if (fed && code === null) throw fed;
  if (code !== 0) throw new BackendError('runtime', `${of} could not be unpacked: ${refusal.slice(-500)}`);
  const diffId = hash.digest('hex');
  if (diffId !== layer.diffId) {
    throw new BackendError('image', `${of} unpacks to sha256:${diffId}; the image's configuration says sha256:${layer.diffId}.`);
  }
  return Number(output.trim());
}

/** Errors of zlib, as opposed to those of the disk. */
const isCorruption = (error: Error): boolean => /^(Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD)/.test((error as NodeJS.ErrnoException).code ?? '');

function endOf(child: ChildProcess): Promise<{ code: number | null; output: string; refusal: string }> {
  let output = '';
  let refusal = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    refusal = (refusal + text).slice(-4000);
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output, refusal: error.message }));
    child.once('close', (code) => resolve({ code, output, refusal: refusal.trim() }));
  });
}
