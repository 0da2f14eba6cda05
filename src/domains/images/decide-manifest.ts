import { hexOf } from './resources.ts';

/** What a pushed manifest says. Pure; `problem` is in words for whoever pushed it. */

export const MANIFEST_TYPES = {
  ociImage: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

const CONFIG_TYPES = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];
const LAYERS_MAX = 500;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

export type Manifest =
  | {
      readonly form: 'index';
      readonly mediaType: string;
      readonly children: readonly (Descriptor & { readonly platform: string })[];
    }
  | {
      readonly form: 'image' | 'artifact';
      readonly mediaType: string;
      readonly artifactType: string;
      readonly config: Descriptor;
      readonly layers: readonly Descriptor[];
    };

type Checked<T> = T | { readonly problem: string };

/** `announced` is the media type of the request; what the document says of itself wins over guesses. */
export function parseManifest(text: string, announced: string | undefined): Checked<Manifest> {
  const document = parseObject(text);
  if (!document) return { problem: 'The manifest is not a JSON object.' };
  const mediaType = typeof document['mediaType'] === 'string' ? document['mediaType'] : (announced ?? guessType(document));
  if (announced !== undefined && announced !== mediaType) {
    return { problem: `The manifest says it is ${mediaType}, but was sent as ${announced}.` };
  }
  if (document['schemaVersion'] !== 2) return { problem: 'The manifest has no schemaVersion 2; older forms are not accepted.' };
  if (mediaType === MANIFEST_TYPES.ociIndex || mediaType === MANIFEST_TYPES.dockerList) return parseIndex(document, mediaType);
  if (mediaType === MANIFEST_TYPES.ociImage || mediaType === MANIFEST_TYPES.dockerImage) return parseImage(document, mediaType);
  return { problem: `A manifest of type ${mediaType} is not accepted. Known: ${Object.values(MANIFEST_TYPES).join(', ')}.` };
}

const guessType = (document: Record<string, unknown>): string =>
  Array.isArray(document['manifests']) ? MANIFEST_TYPES.ociIndex : MANIFEST_TYPES.ociImage;

function parseIndex(document: Record<string, unknown>, mediaType: string): Checked<Manifest> {
  const children = [];
  for (const entry of listOf(document['manifests'])) {
    const descriptor = parseDescriptor(entry);
    if ('problem' in descriptor) return descriptor;
    const { platform } = entry as { platform?: { os?: unknown; architecture?: unknown; variant?: unknown } };
    children.push({ ...descriptor, platform: platform ? platformOf(platform) : '' });
  }
  return { form: 'index', mediaType, children };
}

function parseImage(document: Record<string, unknown>, mediaType: string): Checked<Manifest> {
  const config = parseDescriptor(document['config']);
  if ('problem' in config) return config;
  const entries = listOf(document['layers']);
  if (entries.length > LAYERS_MAX)
    return { problem: `The manifest has ${entries.length} layers; at most ${LAYERS_MAX} are accepted.` };
  const layers: Descriptor[] = [];
  for (const entry of entries) {
    const layer = parseDescriptor(entry);
    if ('problem' in layer) return layer;
    layers.push(layer);
  }
  const artifactType = typeof document['artifactType'] === 'string' ? textOf(document['artifactType']) : config.mediaType;
  return { form: CONFIG_TYPES.includes(config.mediaType) ? 'image' : 'artifact', mediaType, artifactType, config, layers };
}

/** JSON can say half of a surrogate pair, which no answer may hold. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value.toWellFormed() : '');

function parseDescriptor(value: unknown): Checked<Descriptor> {
  const { mediaType, digest, size } = (value ?? {}) as Record<string, unknown>;
  const hex = typeof digest === 'string' ? hexOf(digest) : undefined;
  if (hex === undefined)
    return { problem: `The manifest names content by "${String(digest)}"; only sha256 digests are accepted.` };
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    return { problem: `The manifest gives ${String(digest)} no valid size.` };
  }
  return { mediaType: textOf(mediaType), digest: hex, sizeBytes: size };
}

export interface ImageConfig {
  /** `linux/amd64`, `linux/arm64/v8`. */
  readonly platform: string;
  readonly diffIds: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly user: string;
}

/** The configuration blob of an image; `layers` says how many diff ids it must have. */
export function parseConfig(text: string, layers: number): Checked<ImageConfig> {
  const document = parseObject(text);
  if (!document) return { problem: "The image's configuration is not a JSON object." };
  const rootfs = (document['rootfs'] ?? {}) as { diff_ids?: unknown };
  const diffIds = listOf(rootfs.diff_ids).map((digest) => (typeof digest === 'string' ? (hexOf(digest) ?? '') : ''));
  if (diffIds.length !== layers || diffIds.includes('')) {
    return { problem: `The image's configuration names ${diffIds.length} layers (rootfs.diff_ids), its manifest ${layers}.` };
  }
  const config = (document['config'] ?? {}) as Record<string, unknown>;
  const folder = typeof config['WorkingDir'] === 'string' && config['WorkingDir'].startsWith('/') ? config['WorkingDir'] : '/';
  return {
    platform: platformOf(document),
    diffIds,
    environment: environmentOf(listOf(config['Env'])),
    workingDirectory: folder,
    entrypoint: wordsOf(config['Entrypoint']),
    command: wordsOf(config['Cmd']),
    user: typeof config['User'] === 'string' ? config['User'] : '',
  };
}

const platformOf = ({ os, architecture, variant }: { os?: unknown; architecture?: unknown; variant?: unknown }): string =>
  [os, architecture, variant]
    .map(textOf)
    .filter((part) => part !== '')
    .join('/');

/** Whether an image of `platform` runs on a host of `host`; variants of one architecture count as the same. */
export const runsOn = (platform: string, host: string): boolean => platform === host || platform.startsWith(`${host}/`);

function environmentOf(entries: readonly unknown[]): Record<string, string> {
  const pairs = entries.flatMap((entry) => {
    const at = typeof entry === 'string' ? entry.indexOf('=') : -1;
    return at > 0 ? [[(entry as string).slice(0, at), (entry as string).slice(at + 1)] as const] : [];
  });
  return Object.fromEntries(pairs);
}

const COMPRESSIONS: readonly (readonly [ending: RegExp, compression: 'none' | 'gzip' | 'zstd'])[] = [
  [/[.+]gzip$/, 'gzip'],
  [/[.+]zstd$/, 'zstd'],
  [/[.]tar$/, 'none'],
];

/** How a layer is packed; undefined for what is no layer of a file system. */
export function compressionOf(mediaType: string): 'none' | 'gzip' | 'zstd' | undefined {
  if (!/^application\/vnd\.(oci\.image\.layer\.|docker\.image\.rootfs\.)/.test(mediaType)) return undefined;
  return COMPRESSIONS.find(([ending]) => ending.test(mediaType))?.[1];
}

const wordsOf = (value: unknown): string[] => listOf(value).filter((word): word is string => typeof word === 'string');
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // not JSON: the callers say so
  }
}
