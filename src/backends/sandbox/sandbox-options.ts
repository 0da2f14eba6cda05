import type { Clock } from '../../platform/clock.ts';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { RootImage } from '../../platform/ports/images.ts';
import type { Settings } from '../../platform/settings.ts';
import type { UnpackedImage } from './image-trees.ts';
import type { RuntimeEnvironment } from './runtime-environment.ts';

export interface SandboxLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface SandboxOptions {
  /** The data folder; runs live in its `runs`. */
  readonly folder: string;
  /** Covered where a system folder would show it. */
  readonly cacheFolder: string;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly settings: Pick<Settings, 'sandbox'>;
  readonly log: SandboxLog;
  readonly locateRuntime: (
    name: string,
  ) => Pick<RuntimeEnvironment, 'folders' | 'environment'> & Partial<Pick<RuntimeEnvironment, 'writeJobPython'>>;
  /** Unpacked images by digest, for work whose runtime is one (`sha256:…`). Absent: such work fails to start. */
  readonly openImage?: (digest: string, root: RootImage | undefined) => Promise<UnpackedImage>;
  /** The host's Python for the shim; found on PATH when not given. */
  readonly python?: string;
}
