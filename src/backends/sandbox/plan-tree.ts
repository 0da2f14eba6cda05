import type { WorkInput, WorkSpec, WorkStream } from '../../platform/ports/work.ts';
import { basename, dirname } from 'node:path/posix';
import type { Isolation, Mount, StreamPlan } from './plan.ts';

/** Where the paths a specification speaks of lie in the run's folder. Pure. */
export interface TreePlan {
  /** Folder (relative to the run's) into which input `n` is staged. */
  readonly inputFolders: readonly string[];
  readonly directories: readonly string[];
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly mounts: readonly Mount[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly streams: readonly StreamPlan[];
}

export const ML_ROOT = '/opt/ml';
const ML_FOLDER = 'ml';

/** One mount per file: beyond this an additive input is shown read-only as a whole. */
const FILE_MOUNTS_MAX = 256;

/**
 * The access a specification's inputs really get. Where an output covers an additive input its files would be published as the
 * empty files that stand below their mounts, so they are copied instead. Pure.
 */
export function decideAccess(spec: WorkSpec, isolation: Isolation): WorkSpec {
  const inputs = spec.inputs.map((input): WorkInput => {
    if (input.stream) return input; // shown as pipes only
    if (isolation === 'plain') return { ...input, access: 'writable' }; // nothing can be mounted: links to stored content must not be shown
    if (input.access !== 'additive') return input;
    if (input.extract || !isWithin(input.path, ML_ROOT)) return { ...input, access: 'writable' };
    const covered = spec.outputs.some(({ path }) => isWithin(input.path, path) || isWithin(path, input.path));
    if (covered) return { ...input, access: 'writable' };
    // container engines take no comma in what they mount
    const comma = isolation === 'container' && input.entries.some(({ relativePath }) => relativePath.includes(','));
    if (comma) return { ...input, access: 'writable' };
    return input.entries.length > FILE_MOUNTS_MAX ? { ...input, access: 'read-only' } : input;
  });
  return { ...spec, inputs };
}

/**
 * `/opt/ml` is one writable folder. Each read-only input is a folder of its own (its files are hard links to stored content) that
 * only read-only mounts show: of the folder, or of each file where files may be added beside them. What lies below another input gets its mount point there, and an output below a
 * read-only input gets a writable mount.
 */
export function planTree(spec: WorkSpec, runFolder: string): TreePlan {
  const readOnly = spec.inputs
    .map((input, index) => ({ input, folder: `inputs/${index}` }))
    .filter(({ input }) => !input.stream)
    .filter(({ input }) => input.access === 'read-only' || (input.access === 'writable' && !isWithin(input.path, ML_ROOT)))
    .toSorted((a, b) => depth(a.input.path) - depth(b.input.path) || (a.input.path < b.input.path ? -1 : 1));
  const owners = readOnly.map(({ input, folder }) => ({ path: input.path, folder }));
  const place = (path: string) => placeOf(path, owners);
  const directories = new Set([ML_FOLDER, `${ML_FOLDER}/output`, 'tmp', 'home']);
  const mounts: Mount[] = [{ kind: 'writable', from: `${runFolder}/${ML_FOLDER}`, to: ML_ROOT }];
  for (const { input, folder } of readOnly) {
    directories.add(folder);
    const mountPoint = placeOf(
      input.path,
      owners.filter((owner) => owner.path !== input.path),
    );
    if (mountPoint !== undefined) directories.add(mountPoint);
    mounts.push({
      kind: input.access === 'read-only' ? 'read-only' : 'writable',
      from: `${runFolder}/${folder}`,
      to: input.path,
    });
  }
  for (const [index, input] of spec.inputs.entries()) {
    if (input.access !== 'additive' || input.stream) continue;
    directories.add(place(input.path) ?? outside(input.path));
    for (const { relativePath } of input.entries) {
      mounts.push({
        kind: 'read-only',
        from: `${runFolder}/inputs/${index}/${relativePath}`,
        to: `${input.path}/${relativePath}`,
      });
    }
  }
  const streams = spec.inputs.flatMap((input, index) => (input.stream ? [planStream(input, input.stream, index, place)] : []));
  for (const { folder } of streams) directories.add(folder);
  const outputs: Record<string, string> = {};
  for (const [index, { name, path }] of spec.outputs.entries()) {
    const inTree = place(path);
    const covered = owners.some((owner) => isWithin(path, owner.path));
    const folder = covered || inTree === undefined ? `outputs/${index}` : inTree;
    if (inTree !== undefined) directories.add(inTree);
    directories.add(folder);
    if (folder !== inTree) mounts.push({ kind: 'writable', from: `${runFolder}/${folder}`, to: path });
    outputs[name] = folder;
  }
  const working = place(spec.workingDirectory);
  if (working !== undefined) directories.add(working);
  return {
    inputFolders: spec.inputs.map((input, index) => inputFolder(input, index, place)),
    directories: [...directories],
    files: spec.files.map(({ path, text }) => ({ path: place(path) ?? outside(path), text })),
    mounts,
    outputs,
    streams,
  };
}

/** Entries lie outside of what the work sees; the pipes stand where its folder would. */
function planStream(
  input: WorkInput,
  { items, decompress, wrap, shuffleSeed }: WorkStream,
  index: number,
  place: (path: string) => string | undefined,
): StreamPlan {
  const file = (entry: number) => ({ file: `inputs/${index}/${input.entries[entry]?.relativePath}` });
  return {
    folder: place(dirname(input.path)) ?? outside(input.path),
    name: basename(input.path),
    items: items
      ? items.map((parts) => parts.map((part) => ('entry' in part ? file(part.entry) : part)))
      : input.entries.map((_, entry) => [file(entry)]),
    decompress,
    wrap,
    shuffleSeed: shuffleSeed ?? null,
  };
}

function inputFolder(input: WorkInput, index: number, place: (path: string) => string | undefined): string {
  const inTree = input.access === 'writable' && !input.stream ? place(input.path) : undefined;
  return inTree ?? `inputs/${index}`;
}

/** The folder that stands for `path`: of the nearest input above it, else of `/opt/ml`; undefined elsewhere. */
export function placeOf(path: string, owners: readonly { readonly path: string; readonly folder: string }[]): string | undefined {
  let nearest: { readonly path: string; readonly folder: string } | undefined;
  for (const owner of [{ path: ML_ROOT, folder: ML_FOLDER }, ...owners]) {
    if (isWithin(path, owner.path) && (!nearest || owner.path.length >= nearest.path.length)) nearest = owner;
  }
  return nearest && `${nearest.folder}${path.slice(nearest.path.length)}`;
}

/** Files elsewhere than under /opt/ml have no place; an absolute name makes staging refuse it. */
const outside = (path: string): string => path;

export const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

const depth = (path: string): number => path.split('/').length;
