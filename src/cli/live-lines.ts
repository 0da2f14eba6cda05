import { stripVTControlCharacters } from 'node:util';
import { forTerminal, type Output } from './output.ts';

/** Lines at the end of a terminal that are replaced as things go on. Piped, and under `--json`, they are not shown. */
export interface LiveLines {
  show(lines: readonly string[]): void;
  clear(): void;
}

export function createLiveLines(output: Output): LiveLines {
  let shown = 0;
  const clear = (): void => {
    if (shown > 0) process.stdout.write(`\u001b[${shown}A\r\u001b[0J`);
    shown = 0;
  };
  return {
    clear,
    show(lines) {
      if (!output.terminal) return;
      clear();
      const { columns = 80, rows = 24 } = process.stdout;
      const fitting = lines.slice(0, Math.max(1, rows - 2)); // what scrolls away cannot be replaced
      for (const line of fitting) process.stdout.write(`${forTerminal(fit(line, columns))}\n`);
      shown = fitting.length;
    },
  };
}

/** A line that wraps would be two to clear; colours go when it has to be cut. */
function fit(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length < columns ? line : plain.slice(0, columns - 1);
}
