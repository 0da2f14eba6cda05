import { readFileSync } from 'node:fs';
import { Coverage } from './coverage.ts';

/**
 * Adds up what several runs reached, for docs/records/simulated.md: `node tests/simulation/sum-tables.ts out.*` of outputs of `simulate.ts --table`.
 * Rows of faults, step types and changes of status that were reached less than 1,000 times are named at the end.
 */
export interface Summed {
  readonly coverage: Coverage;
  readonly seeds: number;
  readonly events: number;
  readonly failed: number;
}

/** What was reached less often says little. */
const ENOUGH = 1_000;
const ROW = /^(.+?): (.+?) {2,}(\d+)$/;
const LAST = /^(\d+) seeds, (\d+) events, (\d+) seeds with problems$/;
/** Rows of calls are about clients, not about what the machine went through. */
const isAsked = (subject: string): boolean => subject === 'fault' || subject === 'step' || /^[A-Z]/.test(subject);

export function sumTables(outputs: Iterable<string>): Summed {
  const coverage = new Coverage();
  let [seeds, events, failed] = [0, 0, 0];
  for (const line of [...outputs].flatMap((output) => output.split('\n'))) {
    const [, subject, what, times] = ROW.exec(line) ?? [];
    if (subject !== undefined && what !== undefined) coverage.add(subject, what, Number(times));
    const [, ofSeeds, ofEvents, ofFailed] = LAST.exec(line) ?? [];
    seeds += Number(ofSeeds ?? 0);
    events += Number(ofEvents ?? 0);
    failed += Number(ofFailed ?? 0);
  }
  return { coverage, seeds, events, failed };
}

/** Rows that are not reached often enough, rarest first. */
export function rareRows({ counts }: Coverage): string[] {
  return [...counts]
    .map(([name, times]) => ({ subject: name.split('\t')[0] ?? '', text: name.replace('\t', ': '), times }))
    .filter(({ subject, times }) => isAsked(subject) && times < ENOUGH)
    .sort((one, other) => one.times - other.times)
    .map(({ text, times }) => `${text} (${times})`);
}

if (process.argv[1] === import.meta.filename) {
  const { coverage, seeds, events, failed } = sumTables(process.argv.slice(2).map((path) => readFileSync(path, 'utf8')));
  const table = coverage.table().filter((line) => isAsked(line.split(': ')[0] ?? ''));
  process.stdout.write(`${table.join('\n')}\n${seeds} seeds, ${events} events, ${failed} seeds with problems\n`);
  process.stdout.write(`below ${ENOUGH}: ${rareRows(coverage).join('; ') || 'none'}\n`);
}
