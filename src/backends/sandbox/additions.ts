import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BackendError } from '../../platform/errors/families.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import { ML_ROOT } from './plan-tree.ts';
import type { RunPlan } from './plan.ts';
import { removeTree } from './remove-tree.ts';
import { unpackBytesMax } from './stage.ts';

const SHIM = fileURLToPath(new URL('shim', import.meta.url));

/** The same unpacking as before a start, in a process of its own. Exit code 3: the archive is at fault. */
const UNPACK = `
import sys
sys.path.insert(0, sys.argv[1])
import archive, refusal
try:
    archive.unpack(sys.argv[2], sys.argv[3], int(sys.argv[4]), "tar.gz")
except refusal.Refused as refused:
    print(refused, file=sys.stderr)
    sys.exit(3)
`;

export interface AdditionPorts {
  readonly blobs: Pick<BlobStore, 'place'>;
  readonly python: string;
  readonly runFolder: string;
  readonly plan: Pick<RunPlan, 'mounts' | 'tree'>;
}

/** Unpacked beside, then moved: work sees the folder when all of it is there. */
export async function addArchive(ports: AdditionPorts, path: string, place: string, digest: string): Promise<void> {
  const folder = inputFolder(ports, path);
  const target = join(folder, checkedPlace(place));
  if (existsSync(target)) return;
  const fresh = join(ports.runFolder, 'archives', randomUUID());
  try {
    await mkdir(join(fresh, 'unpacked'), { recursive: true });
    await ports.blobs.place(digest, join(fresh, 'archive'), 'read-only');
    await unpack(ports.python, join(fresh, 'archive'), join(fresh, 'unpacked'));
    await mkdir(dirname(target), { recursive: true });
    await rename(join(fresh, 'unpacked'), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another call was first
    });
  } finally {
    await removeTree(fresh);
  }
}

export async function removeAdded(ports: AdditionPorts, path: string, place: string): Promise<void> {
  const target = join(inputFolder(ports, path), checkedPlace(place));
  const gone = join(ports.runFolder, 'archives', randomUUID());
  await mkdir(dirname(gone), { recursive: true });
  try {
    await rename(target, gone);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await removeTree(gone);
  await rm(dirname(target), { recursive: false }).catch(() => undefined); // only when nothing else is in it
}

function unpack(python: string, archive: string, target: string): Promise<void> {
  const args = ['-I', '-c', UNPACK, SHIM, archive, target, String(unpackBytesMax(target))];
  return new Promise((resolve, reject) => {
    execFile(python, args, (error, _stdout, stderr) => {
      if (!error) resolve();
      else if (error.code === 3) reject(new BackendError('storage', stderr.trim()));
      else reject(new BackendError('runtime', 'The archive could not be unpacked.', { retryable: true, cause: error }));
    });
  });
}

/** Where the host keeps what the work sees under `path`. The work cannot write there, unless it runs without isolation. */
function inputFolder({ plan }: AdditionPorts, path: string): string {
  const mount = plan.mounts.find((one) => one.kind === 'read-only' && one.to === path);
  if (mount?.kind === 'read-only') return mount.from;
  if (plan.mounts.length === 0 && path.startsWith(`${ML_ROOT}/`)) return join(plan.tree, path.slice(ML_ROOT.length));
  throw new BackendError('runtime', `The work has no read-only input ${path} that files could be added to.`);
}

function checkedPlace(place: string): string {
  if (!place.split('/').every((part) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(part)))
    throw new BackendError('storage', `"${place}" is no plain relative path.`);
  return place;
}
