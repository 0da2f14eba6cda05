import type { ResourceKey } from '../../platform/resource-key.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import { arnOf, keyOf, type Place, type ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { RootLayer } from '../../platform/ports/images.ts';

export const REPOSITORY: ResourceDeclaration = {
  kind: 'ImageRepository',
  service: 'ecr',
  arnType: 'repository',
  absent: {
    code: 'RepositoryNotFoundException',
    message: (name, arn) =>
      `The repository with name '${name}' does not exist in the registry with id '${arn.split(':')[4] ?? ''}'`,
  },
  exists: {
    code: 'RepositoryAlreadyExistsException',
    message: (name, arn) =>
      `The repository with name '${name}' already exists in the registry with id '${arn.split(':')[4] ?? ''}'`,
  },
};

/** What lies in a repository. Rows of all regions stand in one list, named `<region>/<repository>…`, so that a start reads them at once. */
const inside = (kind: string): ResourceDeclaration => ({
  kind,
  service: 'ecr',
  arnType: kind.toLowerCase(),
  global: true,
  absent: { code: 'ImageNotFoundException', message: (name) => `${name} does not exist.` },
  exists: { code: 'ImageAlreadyExistsException', message: (name) => `${name} exists already.` },
});

/** Named `<region>/<repository>@<digest>`; parent is the repository. */
export const IMAGE = inside('Image');
/** Named `<region>/<repository>:<tag>`; parent is the repository, facet the image's digest. */
export const IMAGE_TAG = inside('ImageTag');
/** A blob that was pushed into a repository, named as images are. An image refers to its layers; others are removed after a while. */
export const LAYER = inside('ImageLayer');
/** Named by its id. */
export const LAYER_UPLOAD = inside('ImageLayerUpload');

export const LAYER_SWEEP = 'image-layers';
export const UPLOAD_EXPIRY = 'image-uploads';

export type RepositoryDocument = {
  name: string;
  mutability: 'MUTABLE' | 'IMMUTABLE';
};

/** `mediaType` and digests as pushed; digests are hex without their `sha256:`. */
export type ImageDocument = {
  region: string;
  repository: string;
  digest: string;
  mediaType: string;
  /** Of config and layers, as they are stored. */
  sizeBytes: number;
  content: ImageContent;
};

export type ImageContent =
  | { form: 'index'; children: { digest: string; platform: string }[] }
  | {
      form: 'image';
      platform: string;
      config: string;
      layers: { digest: string; mediaType: string; sizeBytes: number }[];
      root: RootLayer[];
      environment: { [name: string]: string };
      workingDirectory: string;
      entrypoint: string[];
      command: string[];
      user: string;
    }
  /** Signatures, charts and the like: kept, never run. */
  | { form: 'artifact'; artifactType: string; blobs: { digest: string; sizeBytes: number }[] };

export type TagDocument = { region: string; repository: string; tag: string; digest: string };
export type LayerDocument = { region: string; repository: string; digest: string; sizeBytes: number };
/** Parts in order; their bytes are blobs. */
export type UploadDocument = {
  region: string;
  repository: string;
  parts: { digest: string; sizeBytes: number }[];
  sizeBytes: number;
};

export const repositoryKey = (place: Place, name: string): ResourceKey => keyOf(REPOSITORY, place, name);
export const repositoryArn = (place: Place, name: string): string => arnOf(REPOSITORY, place, name);

/** Parent of everything inside a repository. */
export const parentOf = ({ region }: Place, repository: string): string => `${region}/${repository}`;

const insideKey = (declaration: ResourceDeclaration, account: string, name: string): ResourceKey => ({
  account,
  region: GLOBAL,
  kind: declaration.kind,
  name,
});
export const imageKey = (place: Place, repository: string, digest: string): ResourceKey =>
  insideKey(IMAGE, place.account, `${parentOf(place, repository)}@${digest}`);
export const tagKey = (place: Place, repository: string, tag: string): ResourceKey =>
  insideKey(IMAGE_TAG, place.account, `${parentOf(place, repository)}:${tag}`);
export const layerKey = (place: Place, repository: string, digest: string): ResourceKey =>
  insideKey(LAYER, place.account, `${parentOf(place, repository)}@${digest}`);
export const uploadKey = (account: string, uploadId: string): ResourceKey => insideKey(LAYER_UPLOAD, account, uploadId);

export const SHA256 = /^sha256:([0-9a-f]{64})$/;
/** The hex of `sha256:<hex>`; undefined for any other digest. */
export const hexOf = (digest: string): string | undefined => SHA256.exec(digest)?.[1];
export const digestOf = (hex: string): string => `sha256:${hex}`;
