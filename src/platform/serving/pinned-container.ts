import type { ModelApprovalStatus } from '../../contract/generated/sagemaker.ts';
import type { PinnedArtifact } from '../objects/pin.ts';
import type { RootImage } from '../ports/images.ts';

/** Everything one model server needs, copied when an endpoint or a transform job was made: no later change or deletion reaches it. */
export interface PinnedContainer {
  /** ContainerHostname of the model; names it in messages and log streams, and as a target. */
  readonly hostname?: string;
  readonly image: string;
  /** Of an image of this data folder: what the name stood for, `sha256:…`, and its layers, which stay for as long as this does. */
  readonly digest?: string;
  readonly root?: RootImage;
  /** From the image table. */
  readonly runtime: string;
  readonly command: readonly string[];
  /** The image's behaviour switches, for the entry points. */
  readonly profile: Readonly<Record<string, string | boolean | number>>;
  /** Of the container, over the image's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly artifacts: readonly PinnedArtifact[];
  /** Serves the archives below this S3 prefix, each pinned when it is first asked for. */
  readonly multiModel?: { readonly prefix: string };
  /** The registered package that is served, and what was said of it then. */
  readonly modelPackage?: { readonly arn: string; readonly approval?: ModelApprovalStatus };
}

/** Digests of everything the container is made of. */
export const containerBlobs = ({ artifacts, root }: PinnedContainer): string[] => [
  ...artifacts.flatMap(({ objects }) => objects).map(({ digest }) => digest),
  ...(root?.layers ?? []).map(({ digest }) => digest),
];
