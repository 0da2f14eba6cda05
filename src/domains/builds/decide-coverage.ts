import type { CodeCoverage, CodeCoverageReportSummary } from '../../contract/generated/codebuild.ts';
import type { ReportFormat } from './decide-buildspec.ts';
import { all, attribute, descendants, parseXml, type XmlNode } from './decide-xml.ts';

/** Files of code coverage, of every format that CodeBuild takes, as numbers per source file. Pure. */

export interface FileCoverage {
  readonly filePath: string;
  readonly linesCovered: number;
  readonly linesMissed: number;
  readonly branchesCovered: number;
  readonly branchesMissed: number;
}
export type Coverage = { readonly files: readonly FileCoverage[] } | { readonly problem: string };

export function readCoverage(format: ReportFormat, text: string): Coverage {
  if (format === 'SIMPLECOV') return readSimplecov(text);
  const root = parseXml(text);
  if ('problem' in root) return root;
  const files = READERS[format]?.(root);
  return files ? { files: merged(files) } : { problem: `${format} is no format of code coverage` };
}

const READERS: Partial<Record<ReportFormat, (root: XmlNode) => FileCoverage[]>> = {
  COBERTURAXML: (root) => descendants(root, 'class').map(coberturaClass),
  CLOVERXML: (root) => descendants(root, 'file').flatMap(cloverFile),
  JACOCOXML: (root) =>
    descendants(root, 'package').flatMap((owner) => all(owner, 'sourcefile').map((file) => jacocoFile(owner, file))),
};

function coberturaClass(node: XmlNode): FileCoverage {
  let covered = 0;
  let branchesCovered = 0;
  let branches = 0;
  // lines of methods are listed again below their class
  const lines = all(node, 'lines').flatMap((one) => all(one, 'line'));
  for (const line of lines) {
    if (numberOf(line, 'hits') > 0) covered += 1;
    const [, hit = 0, of = 0] = /\((\d+)\/(\d+)\)/.exec(attribute(line, 'condition-coverage') ?? '') ?? [];
    branchesCovered += Number(hit);
    branches += Number(of);
  }
  return {
    filePath: attribute(node, 'filename') ?? '',
    linesCovered: covered,
    linesMissed: lines.length - covered,
    branchesCovered,
    branchesMissed: branches - branchesCovered,
  };
}

function cloverFile(node: XmlNode): FileCoverage[] {
  const [metrics] = all(node, 'metrics');
  if (!metrics) return [];
  const covered = numberOf(metrics, 'coveredstatements');
  const branchesCovered = numberOf(metrics, 'coveredconditionals');
  return [
    {
      filePath: attribute(node, 'path') ?? attribute(node, 'name') ?? '',
      linesCovered: covered,
      linesMissed: numberOf(metrics, 'statements') - covered,
      branchesCovered,
      branchesMissed: numberOf(metrics, 'conditionals') - branchesCovered,
    },
  ];
}

function jacocoFile(owner: XmlNode, node: XmlNode): FileCoverage {
  const counter = (type: string) => all(node, 'counter').find((one) => attribute(one, 'type') === type);
  const [lines, branches] = [counter('LINE'), counter('BRANCH')];
  return {
    filePath: `${attribute(owner, 'name') ?? ''}/${attribute(node, 'name') ?? ''}`,
    linesCovered: lines ? numberOf(lines, 'covered') : 0,
    linesMissed: lines ? numberOf(lines, 'missed') : 0,
    branchesCovered: branches ? numberOf(branches, 'covered') : 0,
    branchesMissed: branches ? numberOf(branches, 'missed') : 0,
  };
}

function readSimplecov(text: string): Coverage {
  let suites: unknown;
  try {
    suites = JSON.parse(text);
  } catch {
    return { problem: 'the file is no JSON' };
  }
  if (typeof suites !== 'object' || suites === null) return { problem: 'the file holds no suites' };
  const files: FileCoverage[] = [];
  for (const suite of Object.values(suites as Record<string, { coverage?: unknown } | null>)) {
    const coverage = suite?.coverage ?? {};
    if (typeof coverage !== 'object') return { problem: 'the coverage of a suite is no mapping of files' };
    for (const [filePath, found] of Object.entries(coverage as Record<string, unknown>)) {
      const lines: unknown = Array.isArray(found) ? found : ((found as { lines?: unknown } | null)?.lines ?? []);
      if (!Array.isArray(lines)) return { problem: `the lines of "${filePath.slice(0, 200)}" are no list` };
      const counted = lines.filter((hits) => typeof hits === 'number');
      const linesCovered = counted.filter((hits) => hits > 0).length;
      files.push({ filePath, linesCovered, linesMissed: counted.length - linesCovered, branchesCovered: 0, branchesMissed: 0 });
    }
  }
  return { files: merged(files) };
}

const numberOf = (node: XmlNode, name: string): number => {
  const value = Number(attribute(node, name) ?? 0);
  return Number.isFinite(value) ? value : 0;
};

/** Several classes may be of one file. */
function merged(files: readonly FileCoverage[]): FileCoverage[] {
  const byPath = new Map<string, FileCoverage>();
  for (const file of files) {
    const before = byPath.get(file.filePath);
    byPath.set(file.filePath, before ? added(before, file) : file);
  }
  return [...byPath.values()];
}

const added = (one: FileCoverage, other: FileCoverage): FileCoverage => ({
  filePath: one.filePath,
  linesCovered: one.linesCovered + other.linesCovered,
  linesMissed: one.linesMissed + other.linesMissed,
  branchesCovered: one.branchesCovered + other.branchesCovered,
  branchesMissed: one.branchesMissed + other.branchesMissed,
});

const percentage = (covered: number, missed: number): number =>
  covered + missed === 0 ? 0 : Math.round((covered / (covered + missed)) * 10_000) / 100;

export const coverageOf = (file: FileCoverage): CodeCoverage & FileCoverage => ({
  ...file,
  lineCoveragePercentage: percentage(file.linesCovered, file.linesMissed),
  branchCoveragePercentage: percentage(file.branchesCovered, file.branchesMissed),
});

export function coverageSummary(files: readonly FileCoverage[]): CodeCoverageReportSummary {
  const nothing: FileCoverage = { filePath: '', linesCovered: 0, linesMissed: 0, branchesCovered: 0, branchesMissed: 0 };
  const { filePath: _path, ...sums } = coverageOf(files.reduce(added, nothing));
  return sums;
}
