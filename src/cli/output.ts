import { relative } from 'node:path';

/** How verbs speak: tables for people, `--json` for programs, one line per change when piped. */
export interface Output {
  readonly json: boolean;
  /** A person's terminal: colours and live lines allowed. */
  readonly terminal: boolean;
  line(text: string): void;
  /** The machine-readable result; printed only under `--json`. */
  result(value: unknown): void;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    terminal: Boolean(process.stdout.isTTY) && !json && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
    line: (text) => {
      if (!json) process.stdout.write(`${forTerminal(text)}\n`);
    },
    result: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    },
  };
}

/**
 * Lines as they may be shown: what jobs and clients put into names, logs and reasons must not move a terminal's cursor, rename its
 * window or fill its clipboard. Colours stay, which are ours.
 */
export const forTerminal = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  text.replaceAll(/\u001b\[\d{1,2}m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (found) =>
    found.length > 1 ? found : `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

/** Columns aligned by their widest cell, headings in the first row. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** 83 seconds as `1m23s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(Math.floor(seconds % 60)).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}

/** A path as a person in the current folder would write it. */
export function shortPath(path: string): string {
  const below = relative('.', path);
  return below.startsWith('..') ? path : below;
}

const COLOURS: Record<string, number> = {
  Succeeded: 32,
  Completed: 32,
  InService: 32,
  Approved: 32,
  Failed: 31,
  Rejected: 31,
  Stopped: 33,
  Stopping: 33,
  Executing: 36,
  InProgress: 36,
  Starting: 36,
  Creating: 36,
  Updating: 36,
  PendingManualApproval: 33,
};

/** A status word, coloured in a terminal. */
export function statusWord(output: Output, status: string): string {
  const colour = COLOURS[status];
  return output.terminal && colour ? `\u001b[${colour}m${status}\u001b[0m` : status;
}
