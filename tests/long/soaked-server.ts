import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { runServer } from '../../src/main.ts';

/**
 * `node soaked-server.ts FOLDER NOTES`: the server, which now and then throws away what it no longer needs and notes what is left, in bytes: a line with the time,
 * what its heap holds, what lies outside of the heap for it, and what is resident. From outside only the last can be seen, and that V8 lets grow as long as the machine has
 * memory to spare.
 */
const [folder = '', notes = ''] = process.argv.slice(2);
const NOTE_EVERY_MS = 10_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
setInterval(() => {
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  appendFileSync(notes, `${Date.now()} ${heapUsed} ${external} ${rss}\n`);
}, NOTE_EVERY_MS).unref();

await runServer({ folder, host: '127.0.0.1', port: 0, runtimePort: undefined, stopJobs: false });
