import type { RootImage } from './images.ts';

/** What stands behind an image name on this host: resolved purely from the image table, then located on disk. */
export interface RuntimeCatalogue {
  resolve(image: string): ResolvedImage | ImageProblem;
}

export interface ResolvedImage {
  /** As asked for. */
  readonly image: string;
  readonly repository: string;
  readonly tag: string;
  /** What WorkSpec.runtime is to name: a Python environment such as `ml`, or the digest of an image of one's own. */
  readonly runtime: string;
  /** The digest it was resolved to, `sha256:…`; `<image>@<digest>` resolves to the same for as long as it is kept. */
  readonly digest?: string;
  /** Its root file system: with it work starts also when the image was deleted meanwhile, as long as its layers are kept. */
  readonly root?: RootImage;
  readonly framework: 'xgboost' | 'scikit-learn' | 'python';
  /** Behaviour switches of this tag; reaches the entry points as SLIPWAY_IMAGE_PROFILE. */
  readonly profile: Readonly<Record<string, string | boolean | number>>;
  /** What the image name promises, e.g. { xgboost: '1.7.6' }. */
  readonly promised: Readonly<Record<string, string>>;
  /** What really runs, e.g. { xgboost: '3.2.0', python: '3.11.7' }. */
  readonly actual: Readonly<Record<string, string>>;
  /** ENTRYPOINT and CMD of an image of one's own. */
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Default commands of the image's ENTRYPOINT; undefined where the image has none (plain Python). */
  readonly trainCommand?: readonly string[];
  readonly serveCommand?: readonly string[];
}

export interface ImageProblem {
  readonly problem: string;
}
