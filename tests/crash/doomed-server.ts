import { runServer } from '../../src/main.ts';
import type { Decorate } from '../../src/platform/ports/decorate.ts';
import type { Commit, Store } from '../../src/platform/store/port.ts';

/** What servers that kill themselves are made of. */

export function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

/** The store, with `commit` in place of its own, which it is given. */
export const withCommit = <P extends object>(
  port: P,
  commit: (own: Store['commit'], commit: Commit) => ReturnType<Store['commit']>,
): P =>
  new Proxy(port, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      const own: unknown = value.bind(target);
      return member === 'commit' ? (asked: Commit) => commit(own as Store['commit'], asked) : own;
    },
  });

export async function serveDoomed(folder: string, decorate: Decorate): Promise<never> {
  await runServer({ folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false, decorate });
  process.exit(0);
}
