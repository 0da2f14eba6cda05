import type { Git } from '../../src/platform/ports/git.ts';
import { die, serveDoomed, withCommit } from './doomed-server.ts';

/**
 * `slipway serve` that kills itself at its first push: `amid` while receive-pack runs, `received` when it has ended and nothing is recorded,
 * `recorded` when the record is durable and the client has not heard. `node server-with-doomed-push.ts FOLDER MOMENT`.
 */
const [folder = '', moment = ''] = process.argv.slice(2);
let received = false;

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

await serveDoomed(folder, (name, port) => {
  if (name === 'git') return { ...port, run: doomedRun(port as unknown as Git) };
  if (name !== 'store') return port;
  return withCommit(port, async (own, commit) => {
    const result = await own(commit);
    if (moment === 'recorded' && received && (commit.events ?? []).length > 0) die();
    return result;
  });
});
