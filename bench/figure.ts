import { loadavg } from 'node:os';

/** What a bench found out, printed as one JSON line. */
export interface Figure {
  readonly name: string;
  /** Null when this machine does not let it be measured; `note` says why. */
  readonly value: number | null;
  readonly unit: string;
  /** The cheapest thing that does the same, measured in the same run; `ratio` is value / floor. */
  readonly floor?: number;
  /** The most that `value` may be. */
  readonly budget?: number;
  /** The most that value / floor may be. */
  readonly ratioBudget?: number;
  readonly note?: string;
}

/** Prints the figure with its ratio, whether its budget is met, and how busy the machine was. A missed one makes the bench exit 1. */
export function report(figure: Figure): void {
  const { name, value, unit, floor, budget, ratioBudget, note } = figure;
  const ratio = value === null || !floor ? undefined : value / floor;
  const bounds = [
    [value, budget],
    [ratio, ratioBudget],
  ].filter(([, bound]) => bound !== undefined);
  const met = bounds.length === 0 ? undefined : bounds.every(([found, bound]) => (found ?? Infinity) <= (bound ?? 0));
  if (met === false) process.exitCode = 1;
  const line = {
    name,
    value: rounded(value),
    unit,
    floor: rounded(floor),
    ratio: rounded(ratio),
    budget,
    ratioBudget,
    met,
    note,
  };
  process.stdout.write(`${JSON.stringify({ ...line, load: rounded(loadavg()[0]) })}\n`);
}

/** Three significant digits; no bench is better than that. */
function rounded<T extends number | null | undefined>(value: T): T {
  return typeof value === 'number' && Number.isFinite(value) ? (Number(value.toPrecision(3)) as T) : value;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
