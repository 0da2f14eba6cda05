import { runServer } from '../../src/main.ts';
import type { Decorate } from '../../src/platform/ports/decorate.ts';
import type { Commit, Store } from '../../src/platform/store/port.ts';

/**
 * `slipway serve` that kills itself at the so-manieth commit of a delivery pipeline or a build since its start: `before` it is made, or
 * `after` it is durable. `node server-with-doomed-delivery.ts FOLDER MOMENT COUNT`.
 */
const [folder = '', moment = '', count = '1'] = process.argv.slice(2);
let left = Number(count);

const concerns = ({ write = [] }: Commit): boolean => write.some(({ key }) => /^CodePipeline|^Build|^CodeBuild/.test(key.kind));

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

const decorate: Decorate = (name, port) => {
  if (name !== 'store') return port;
  const store = port as unknown as Store;
  return new Proxy(port, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (member !== 'commit') return typeof value === 'function' ? value.bind(target) : value;
      return async (commit: Commit) => {
        const isLast = concerns(commit) && --left === 0;
        if (isLast && moment === 'before') die();
        const result = await store.commit(commit);
        if (isLast) die();
        return result;
      };
    },
  });
};

await runServer({ folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false, decorate });
process.exit(0);
