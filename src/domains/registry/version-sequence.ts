import { ServiceError } from '../../platform/errors/families.ts';
import { keyText, type ResourceKey } from '../../platform/resource-key.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import { groupWrite } from './rows.ts';
import type { GroupDocument } from './resources.ts';

/** The last group row of a run of commits that were sent and not answered yet. */
interface Run {
  last: Omit<Read<GroupDocument>, 'index'>;
  open: number;
}

/** What one commit of a new version is made from; the group's own write is added here. */
export type BuildVersion = (group: GroupDocument, number: number) => Commit;

const ATTEMPTS_MAX = 64;

/**
 * Gives out version numbers without gaps. Each new version also writes its group's row, so two versions cannot take one
 * number; sending the next commit before the last one is answered (expecting the row it will leave) lets many clients
 * share one disk write. When a commit fails, those sent after it fail too and all of them decide again.
 */
export class VersionSequence {
  readonly #store: Store;
  readonly #runs = new Map<string, Run>();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Commits the next version of a group and returns its number. `done` is asked before every further attempt whether
   * the wanted state is already there (a repeated client token, or a commit whose answer was lost).
   */
  async commitNext<R>(
    groupKey: ResourceKey,
    absent: () => ServiceError,
    build: BuildVersion,
    done: () => Promise<R | undefined>,
  ): Promise<R | number> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const found = await done();
      if (found !== undefined) return found;
      const number = await this.#attempt(groupKey, absent, build);
      if (number !== undefined) return number;
    }
    throw new ServiceError(
      'ThrottlingException',
      'Too many changes of one model package group at once. Please reduce your request rate.',
    );
  }

  async #attempt(groupKey: ResourceKey, absent: () => ServiceError, build: BuildVersion): Promise<number | undefined> {
    const text = keyText(groupKey);
    const stored = this.#runs.has(text) ? undefined : await readRow<GroupDocument>(this.#store, groupKey);
    // from here to the commit nothing may wait: the order of numbers is the order in which commits are sent
    const run = this.#runs.get(text);
    const last = run?.last ?? stored;
    if (!last) throw absent();
    const number = last.document.latestVersion + 1;
    const group: GroupDocument = { ...last.document, latestVersion: number };
    const commit = build(group, number);
    const own: Run = run ?? { last, open: 0 };
    own.last = { key: groupKey, version: last.version + 1, document: group };
    own.open += 1;
    this.#runs.set(text, own);
    return (await this.#send(text, own, groupKey, last.version, commit)) ? number : undefined;
  }

  async #send(text: string, run: Run, groupKey: ResourceKey, groupVersion: number, commit: Commit): Promise<boolean> {
    let stored = false;
    try {
      const result = await this.#store.commit({
        ...commit,
        expect: [{ key: groupKey, version: groupVersion }, ...commit.expect],
        write: [groupWrite(groupKey, run.last.document), ...(commit.write ?? [])],
      });
      stored = result.outcome === 'done';
      return stored;
    } finally {
      run.open -= 1;
      // a broken run must not be built on, and a finished one is better read from the store
      if ((!stored || run.open === 0) && this.#runs.get(text) === run) this.#runs.delete(text);
    }
  }
}
