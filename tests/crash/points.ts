import { appendFileSync } from 'node:fs';
import type { Commit, Store } from '../../src/platform/store/port.ts';
import type { Decorate } from '../../src/platform/ports/decorate.ts';

/**
 * Named points of a server's life: `before` and `after` each kind of commit and each effect, told apart by what the ports are asked to do.
 * A commit is named by the first row it changes and what becomes of it, an effect by port and method, a call between rooms by its operation.
 */

/** Where a server is to kill itself: at the n-th passing from now on. */
export interface Doom {
  readonly point: string;
  readonly nth: number;
}

/** A commit or effect that is under way, whichever it is: the kill comes some milliseconds after it was asked for. */
export const AMID_COMMIT = 'amid a commit';
export const AMID_EFFECT = 'amid an effect';
const AMID_MS_MAX = 4;

/** Methods that do something outside of this process. What only reads can be killed at any time without a difference. */
const EFFECTS: Readonly<Record<string, readonly string[]>> = {
  store: ['commit'],
  blobs: ['write', 'adopt', 'concatenate', 'place', 'keep', 'remove'],
  logFiles: ['path', 'append', 'remove', 'erase'],
  backend: ['start', 'stop', 'release', 'addArchive', 'removeAdded'],
  git: ['prepare', 'remove', 'setHead', 'persist', 'run'],
  routes: ['publishEndpoints', 'publishIdentities', 'drained'],
  calls: ['call'],
};
/** What git is run for that changes a repository. */
const GIT_CHANGES = ['fast-import', 'update-ref', 'receive-pack'];
const READS = /^\w+:(?:Describe|List|Get|Head|BatchGet)/;

export class Points {
  readonly #record: string;
  #doom: Doom | undefined;
  #passed = 0;

  /** Every passing is a line of the file `record`, also the one at which the process ends. */
  constructor(record: string) {
    this.#record = record;
  }

  doom(doom: Doom): void {
    this.#doom = doom;
    this.#passed = 0;
  }

  readonly decorate: Decorate = (name, port) => {
    const methods = EFFECTS[name] ?? [];
    return new Proxy(port, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member, target);
        if (typeof value !== 'function') return value;
        const method = value.bind(target) as Method;
        return methods.includes(String(member)) ? this.#watched(name, String(member), method) : method;
      },
    });
  };

  #watched(port: string, member: string, method: Method): Method {
    return async (...given) => {
      const what = nameOf(port, member, given);
      if (what === undefined) return method(...given);
      this.#pass(`before ${what}`);
      const answer = method(...given);
      this.#pass(port === 'store' ? AMID_COMMIT : AMID_EFFECT, Math.random() * AMID_MS_MAX);
      const result = await answer;
      this.#pass(`after ${what}`);
      return result;
    };
  }

  #pass(point: string, inMs?: number): void {
    appendFileSync(this.#record, `${point}\n`);
    if (this.#doom?.point !== point) return;
    this.#passed += 1;
    if (this.#passed !== this.#doom.nth) return;
    if (inMs === undefined) this.#die(point);
    else setTimeout(() => this.#die(point), inMs);
  }

  #die(point: string): void {
    appendFileSync(this.#record, `${DIED}${point}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}

type Method = (...given: unknown[]) => unknown;

/** At the head of the line that says where a process killed itself. */
export const DIED = 'died ';

/** undefined: nothing happens, so there is no point. */
function nameOf(port: string, member: string, given: readonly unknown[]): string | undefined {
  if (port === 'store') return `commit ${commitName(given[0] as Commit)}`;
  if (port === 'git' && member === 'run') {
    const word = GIT_CHANGES.find((one) => (given[1] as readonly string[]).includes(one));
    return word && `git ${word}`;
  }
  if (port !== 'calls') return `${port}.${member}`;
  const operation = String(given[2]);
  return READS.test(operation) ? undefined : `call ${operation}`;
}

/** What a commit is about, e.g. `write TrainingJob InProgress`. */
function commitName({
  expect,
  write = [],
  remove = [],
  timers = [],
  refer = [],
  ledger = [],
}: Parameters<Store['commit']>[0]): string {
  const [first] = write;
  if (first) {
    const { account, region, kind, name } = first.key;
    const isNew = expect.some(
      ({ key, version }) =>
        version === 0 && key.kind === kind && key.name === name && key.account === account && key.region === region,
    );
    return [isNew ? 'make' : 'write', kind, first.index.status].filter(Boolean).join(' ');
  }
  if (remove[0]) return `remove ${remove[0].kind}`;
  if (timers[0]) return `${timers[0].dueAtMs === null ? 'clear' : 'set'} timer ${timers[0].reconciler}`;
  if (refer[0]) return `refer ${refer[0].from.kind}`;
  return ledger[0] ? `ledger ${ledger[0].action} ${ledger[0].outcome}` : 'events';
}
