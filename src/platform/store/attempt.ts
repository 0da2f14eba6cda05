import { ServiceError } from '../errors/families.ts';
import type { Commit, Store } from './port.ts';

/** What one look at the rows led to; without a commit there is nothing (left) to change. */
export interface Attempt<R> {
  readonly commit?: Commit;
  readonly result: R;
}

/** So many writers cannot meet on one row for long; the caller is asked to come back. */
const ATTEMPTS_MAX = 64;

/**
 * Reads, decides and commits until the commit goes through. `attempt` reads the rows afresh each time it is called (it may
 * use rows it already has for the first call) and names their versions in `expect`. After `unknown` it is called again too:
 * it must recognise its own write if that took effect, or be harmless when done twice.
 */
export async function decideAndCommit<R>(
  store: Pick<Store, 'commit'>,
  attempt: (count: number) => Promise<Attempt<R>>,
): Promise<R> {
  for (let count = 0; count < ATTEMPTS_MAX; count += 1) {
    const { commit, result } = await attempt(count);
    if (!commit) return result;
    const { outcome } = await store.commit(commit);
    if (outcome === 'done') return result;
  }
  throw new ServiceError('ServiceUnavailable', 'Too many changes of the same resource at once. Please reduce your request rate.');
}
