import { createHash } from 'node:crypto';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { pinObject } from '../../platform/objects/pin.ts';
import type { WorkOutputFile } from '../../platform/ports/work.ts';
import type { JobHost } from './decide-hosts.ts';
import { mergedOutputs } from './host-outputs.ts';
import type { JobsPorts } from './ports.ts';
import { publishFile, type Published, type Publisher, refusals } from './publish.ts';

/** An output that is in S3 while the job runs, not only at its end. */
export interface SyncedOutput {
  readonly name: string;
  /** The S3 folder of its files. */
  readonly uri: string;
}

/** How often a running job's files are looked at. */
export const SYNC_EVERY_MS = 3_000;
/** A file that changed within this time is still being written; the next pass has it. */
const QUIET_MS = 1_000;

/**
 * Keeps files of running jobs in S3. What was uploaded is remembered for this process only: after a restart a file whose
 * digest S3 has already is recognised by that. Files that a job removes stay in S3.
 */
export class OutputSync {
  readonly #ports: JobsPorts;
  /** By job and S3 URI: size and change time of the file that is there. */
  readonly #uploaded = new Map<string, Map<string, string>>();

  constructor(ports: JobsPorts) {
    this.#ports = ports;
  }

  /** One pass while the job runs. Whatever S3 refuses is told by the last pass. */
  async pass(publisher: Publisher, workId: string, hosts: readonly JobHost[], outputs: readonly SyncedOutput[]): Promise<void> {
    const quietBeforeMs = this.#ports.clock.now() - QUIET_MS;
    for (const { name, uri } of outputs) {
      await unlessItChanges(async () => {
        const { files } = await mergedOutputs(this.#ports.backend, hosts, name);
        for (const file of files.filter(({ modifiedAtMs }) => modifiedAtMs < quietBeforeMs))
          await unlessItChanges(() => this.#upload(publisher, workId, file, uri));
      });
    }
  }

  /** After the end: every file as the job left it. */
  async lastPass(
    publisher: Publisher,
    workId: string,
    hosts: readonly JobHost[],
    { name, uri }: SyncedOutput,
  ): Promise<Published> {
    const { files } = await mergedOutputs(this.#ports.backend, hosts, name);
    return refusals(uri, async () => {
      for (const file of files) await this.#upload(publisher, workId, file, uri);
    });
  }

  forget(workId: string): void {
    this.#uploaded.delete(workId);
  }

  async #upload(publisher: Publisher, workId: string, file: WorkOutputFile, folder: string): Promise<void> {
    const uri = `${folder.replace(/\/+$/, '')}/${file.relativePath}`;
    const known = this.#uploaded.get(workId) ?? new Map<string, string>();
    this.#uploaded.set(workId, known);
    const state = `${file.sizeBytes} ${file.modifiedAtMs}`;
    if (known.get(uri) === state) return;
    if (known.has(uri) || !(await isThere(publisher, uri, file))) await publishFile(publisher, file, uri);
    known.set(uri, state);
  }
}

/** What S3 refuses, and what changed or went while it was read, is for the passes to come. */
async function unlessItChanges(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ServiceError) && !(error instanceof BackendError)) throw error;
  }
}

/** Whether S3 has these bytes already. A role that may not read is no reason to fail: the file is written again. */
async function isThere(publisher: Publisher, uri: string, file: WorkOutputFile): Promise<boolean> {
  try {
    const there = await pinObject(publisher, uri);
    return there !== undefined && there.sizeBytes === file.sizeBytes && there.digest === (await digestOf(file));
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

async function digestOf(file: WorkOutputFile): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of file.open()) hash.update(chunk);
  return hash.digest('hex');
}
