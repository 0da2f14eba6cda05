/** Child of the kill test: commits without end and prints the name of each commit once it is acknowledged. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../clock.ts';
import { keyOf, writeOf } from '../port-suite.ts';
import { createSqliteStore } from './sqlite-store.ts';

const [path = '', round = ''] = process.argv.slice(2);
const store = createSqliteStore({ path, clock: systemClock });

async function commitOn(worker: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const name = `${round}-${worker}-${count}`;
    const outcome = await store.commit({
      expect: [{ key: keyOf(name), version: 0 }],
      write: [writeOf(name), { ...writeOf(name), key: keyOf(name, 'Twin') }],
      timers: [{ reconciler: 'r', key: keyOf(name), dueAtMs: count }],
      events: [{ source: 's', detailType: 'd', account: '1', region: 'r', timeMs: Date.now(), resources: [name], detail: {} }],
      ledger: [{ timeMs: count, account: '1', region: 'r', actor: 'a', action: name, outcome: 'done', resources: [] }],
    });
    if (outcome.outcome === 'done') tell(`${name}\n`);
  }
}

/** Before anything else happens; whoever reads may be slow, and the pipe full. */
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

for (let worker = 0; worker < 8; worker += 1) void commitOn(worker);
