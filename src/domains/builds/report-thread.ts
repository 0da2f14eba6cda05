import { parentPort } from 'node:worker_threads';
import { COVERAGE_FORMATS, type ReportFormat } from './decide-buildspec.ts';
import { type FileCoverage, readCoverage } from './decide-coverage.ts';
import { type CaseFound, readTestResults } from './decide-test-results.ts';
import { type FileFound, type FileQuestion, ITEMS_MAX } from './read-report-files.ts';

/** Reads files that code of a build wrote, one at a time: whatever that costs, it costs this thread only. */

const TEXT_CHARS_MAX = 4_096;

const isCoverage = (format: ReportFormat): boolean => (COVERAGE_FORMATS as readonly string[]).includes(format);

function readFile(format: ReportFormat, text: string): FileFound {
  const found = isCoverage(format) ? readCoverage(format, text) : readTestResults(format, text);
  if ('problem' in found) return found;
  const items: readonly (CaseFound | FileCoverage)[] = 'cases' in found ? found.cases : found.files;
  return { items: items.slice(0, ITEMS_MAX + 1).map(shortened) };
}

/** What is the same text here, as the name of a suite, is written out with each item on the way. */
const shortened = <T extends object>(item: T): T =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [name, typeof value === 'string' ? value.slice(0, TEXT_CHARS_MAX) : value]),
  ) as T;

parentPort?.on('message', ({ format, content }: FileQuestion) => {
  parentPort?.postMessage(readFile(format, Buffer.from(content).toString('utf8')));
});
