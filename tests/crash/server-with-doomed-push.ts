import { runServer } from '../../src/main.ts';
import type { Decorate } from '../../src/platform/ports/decorate.ts';
import type { Git } from '../../src/platform/ports/git.ts';
import type { Store } from '../../src/platform/store/port.ts';

/**
 * `slipway serve` that kills itself at its first push: `amid` while receive-pack runs, `received` when it has ended and nothing is recorded,
 * `recorded` when the record is durable and the client has not heard. `node server-with-doomed-push.ts FOLDER MOMENT`.
 */
const [folder = '', moment = ''] = process.argv.slice(2);
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
};

let received = false;
const decorate: Decorate = (name, port) => {
  if (name === 'git') return { ...port, run: doomedRun(port as unknown as Git) };
  if (name !== 'store') return port;
  const store = port as unknown as Store;
  return new Proxy(port, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (member !== 'commit') return typeof value === 'function' ? value.bind(target) : value;
      return async (commit: Parameters<Store['commit']>[0]) => {
        const result = await store.commit(commit);
        if (moment === 'recorded' && received && (commit.events ?? []).length > 0) die();
        return result;
      };
    },
  });
};

const doomedRun =
  (git: Git): Git['run'] =>
  async (place, words, options) => {
    const isPush = words.includes('receive-pack') && !words.includes('--advertise-refs');
    const running = git.run(place, words, options);
    if (isPush && moment === 'amid') setTimeout(die, 3);
    const result = await running;
    received ||= isPush;
    if (isPush && moment !== 'recorded') die();
    return result;
  };

await runServer({ folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false, decorate });
process.exit(0);
