/** A root file system made of layers, and what its maker wants programs in it to find. The layers are blobs of this data folder. */
export interface RootImage {
  /** SHA-256 of the image's manifest, lower-case hex. */
  readonly digest: string;
  readonly layers: readonly RootLayer[];
  /** Of the image's configuration (`ENV`); what a job is given goes above it. */
  readonly environment: Readonly<Record<string, string>>;
  /** `WORKDIR`, absolute. */
  readonly workingDirectory: string;
}

export type RootLayer = {
  /** SHA-256 of the layer as it was pushed. */
  readonly digest: string;
  /** SHA-256 of the layer uncompressed. */
  readonly diffId: string;
  readonly compression: 'none' | 'gzip' | 'zstd';
};

/** What an image name of this data folder stands for. */
export interface LocalImage {
  readonly repository: string;
  readonly tag: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `USER`, where it is not root: programs run as root all the same. */
  readonly user?: string;
  readonly root: RootImage;
}

/** The images that were pushed or imported here, from memory. */
export interface LocalImages {
  /**
   * `[host/]repository[:tag][@sha256:…]`; account and region of the host do not count, except that of two images of one name the
   * region decides. Undefined: there is none of that name. A problem: it is there and cannot run on this host.
   */
  find(image: string): LocalImage | { readonly problem: string } | undefined;
  /** By the manifest's digest in hex. */
  root(digest: string): RootImage | undefined;
}

/** Unpacked images of this host: made of blobs, shared by everything that runs on them, and made again when they are gone. */
export interface ImageTrees {
  /** Unpacks and checks every layer; a BackendError with reason `image` says what is wrong with it, in words for its maker. */
  prepare(root: RootImage): Promise<void>;
}
