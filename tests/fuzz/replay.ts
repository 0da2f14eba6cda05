import { readFileSync } from 'node:fs';
import { faultOf } from './check-answer.ts';
import { createCorpus } from './corpus.ts';
import { fromFile } from './fuzz-request.ts';
import { startFuzzServer } from './fuzz-server.ts';
import { send } from './run-fuzz.ts';
import { WireConnection } from './wire-connection.ts';

/** Sends requests of a run that failed to a fresh server again: `node tests/fuzz/replay.ts FILE…`. */
const server = await startFuzzServer();
try {
  const corpus = await createCorpus(server);
  for (const file of process.argv.slice(2)) {
    const request = fromFile(readFileSync(file, 'utf8'));
    const kept = { main: new WireConnection(corpus.target.main), runtime: new WireConnection(corpus.target.runtime) };
    const outcome = await send(request, kept, corpus);
    for (const { status, headers, body } of outcome.answers) {
      process.stdout.write(`${status} ${JSON.stringify(headers)}\n${body.toString('utf8', 0, 5000)}\n`);
    }
    process.stdout.write(`${file}: ${faultOf(request, outcome) ?? 'no fault'}\n`);
    for (const connection of Object.values(kept)) connection.close();
  }
  for (const line of server.log().split('\n'))
    if (/"level":(50|60)/.test(line)) process.stdout.write(`log: ${line.slice(0, 3000)}\n`);
} finally {
  await server.stop();
}
