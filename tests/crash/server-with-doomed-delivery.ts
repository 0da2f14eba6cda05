import type { Commit } from '../../src/platform/store/port.ts';
import { die, serveDoomed, withCommit } from './doomed-server.ts';

/**
 * `slipway serve` that kills itself at the so-manieth commit of a delivery pipeline or a build since its start: `before` it is made, or
 * `after` it is durable. `node server-with-doomed-delivery.ts FOLDER MOMENT COUNT`.
 */
const [folder = '', moment = '', count = '1'] = process.argv.slice(2);
let left = Number(count);

const concerns = ({ write = [] }: Commit): boolean => write.some(({ key }) => /^CodePipeline|^Build|^CodeBuild/.test(key.kind));

await serveDoomed(folder, (name, port) =>
  name !== 'store'
    ? port
    : withCommit(port, async (own, commit) => {
        const isLast = concerns(commit) && --left === 0;
        if (isLast && moment === 'before') die();
        const result = await own(commit);
        if (isLast) die();
        return result;
      }),
);
