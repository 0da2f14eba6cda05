import { Worker } from 'node:worker_threads';
import type { Clock } from '../../clock.ts';
import { BackendError } from '../../errors/families.ts';
import type { JsonObject } from '../../json.ts';
import type { ListQuery, Page } from '../port.ts';
import type { ScanAnswer, ScanRequest } from './scan-thread.ts';

/** Runs long list scans in a thread that lives only while it is used: idle it would cost several MB for nothing. */
export interface Scanner {
  scan(query: ListQuery, scanRows: number): Promise<Page>;
  close(): Promise<void>;
}

const IDLE_MS = 10_000;

export function createScanner(options: { readonly path: string; readonly clock: Clock }): Scanner {
  const waiting = new Map<number, PromiseWithResolvers<Page<JsonObject>>>();
  let lastId = 0;
  let worker: Worker | undefined;
  let cancelIdle: (() => void) | undefined;

  const failAll = (problem: string) => {
    const error = new BackendError('storage', `The list could not be read: ${problem}.`, { retryable: true });
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const stop = async () => {
    cancelIdle?.();
    const ending = worker;
    worker = undefined;
    await ending?.terminate();
  };
  const start = (): Worker => {
    const started = new Worker(new URL('scan-thread.ts', import.meta.url), {
      name: 'store-scan',
      workerData: { path: options.path },
      resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 4, stackSizeMb: 2 },
    });
    started.on('message', (answer: ScanAnswer) => {
      const asked = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ('page' in answer) asked?.resolve(answer.page);
      else asked?.reject(new BackendError('storage', `The list could not be read: ${answer.failure}.`, { retryable: true }));
      if (waiting.size === 0 && worker === started)
        cancelIdle = options.clock.at(options.clock.now() + IDLE_MS, () => void stop());
    });
    started.on('error', (error) => failAll(error instanceof Error ? error.message : String(error)));
    started.on('exit', () => {
      if (worker !== started) return;
      worker = undefined;
      failAll('the reading thread ended');
    });
    return started;
  };

  return {
    scan(query, scanRows) {
      cancelIdle?.();
      worker ??= start();
      lastId += 1;
      const answered = Promise.withResolvers<Page<JsonObject>>();
      waiting.set(lastId, answered);
      worker.postMessage({ id: lastId, query, scanRows } satisfies ScanRequest);
      return answered.promise;
    },
    async close() {
      failAll('the server is stopping');
      await stop();
    },
  };
}
