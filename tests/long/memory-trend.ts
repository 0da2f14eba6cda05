import { readFileSync } from 'node:fs';

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** How fast something grows, with the bounds between which it lies with a confidence of 95 %. Per hour, in the samples' unit. */
export interface Trend {
  readonly perHour: number;
  readonly low: number;
  readonly high: number;
}

const HOUR_MS = 3_600_000;
/** Rises and falls between two collections of garbage say nothing: of each window the lowest counts. */
const WINDOWS = 12;
/** Two-sided 95 % quantile of Student's t with 10 degrees of freedom: twelve windows, less slope and intercept. */
const T_QUANTILE = 2.228;

/** Least squares through the lowest sample of each of twelve windows. */
export function trendOf(samples: readonly Sample[]): Trend {
  const beganMs = samples[0]?.atMs ?? 0;
  const lastsMs = (samples.at(-1)?.atMs ?? 0) - beganMs + 1;
  const lowest = new Map<number, Sample>();
  for (const sample of samples) {
    const window = Math.floor(((sample.atMs - beganMs) / lastsMs) * WINDOWS);
    if (sample.value <= (lowest.get(window)?.value ?? Number.POSITIVE_INFINITY)) lowest.set(window, sample);
  }
  const points = [...lowest.values()].map(({ atMs, value }) => [(atMs - beganMs) / HOUR_MS, value] as const);
  if (points.length < WINDOWS)
    throw new Error(`A trend needs samples in each of ${WINDOWS} windows; these fill ${points.length}.`);
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  const perHour = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0) / spread;
  const rest = points.reduce((sum, [px, py]) => sum + (py - y - perHour * (px - x)) ** 2, 0);
  const error = Math.sqrt(rest / (points.length - 2) / spread);
  return { perHour, low: perHour - T_QUANTILE * error, high: perHour + T_QUANTILE * error };
}

export const inWords = ({ perHour, low, high }: Trend, unit: string): string =>
  `${perHour.toFixed(2)} ${unit} an hour (95 %: ${low.toFixed(2)} to ${high.toFixed(2)})`;

/** What a process has resident of its own, in MB: without the pages of the Node binary and other files. */
export function ownMemoryMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}
