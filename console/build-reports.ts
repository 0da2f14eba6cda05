import type { OutputOf } from '../src/contract/operations.ts';
import { call, isRefusal } from './api.ts';
import { h } from './dom.ts';
import { durationText } from './format.ts';
import { type Row, statusBadge, tableOf } from './parts.ts';

type Report = NonNullable<OutputOf<'codebuild:BatchGetReports'>['reports']>[number];

const CASES_SHOWN = 100;
const settled = new Map<string, HTMLElement>();

/** Test and coverage reports of a build; one that is complete is read once. */
export async function buildReports(reportArns: readonly string[]): Promise<Node[]> {
  if (reportArns.length === 0) return [];
  const isNew = reportArns.some((arn) => !settled.has(arn));
  const sections = isNew ? await readReports(reportArns) : reportArns.flatMap((arn) => settled.get(arn)?.cloneNode(true) ?? []);
  return [h('h3', { class: 'section' }, 'Reports'), ...sections];
}

async function readReports(reportArns: readonly string[]): Promise<Node[]> {
  try {
    const { reports = [] } = await call('codebuild:BatchGetReports', { reportArns: [...reportArns] });
    return await Promise.all(reports.map(readReport));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return [h('p', { class: 'sub' }, `${error.code}: ${error.message}`)];
  }
}

async function readReport(report: Report): Promise<Node> {
  const { arn = '', name = '', reportGroupArn, type, status, testSummary, codeCoverageSummary: coverage } = report;
  const counts = Object.entries(testSummary?.statusCounts ?? {}).filter(([, count]) => count > 0);
  const facts =
    type === 'CODE_COVERAGE'
      ? `${coverage?.lineCoveragePercentage ?? 0} % of lines, ${coverage?.branchCoveragePercentage ?? 0} % of branches`
      : [`${testSummary?.total ?? 0} tests`, ...counts.map(([word, count]) => `${count} ${word}`)].join(' · ');
  const details = type === 'CODE_COVERAGE' ? await coverageOf(arn) : await casesOf(arn);
  const section = h(
    'details',
    { class: 'report', open: status === 'FAILED' ? '' : undefined },
    h('summary', {}, `${reportGroupArn?.split('/').at(-1) ?? name} `, statusBadge(status), ` ${facts}`),
    details,
  );
  if (status !== 'GENERATING') settled.set(arn, section.cloneNode(true) as HTMLElement);
  return section;
}

async function casesOf(reportArn: string): Promise<HTMLElement> {
  const { testCases = [] } = await call('codebuild:DescribeTestCases', { reportArn, maxResults: CASES_SHOWN });
  const rank = (status: string | undefined): number => (status === 'SUCCEEDED' ? 1 : 0);
  const rows = [...testCases]
    .sort((a, b) => rank(a.status) - rank(b.status))
    .map(
      ({ prefix = '', name = '', status, durationInNanoSeconds = 0, message = '' }, at): Row => ({
        key: String(at),
        cells: [
          h('div', {}, prefix ? h('div', { class: 'sub tight' }, prefix) : undefined, name),
          statusBadge(status),
          durationText(1, 1 + durationInNanoSeconds / 1e9),
          message && status !== 'SUCCEEDED' ? h('pre', { class: 'plain' }, message) : message,
        ],
      }),
    );
  return tableOf(['Test', 'Status', 'Took', 'Message'], rows);
}

async function coverageOf(reportArn: string): Promise<HTMLElement> {
  const { codeCoverages = [] } = await call('codebuild:DescribeCodeCoverages', { reportArn, maxResults: CASES_SHOWN });
  const rows = codeCoverages.map(
    ({ id = '', filePath = '', lineCoveragePercentage = 0, linesCovered = 0, linesMissed = 0 }): Row => ({
      key: id,
      cells: [filePath, `${lineCoveragePercentage} %`, `${linesCovered} of ${linesCovered + linesMissed}`],
    }),
  );
  return tableOf(['File', 'Lines covered', 'Lines'], rows);
}
