/** Long scans (filters no index serves) run here, so that the main thread keeps answering. Started on first need. */
import { parentPort, workerData } from 'node:worker_threads';
import type { JsonObject } from '../../json.ts';
import type { ListQuery, Page } from '../port.ts';
import { openConnection } from './open-connection.ts';
import { createReads } from './reads.ts';

export interface ScanRequest {
  readonly id: number;
  readonly query: ListQuery;
  readonly scanRows: number;
}
export type ScanAnswer = { readonly id: number } & ({ readonly page: Page<JsonObject> } | { readonly failure: string });

const reads = createReads(openConnection((workerData as { path: string }).path, 'read'));

parentPort?.on('message', ({ id, query, scanRows }: ScanRequest) => {
  try {
    const { rows, next } = reads.list(query, scanRows);
    parentPort?.postMessage({ id, page: { rows, next } } satisfies ScanAnswer);
  } catch (error) {
    parentPort?.postMessage({ id, failure: error instanceof Error ? error.message : String(error) } satisfies ScanAnswer);
  }
});
