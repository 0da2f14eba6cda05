import { parentPort } from 'node:worker_threads';
import { COVERAGE_FORMATS, type ReportFormat } from './decide-buildspec.ts';
import { readCoverage } from './decide-coverage.ts';
import { readTestResults } from './decide-test-results.ts';
import { type FileFound, type FileQuestion, ITEMS_MAX } from './read-report-files.ts';

/** Reads files that code of a build wrote, one at a time: whatever that costs, it costs this thread only. */

const isCoverage = (format: ReportFormat): boolean => (COVERAGE_FORMATS as readonly string[]).includes(format);

function readFile(format: ReportFormat, text: string): FileFound {
  const found = isCoverage(format) ? readCoverage(format, text) : readTestResults(format, text);
  if ('problem' in found) return found;
  return { items: ('cases' in found ? found.cases : found.files).slice(0, ITEMS_MAX + 1) };
}

parentPort?.on('message', ({ format, content }: FileQuestion) => {
  parentPort?.postMessage(readFile(format, Buffer.from(content).toString('utf8')));
});
