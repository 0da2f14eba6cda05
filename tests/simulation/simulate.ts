import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Coverage } from './coverage.ts';
import { runDeliverySeed } from './delivery/run-delivery-seed.ts';
import { runSeed } from './run-seed.ts';
import type { SeedReport } from './seed-run.ts';

const RUNS = { delivery: runDeliverySeed } as const;
export type About = keyof typeof RUNS;

const runOf = (about: About | undefined) => (about ? RUNS[about] : runSeed);

/**
 * Runs many seeds: `node tests/simulation/simulate.ts --seeds 1000`. One seed with its events: `--from 4711 --seeds 1 --trace`.
 * Exits 1 when a seed found something, and prints how to repeat it.
 */
export interface SimulationOptions {
  /** What the seeds are about; each is a world of its own. Absent: what a seed's number says. */
  readonly about?: About | undefined;
  readonly from: number;
  readonly seeds: number;
  /** Threads. */
  readonly workers: number;
  /** Every so many seeds one is run again, and must do the same; 0: none is. */
  readonly againEvery: number;
  /** Stops after so many seeds with problems. */
  readonly problemsMax: number;
  readonly onProgress?: (done: number, failed: number) => void;
  /** Each seed that found something, as it comes. */
  readonly onFound?: (report: SeedReport) => void;
}

export interface SimulationReport {
  readonly seeds: number;
  readonly events: number;
  readonly failed: readonly SeedReport[];
  readonly coverage: Coverage;
}

/** Seeds a thread takes at a time. */
const BATCH = 20;

export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const coverage = new Coverage();
  const failed: SeedReport[] = [];
  let [next, done, events] = [options.from, 0, 0];
  const end = options.from + options.seeds;
  const take = (): number[] => {
    if (failed.length >= options.problemsMax) return [];
    const batch = Array.from({ length: Math.min(BATCH, end - next) }, (_, at) => next + at);
    next += batch.length;
    return batch;
  };
  const add = (reports: readonly SeedReport[]) => {
    for (const report of reports) {
      done += 1;
      events += report.events;
      coverage.merge(report.coverage);
      if (report.problems.length === 0) continue;
      failed.push(report);
      options.onFound?.(report);
    }
    options.onProgress?.(done, failed.length);
  };
  const { againEvery, about } = options;
  const how = { againEvery, about };
  if (options.workers <= 1) {
    for (let batch = take(); batch.length > 0; batch = take()) add(await runBatch(batch, how));
  } else await Promise.all(Array.from({ length: options.workers }, () => runWorker(how, take, add)));
  failed.sort((one, other) => one.seed - other.seed);
  return { seeds: done, events, failed, coverage };
}

type How = Pick<SimulationOptions, 'about' | 'againEvery'>;

async function runBatch(seeds: readonly number[], { about, againEvery }: How): Promise<SeedReport[]> {
  const run = runOf(about);
  const reports: SeedReport[] = [];
  for (const seed of seeds) {
    const report = await run(seed);
    const again = againEvery > 0 && seed % againEvery === 0 ? await run(seed) : report;
    const same = again.traceHash === report.traceHash;
    reports.push(same ? report : { ...report, problems: [...report.problems, 'the same seed does the same: it did not'] });
  }
  return reports;
}

function runWorker(how: How, take: () => number[], add: (reports: readonly SeedReport[]) => void): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: how });
  return new Promise((resolve, reject) => {
    const feed = () => {
      const batch = take();
      worker.postMessage(batch);
      if (batch.length === 0) resolve();
    };
    worker.on('message', (reports: SeedReport[]) => {
      add(reports);
      feed();
    });
    worker.on('error', reject);
    feed();
  });
}

function work(): void {
  const port = parentPort;
  const how = workerData as How;
  port?.on('message', (seeds: number[]) => {
    if (seeds.length === 0) port.close();
    else void runBatch(seeds, how).then((reports) => port.postMessage(reports));
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      about: { type: 'string' },
      from: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1000' },
      workers: { type: 'string', default: '2' },
      again: { type: 'string', default: '1' },
      trace: { type: 'boolean', default: false },
      table: { type: 'boolean', default: false },
      problems: { type: 'string', default: '5' },
    },
  });
  const about = values.about as About | undefined;
  if (about !== undefined && !Object.hasOwn(RUNS, about)) {
    process.stderr.write(`--about ${about}: there is ${Object.keys(RUNS).join(', ')}\n`);
    return 2;
  }
  if (values.trace) return traceSeed(Number(values.from), about);
  const report = await simulate({
    about,
    from: Number(values.from),
    seeds: Number(values.seeds),
    workers: Number(values.workers),
    againEvery: Number(values.again),
    problemsMax: Number(values.problems),
    onFound: ({ seed, problems }) => process.stdout.write(`seed ${seed}:\n  ${problems.join('\n  ')}\n${repeat(seed, about)}\n`),
    onProgress: (done, failed) => process.stderr.isTTY && process.stderr.write(`\r${done} seeds, ${failed} with problems`),
  });
  if (values.table) process.stdout.write(`${report.coverage.table().join('\n')}\n`);
  process.stdout.write(`${report.seeds} seeds, ${report.events} events, ${report.failed.length} seeds with problems\n`);
  return report.failed.length > 0 ? 1 : 0;
}

export const repeat = (seed: number, about?: About): string =>
  `  repeat: node tests/simulation/simulate.ts${about ? ` --about ${about}` : ''} --from ${seed} --trace`;

async function traceSeed(seed: number, about: About | undefined): Promise<number> {
  const report = await runOf(about)(seed, {
    onEvent: (event, at) => process.stdout.write(`${String(at).padStart(5)} ${event}\n`),
  });
  process.stdout.write(`${report.problems.join('\n')}\n`);
  return report.problems.length > 0 ? 1 : 0;
}

if (!isMainThread && workerData && 'againEvery' in workerData) work();
else if (isMainThread && process.argv[1] === import.meta.filename) process.exitCode = await main();
