import { createInterface } from 'node:readline';
import { runServer } from '../../src/main.ts';
import { type Doom, Points } from './points.ts';

/**
 * The server of `slipway serve` with its ports watched: `node server-with-points.ts FOLDER RECORD`. It writes every point it passes to the file
 * RECORD. Lines of its standard input say where to kill itself (a Doom in JSON); the first one, which may be empty, starts the server, so that a
 * process can be at hand before the one before it is dead.
 */
const [folder = '', record = ''] = process.argv.slice(2);
const points = new Points(record);
const { promise: told, resolve: start } = Promise.withResolvers<void>();
createInterface(process.stdin).on('line', (line) => {
  if (line !== '') points.doom(JSON.parse(line) as Doom);
  start();
});
await told;
try {
  const options = { folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false };
  await runServer({ ...options, decorate: points.decorate });
  process.exit(0);
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exit(2);
}
