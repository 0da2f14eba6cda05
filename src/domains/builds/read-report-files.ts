import { Worker } from 'node:worker_threads';
import type { Clock } from '../../platform/clock.ts';
import type { ReportFormat } from './decide-buildspec.ts';
import type { FileCoverage } from './decide-coverage.ts';
import type { CaseFound } from './decide-test-results.ts';

/** Of one report; what is beyond is left out, and the report says that it is truncated. */
export const ITEMS_MAX = 10_000;

/** At most one more item than a report has. */
export type FileFound = { readonly items: readonly (CaseFound | FileCoverage)[] } | { readonly problem: string };

export interface FileQuestion {
  readonly format: ReportFormat;
  readonly content: Uint8Array;
}

export interface ReportReader {
  /** Never rejects: a file that cannot be read has its problem. One file at a time. */
  read(format: ReportFormat, content: Uint8Array): Promise<FileFound>;
  close(): Promise<void>;
}

interface ReaderLimits {
  readonly heapMiB: number;
  /** For all files together. */
  readonly timeMs: number;
}

const LIMITS: ReaderLimits = { heapMiB: 512, timeMs: 60_000 };

/**
 * Reads the files of one report in a thread with memory and time of its own. They were written by code of a build: read in the server's
 * thread, one that is made for it would stop or end the server, and again at each start, since the build has not ended.
 */
export function openReportReader(clock: Pick<Clock, 'now' | 'at'>, limits: ReaderLimits = LIMITS): ReportReader {
  const untilMs = clock.now() + limits.timeMs;
  let worker: Worker | undefined;
  const stop = async () => {
    const ending = worker;
    worker = undefined;
    await ending?.terminate();
  };
  return {
    async read(format, content) {
      worker ??= new Worker(new URL('report-thread.ts', import.meta.url), {
        name: 'report',
        resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB, maxYoungGenerationSizeMb: 16 },
      });
      const { promise, resolve } = Promise.withResolvers<FileFound>();
      // a thread that gave no answer gives none to the next question either
      const fail = (problem: string) => void stop().then(() => resolve({ problem }));
      const cancel = clock.at(untilMs, () =>
        fail(`reading the report takes more than ${Math.ceil(limits.timeMs / 1000)} seconds`),
      );
      worker.removeAllListeners();
      worker.on('message', resolve);
      worker.on('error', (error: NodeJS.ErrnoException) => {
        const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        fail(isFull ? `reading it takes more than ${limits.heapMiB} MiB of memory` : `it cannot be read: ${error.message}`);
      });
      worker.postMessage({ format, content } satisfies FileQuestion);
      return promise.finally(cancel);
    },
    close: stop,
  };
}
