import { RE2JS } from 're2js';
import type { MetricData, MetricDefinition } from '../../contract/generated/sagemaker.ts';

/** Metrics by regular expressions over log lines, at a cost linear in the log (RE2). Pure. */
export interface MetricPatterns {
  readonly patterns: readonly MetricPattern[];
  /** Why a definition cannot be used. */
  readonly problem?: string;
}

interface MetricPattern {
  /** The metric's name for a match; built-in definitions take it from the line. */
  readonly name: (group: (index: number) => string | null) => string | undefined;
  readonly valueGroup: number;
  readonly pattern: RE2JS;
}

export function compileMetrics(definitions: readonly MetricDefinition[]): MetricPatterns {
  const patterns: MetricPattern[] = [];
  for (const { Name, Regex } of definitions) {
    const pattern = compile(Regex);
    if (typeof pattern === 'string') {
      return {
        patterns: [],
        problem: `The regular expression of metric "${Name}" is not valid: ${Regex} (${pattern}). Look-around and back-references are not supported.`,
      };
    }
    if (pattern.groupCount() < 1) {
      return {
        patterns: [],
        problem: `The regular expression of metric "${Name}" has no group: ${Regex}. Put the number into one, as in loss=([0-9.]+).`,
      };
    }
    patterns.push({ name: () => Name, valueGroup: 1, pattern });
  }
  return { patterns };
}

function compile(regex: string): RE2JS | string {
  try {
    return RE2JS.compile(regex);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Steps of all expressions that one line may cost, about a second: of a longer line only the beginning is looked at. */
export const LINE_EFFORT_MAX = 20_000_000;

/** The line of built-in XGBoost's own definitions: `[3]\ttrain-rmse:2.84\tvalidation-rmse:3.25`. */
const XGBOOST_ROUND = RE2JS.compile('^\\[[0-9]+\\](?:\\t|#011)');
const XGBOOST_METRIC = RE2JS.compile('(train|validation)-([A-Za-z0-9_@.-]+):(\\S+)');

/** What is known of each metric so far: the last value in the log wins. */
export class MetricScan {
  readonly #patterns: readonly MetricPattern[];
  readonly #builtIn: boolean;
  readonly #found = new Map<string, MetricData>();
  /** Steps that a character of a line may cost: linear is not cheap where expressions repeat much. */
  readonly effortPerCharacter: number;

  constructor(definitions: readonly MetricDefinition[], builtInXgboost: boolean) {
    this.#patterns = compileMetrics(definitions).patterns;
    this.#builtIn = builtInXgboost;
    this.effortPerCharacter = this.#patterns.reduce((sum, { pattern }) => sum + pattern.programSize(), 1);
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0 && !this.#builtIn;
  }

  line(whole: string, timeMs: number): void {
    const text = whole.slice(0, Math.floor(LINE_EFFORT_MAX / this.effortPerCharacter));
    if (this.#builtIn && XGBOOST_ROUND.matcher(text).find()) this.#round(text, timeMs);
    // AWS shows a tab in a log as #011, and definitions written for AWS say so; both forms match
    const escaped = text.includes('\t') ? text.replaceAll('\t', '#011') : undefined;
    for (const { name, valueGroup, pattern } of this.#patterns) {
      const matcher = pattern.matcher(text);
      const found = matcher.find() ? matcher : escaped === undefined ? undefined : pattern.matcher(escaped);
      if (!found || (found !== matcher && !found.find())) continue;
      this.#keep(
        name((index) => found.group(index)),
        found.group(valueGroup),
        timeMs,
      );
    }
  }

  #round(text: string, timeMs: number): void {
    const matcher = XGBOOST_METRIC.matcher(text.replaceAll('#011', '\t'));
    while (matcher.find()) this.#keep(`${matcher.group(1)}:${matcher.group(2)}`, matcher.group(3) ?? null, timeMs);
  }

  #keep(name: string | undefined, value: string | null, timeMs: number): void {
    const number = value === null || value.trim() === '' ? Number.NaN : Number(value);
    if (name === undefined || !Number.isFinite(number)) return;
    // of several hosts' logs the newest value counts
    if (timeMs < Number(this.#found.get(name)?.Timestamp ?? 0)) return;
    this.#found.set(name, { MetricName: name, Value: number, Timestamp: timeMs });
  }

  results(): MetricData[] {
    return [...this.#found.values()];
  }
}
