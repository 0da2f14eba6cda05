import { readFileSync } from 'node:fs';
import type { BlobStore } from '../../platform/objects/port.ts';
import type { RuntimeKind } from './decide-config.ts';

const FILES: Readonly<Record<RuntimeKind, string>> = { python: 'bootstrap.py', node: 'bootstrap.mjs' };

export interface BootstrapFile {
  readonly relativePath: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** The program around a handler, as a blob like a function's code: a backend needs nothing of this machine to show it. */
export class Bootstraps {
  readonly #blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** Written anew each time it is asked for, which costs nothing while it is there: the collector takes what no row names. */
  async file(kind: RuntimeKind): Promise<BootstrapFile> {
    const relativePath = FILES[kind];
    const bytes = readFileSync(new URL(`../../../runtimes/function/${relativePath}`, import.meta.url));
    const { digest, sizeBytes } = await this.#blobs.write(
      (async function* () {
        yield bytes;
      })(),
    );
    return { relativePath, digest, sizeBytes };
  }
}
