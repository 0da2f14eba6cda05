import { createTrial, type TrialIsolation } from './sandbox-trial.ts';

/** A server that starts work and is then killed by the test: `doomed-server.ts <isolation> <folder> <id> <script>`. */
const [isolation, folder, id, script] = process.argv.slice(2) as [TrialIsolation, string, string, string];
const trial = createTrial(isolation, folder);
await trial.backend.start(trial.spec(id, script));
process.stdout.write('started\n');
setInterval(() => undefined, 1 << 30);
