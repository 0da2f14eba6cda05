import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { failed, wrongUse } from '../exit.ts';
import { firstBytes, unpackArchive } from './unpack-archive.ts';

/** An image in a file or folder, ready to be pushed. */
export interface ImageFile {
  readonly manifest: string;
  readonly mediaType: string;
  /** Layers and configuration. */
  readonly blobs: readonly ImageBlob[];
  /** `repository:tag` as the file has it; undefined where it names none. */
  readonly name: string | undefined;
  /** Removes what was unpacked. */
  close(): void;
}

export interface ImageBlob {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly path: string;
}

interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

type Find = (name: string) => string | undefined;

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const HOST = `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const NAME_ANNOTATIONS = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];

/**
 * Opens an OCI layout (folder), an OCI archive or a `docker save` file, also gzipped. `wanted` chooses among several images by name
 * or tag. Fails, in words, for what is no image, is corrupt, or was built for another platform.
 */
export async function openImageFile(path: string, wanted: string | undefined): Promise<ImageFile> {
  if (!existsSync(path)) throw wrongUse(`slipway: there is no file ${path}.`);
  if (statSync(path).isDirectory())
    return readImage(
      path,
      (name) => ifPresent(join(path, name)),
      wanted,
      () => undefined,
    );
  const folder = mkdtempSync(join(tmpdir(), 'slipway-image-'));
  const close = () => rmSync(folder, { recursive: true, force: true });
  try {
    const files = await unpackArchive(path, folder);
    return await readImage(path, (name) => files.get(name), wanted, close);
  } catch (error) {
    close();
    throw error;
  }
}

const ifPresent = (path: string): string | undefined => (existsSync(path) ? path : undefined);

async function readImage(path: string, find: Find, wanted: string | undefined, close: () => void): Promise<ImageFile> {
  const index = find('index.json');
  if (index !== undefined) return readLayout(path, find, readJson<Manifest>(path, index), wanted, close);
  const saved = find('manifest.json');
  if (saved !== undefined) return readSaved(path, find, readJson<readonly SavedImage[]>(path, saved), wanted, close);
  throw failed(`slipway: ${path} is no image: it has neither index.json (OCI) nor manifest.json (docker save).`);
}

// OCI

function readLayout(path: string, find: Find, index: Manifest, wanted: string | undefined, close: () => void): ImageFile {
  const blobOf = ({ digest, size }: Descriptor): ImageBlob => {
    const [algorithm, hex] = digest.split(':');
    const file = find(`blobs/${algorithm}/${hex}`);
    if (file === undefined) throw failed(`slipway: ${path} is not whole: ${digest} is missing.`);
    const sizeBytes = statSync(file).size;
    if (sizeBytes !== size) throw failed(`slipway: ${path} is corrupt: ${digest} has ${sizeBytes} bytes instead of ${size}.`);
    return { digest, sizeBytes, path: file };
  };
  const read = (descriptor: Descriptor): { readonly text: string; readonly document: Manifest & Config } => {
    const text = readFileSync(blobOf(descriptor).path, 'utf8');
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    if (digest !== descriptor.digest)
      throw failed(`slipway: ${path} is corrupt: ${descriptor.digest} has the content of ${digest}.`);
    return { text, document: parseJson(path, text) };
  };
  const { descriptor, name } = chooseImage(path, index.manifests ?? [], wanted);
  const image = isIndex(descriptor.mediaType) ? choosePlatform(path, read(descriptor).document.manifests ?? []) : descriptor;
  const { text, document } = read(image);
  if (!document.config) throw failed(`slipway: ${path} is no image: its manifest has no configuration.`);
  requirePlatform(path, read(document.config).document);
  return {
    manifest: text,
    mediaType: document.mediaType ?? image.mediaType ?? OCI_MANIFEST,
    blobs: [...(document.layers ?? []), document.config].map(blobOf),
    name: name ?? undefined,
    close,
  };
}

const isIndex = (mediaType = ''): boolean => /image\.index|manifest\.list/.test(mediaType);

function chooseImage(path: string, images: readonly Descriptor[], wanted: string | undefined) {
  const named = images.map((descriptor) => ({
    descriptor,
    name: NAME_ANNOTATIONS.map((key) => descriptor.annotations?.[key]).find((each) => each !== undefined),
  }));
  const fitting = wanted === undefined ? named : named.filter(({ name }) => name === wanted || name?.endsWith(`:${wanted}`));
  const [first, ...more] = fitting.length > 1 ? fitting.filter(({ descriptor }) => runsHere(descriptor)) : fitting;
  const known = named.map(({ name }) => name ?? 'unnamed').join(', ');
  if (!first)
    throw failed(`slipway: ${path} holds no image${wanted ? ` ${wanted}` : ''} for ${HOST}. It has: ${known || 'none'}.`);
  if (more.length > 0) throw wrongUse(`slipway: ${path} holds several images: ${known}. Choose one: --ref NAME`);
  return first;
}

const runsHere = ({ platform }: Descriptor): boolean =>
  platform === undefined || `${platform.os}/${platform.architecture}` === HOST;

function choosePlatform(path: string, images: readonly Descriptor[]): Descriptor {
  const found = images.find((image) => image.platform !== undefined && runsHere(image));
  if (found) return found;
  const platforms = images.flatMap(({ platform }) => (platform ? [`${platform.os}/${platform.architecture}`] : []));
  throw failed(`slipway: ${path} has images for ${platforms.join(', ') || 'no platform'}; this machine is ${HOST}.`);
}

interface Config {
  readonly os?: string;
  readonly architecture?: string;
}

function requirePlatform(path: string, { os = 'linux', architecture = '' }: Config): void {
  if (`${os}/${architecture}` === HOST) return;
  throw failed(`slipway: ${path} was built for ${os}/${architecture || 'an unnamed platform'}; this machine is ${HOST}.`);
}

// docker save

interface SavedImage {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

async function readSaved(
  path: string,
  find: Find,
  images: readonly SavedImage[],
  wanted: string | undefined,
  close: () => void,
): Promise<ImageFile> {
  const namesOf = (image: SavedImage) => image.RepoTags ?? [];
  const fitting = images.filter(
    (image) => wanted === undefined || namesOf(image).some((name) => name === wanted || name.endsWith(`:${wanted}`)),
  );
  const [image, ...more] = fitting;
  const known = images.flatMap(namesOf).join(', ');
  if (!image)
    throw failed(`slipway: ${path} holds no image${wanted ? ` ${wanted}. It has: ${known || 'none with a name'}` : ''}.`);
  if (more.length > 0) throw wrongUse(`slipway: ${path} holds several images: ${known}. Choose one: --ref NAME`);
  const fileOf = (name: string): string => {
    const file = find(name);
    if (file === undefined) throw failed(`slipway: ${path} is not whole: ${name} is missing.`);
    return file;
  };
  const config = await blobAt(fileOf(image.Config));
  requirePlatform(path, readJson<Config>(path, config.path));
  const layers = [];
  for (const name of image.Layers) {
    const blob = await blobAt(fileOf(name));
    layers.push({ blob, mediaType: firstBytes(blob.path, 2).toString('hex') === '1f8b' ? `${OCI_LAYER}+gzip` : OCI_LAYER });
  }
  const describe = (blob: ImageBlob, mediaType: string) => ({ mediaType, digest: blob.digest, size: blob.sizeBytes });
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(config, OCI_CONFIG),
    layers: layers.map(({ blob, mediaType }) => describe(blob, mediaType)),
  };
  const name = namesOf(image).find((each) => wanted === undefined || each === wanted || each.endsWith(`:${wanted}`));
  const blobs = [...layers.map(({ blob }) => blob), config];
  return { manifest: JSON.stringify(manifest), mediaType: OCI_MANIFEST, blobs, name, close };
}

async function blobAt(path: string): Promise<ImageBlob> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes, path };
}

// names

const REFERENCE = /^([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?$/;

export interface ImageName {
  readonly repository: string;
  readonly tag: string;
}

/** `[host/]repository[:tag]`; undefined for what is none. */
export function parseImageName(text: string): ImageName | undefined {
  const match = REFERENCE.exec(text.replace(/^(?:localhost|[^/]*[.:][^/]*)\//, ''));
  return match?.[1] === undefined ? undefined : { repository: match[1], tag: match[2] ?? 'latest' };
}

/** What the file calls its image, else the file's own name. */
export function defaultName(path: string, name: string | undefined): ImageName {
  const own = basename(path)
    .toLowerCase()
    .replace(/\.(tar|tgz|oci|gz|zst|zstd)\b/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const named = name === undefined ? undefined : parseImageName(name);
  // a layout names a tag only
  if (named && name !== undefined && /[/:]/.test(name)) return named;
  return { repository: own || 'image', tag: name !== undefined && /^[\w][\w.-]{0,127}$/.test(name) ? name : 'latest' };
}

function readJson<T>(path: string, file: string): T {
  return parseJson<T>(path, readFileSync(file, 'utf8'));
}

function parseJson<T>(path: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw failed(`slipway: ${path} is corrupt: a description in it is no JSON.`);
  }
}
