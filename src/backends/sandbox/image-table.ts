/**
 * The image table (`runtimes/images.json`) and its lookup. Pure.
 *
 * An image is known by repository and tag alone: account, region and registry host differ per customer and say nothing about what
 * is inside. Matching and tags follow the image URIs the SageMaker SDKs produce.
 */
export interface ImageTable {
  readonly repositories: Readonly<Record<string, ImageRepository>>;
}

export interface ImageRepository {
  readonly framework: 'xgboost' | 'scikit-learn' | 'python';
  /** Folder under `runtimes/`. */
  readonly runtime: string;
  readonly tags: 'any' | Readonly<Record<string, ImageTag>>;
}

export interface ImageTag {
  /** Library versions the image name promises. */
  readonly promised: Readonly<Record<string, string>>;
  readonly profile: Readonly<Record<string, string | boolean | number>>;
}

export interface KnownImage extends ImageTag {
  readonly repository: string;
  readonly tag: string;
  readonly framework: ImageRepository['framework'];
  readonly runtime: string;
}

export interface UnknownImage {
  readonly problem: string;
}

/** `1.0-1-cpu-py3` is the same software as `1.0-1`; GPU variants run on the CPU here. */
const VARIANT = /(-(?:cpu|gpu))?(-py3\d*)?$/;

/** Registry host: the first path segment when it holds a dot or a port, or is `localhost` (the rule of image references). */
const HOST = /^(?:localhost|[^/]*[.:][^/]*)\//;

/**
 * Finds what stands behind an image name. `mappings` are the operator's own (`images` in slipway.yaml), repository:tag or whole
 * name to another image name, followed once.
 */
export function lookUpImage(
  table: ImageTable,
  image: string,
  mappings: Readonly<Record<string, string>> = {},
): KnownImage | UnknownImage {
  const asked = parseImageName(image);
  if ('problem' in asked) return asked;
  const mapped = mappingOf(image, mappings);
  if (mapped === undefined) return find(table, image, asked);
  const target = parseImageName(mapped);
  return 'problem' in target ? target : find(table, mapped, target);
}

/** What `images` of slipway.yaml says for an image: by its whole name, or by repository and tag. */
export function mappingOf(image: string, mappings: Readonly<Record<string, string>>): string | undefined {
  const own = (name: string) => (Object.hasOwn(mappings, name) ? mappings[name] : undefined);
  const asked = parseImageName(image);
  return own(image) ?? ('problem' in asked ? undefined : own(`${asked.repository}:${asked.tag}`));
}

export function isUnknownImage(found: KnownImage | UnknownImage): found is UnknownImage {
  return 'problem' in found;
}

interface ImageName {
  readonly repository: string;
  readonly tag: string;
}

/** Splits `[host/]repository[:tag]`; a missing tag is `latest`, as everywhere with images. */
function parseImageName(image: string): ImageName | UnknownImage {
  if (image.includes('@')) {
    return {
      problem: `Image ${image} is named by digest, and was not pushed or imported here. Import it: slipway image import FILE.`,
    };
  }
  const path = image.replace(HOST, '');
  const match = /^([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?$/.exec(path);
  if (match?.[1] === undefined) {
    return { problem: `Image ${image} is not an image name of the form [registry/]repository[:tag].` };
  }
  return { repository: match[1], tag: match[2] ?? 'latest' };
}

function find(table: ImageTable, image: string, name: ImageName): KnownImage | UnknownImage {
  const repository = Object.hasOwn(table.repositories, name.repository) ? table.repositories[name.repository] : undefined;
  if (repository === undefined) {
    const known = Object.keys(table.repositories).join(', ');
    return {
      problem:
        `Image ${image}: repository ${name.repository} is not known here. Known repositories: ${known}. ` +
        'Bring your own by `slipway image import FILE` or by pushing it, or map it to one of these under `images` in slipway.yaml.',
    };
  }
  const { framework, runtime, tags } = repository;
  if (tags === 'any') return { ...name, framework, runtime, promised: promisedPython(name.tag), profile: {} };
  const entry = ownTag(tags, name.tag) ?? ownTag(tags, name.tag.replace(VARIANT, ''));
  if (entry === undefined) {
    const known = Object.keys(tags).join(', ');
    return {
      problem: `Image ${image}: tag ${name.tag} of ${name.repository} is not known here. Known tags: ${known} (also with -cpu-py3 or -gpu).`,
    };
  }
  return { ...name, framework, runtime, ...entry };
}

function ownTag(tags: Readonly<Record<string, ImageTag>>, tag: string): ImageTag | undefined {
  return Object.hasOwn(tags, tag) ? tags[tag] : undefined;
}

/** `python:3.9-slim` promises Python 3.9; `python:latest` promises nothing in particular. */
function promisedPython(tag: string): Readonly<Record<string, string>> {
  const version = /^\d+(?:\.\d+){0,2}/.exec(tag)?.[0];
  return version === undefined ? {} : { python: version };
}

/** Whether `actual` is what `promised` says, as far as it says it: 3.11 is kept by 3.11.7. */
export function keepsPromise(promised: string, actual: string | undefined): boolean {
  return actual !== undefined && (actual === promised || actual.startsWith(`${promised}.`));
}

/**
 * The line a job's log begins with and the job record shows: which real versions stand behind the image name.
 */
export function describeImage(
  name: { readonly repository: string; readonly tag: string },
  promised: Readonly<Record<string, string>>,
  actual: Readonly<Record<string, string>>,
): string {
  const image = `${name.repository}:${name.tag}`;
  const real = Object.entries(actual)
    .map(([library, version]) => `${library} ${version}`)
    .join(', ');
  const broken = Object.entries(promised).filter(([library, version]) => !keepsPromise(version, actual[library]));
  if (broken.length === 0) return `image ${image} runs on ${real}`;
  const said = broken.map(([library, version]) => `${library} ${version}`).join(', ');
  return `image ${image} is emulated by ${real} (the image name promises ${said})`;
}
