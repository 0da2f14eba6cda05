import type { Report, ReportType, TestCase } from '../../contract/generated/codebuild.ts';
import type { OperationName } from '../../contract/operations.ts';
import { recordDenial } from '../../platform/calls/dispatch.ts';
import type { OperationContext } from '../../platform/calls/operation.ts';
import { EXPIRY_RECONCILER } from '../../platform/idempotency.ts';
import { changedMembers, type LedgerInput } from '../../platform/ledger/entry.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import type { WorkOutputFile } from '../../platform/ports/work.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { arnOf, keyOf, keyOfArn } from '../../platform/resources/declaration.ts';
import type { Commit, Write } from '../../platform/store/port.ts';
import { readRow, writeOf } from '../../platform/store/typed-rows.ts';
import type { BuildSession } from './build-session.ts';
import { COVERAGE_FORMATS, type ReportSpec } from './decide-buildspec.ts';
import { type FileCoverage, coverageSummary } from './decide-coverage.ts';
import type { BuildRecords } from './decide-phases.ts';
import { type CaseFound, summaryOf } from './decide-test-results.ts';
import type { BuildsPorts } from './ports.ts';
import { ITEMS_MAX, openReportReader } from './read-report-files.ts';
import { type BuildDocument, REPORT, REPORT_GROUP, type ReportDocument, type ReportGroupDocument } from './resources.ts';

/** Files of results that a build left, as reports of their groups. */

/** Of all files of one report. */
const REPORT_BYTES_MAX = 64 * 1024 * 1024;
/** That the log tells. */
const PROBLEMS_MAX = 100;
/** As AWS keeps test cases. */
const REPORT_LIFETIME_MS = 30 * 24 * 3600 * 1000;

interface KeptReports {
  readonly reportArns: readonly string[];
  readonly lines: readonly string[];
  readonly commit: Required<Pick<Commit, 'expect' | 'write' | 'timers' | 'ledger'>>;
}

type Details = readonly CaseFound[] | readonly FileCoverage[];

/**
 * Under names made of the build's: read again after a crash, they are the same reports. What the build's role may not write is the build's
 * failure and comes back as its reason, as at AWS.
 */
export async function keepReports(
  ports: BuildsPorts,
  session: BuildSession,
  key: ResourceKey,
  build: BuildDocument,
  records: BuildRecords,
): Promise<KeptReports | { readonly problem: string }> {
  const specs = build.keeps?.reports ?? [];
  const kept: KeptReports = { reportArns: [], lines: [], commit: { expect: [], write: [], timers: [], ledger: [] } };
  if (records.reports.size === 0) return kept;
  const { files } = await ports.backend.outputs(build.workId, 'reports');
  let { reportArns, lines, commit } = kept;
  for (const [at, spec] of specs.entries()) {
    const paths = records.reports.get(at);
    if (!paths) continue;
    const group = await groupOf(ports, session, key, build, spec);
    const refused = await refusalOf(ports, session, key, group);
    if (refused) return { problem: `Error in UPLOAD_ARTIFACTS phase: [${spec.group}: [${refused}]]` };
    const own = files.filter(({ relativePath }) => relativePath.startsWith(`${at}/`));
    const read = await readReport(ports.clock, spec, own, paths);
    const report = reportOf(group.document, key, build, read);
    if (reportArns.includes(report.arn)) continue; // the same group twice
    reportArns = [...reportArns, report.arn];
    lines = [...lines, `Report ${report.arn}: ${report.status ?? ''}`, ...read.problems];
    const details = await ports.blobs.write(once(JSON.stringify(read.details)));
    commit = {
      expect: [...commit.expect, ...group.expect],
      write: [
        ...commit.write,
        ...group.write,
        reportWrite(keyOf(REPORT, key, nameOf(report.arn)), report, details.digest, build),
      ],
      timers: [
        ...commit.timers,
        { reconciler: EXPIRY_RECONCILER, key: keyOf(REPORT, key, nameOf(report.arn)), dueAtMs: report.expired ?? 0 },
      ],
      ledger: [...commit.ledger, ...group.ledger],
    };
  }
  return { reportArns, lines, commit };
}

const nameOf = (arn: string): string => keyOfArn(REPORT, arn)?.name ?? arn;

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

interface FoundGroup {
  readonly document: ReportGroupDocument;
  readonly expect: Commit['expect'];
  readonly write: readonly Write[];
  /** Of one that is made. */
  readonly ledger: readonly LedgerInput[];
}

/** A group that exists is named by its ARN; another name is that of the project's own group, made when it is first needed. */
async function groupOf(
  ports: BuildsPorts,
  session: BuildSession,
  key: ResourceKey,
  build: BuildDocument,
  spec: ReportSpec,
): Promise<FoundGroup> {
  const name = keyOfArn(REPORT_GROUP, spec.group)?.name ?? `${build.projectName}-${spec.group}`;
  const groupKey = keyOf(REPORT_GROUP, key, name);
  const row = await readRow<ReportGroupDocument>(ports.store, groupKey);
  if (row) return { document: row.document, expect: [{ key: groupKey, version: row.version }], write: [], ledger: [] };
  const nowMs = ports.clock.now();
  const document: ReportGroupDocument = {
    group: {
      arn: arnOf(REPORT_GROUP, key, name),
      name,
      type: typeOf(spec),
      exportConfig: { exportConfigType: 'NO_EXPORT' },
      created: nowMs,
      lastModified: nowMs,
      status: 'ACTIVE',
    },
    createdAtMs: nowMs,
    modifiedAtMs: nowMs,
    requestId: build.requestId,
  };
  const { group } = document;
  const made = changedMembers(undefined, group);
  const entry = entryOf(contextOf(session, key, nowMs, CREATE_GROUP), CREATE_GROUP, [group.arn], made);
  return { document, expect: [{ key: groupKey, version: 0 }], write: [groupWrite(groupKey, document)], ledger: [entry] };
}

const CREATE_GROUP = 'codebuild:CreateReportGroup';

const contextOf = (
  { principal, origin }: BuildSession,
  { account, region }: ResourceKey,
  nowMs: number,
  operation: OperationName,
): OperationContext => ({ operation, principal, account, region, requestId: origin.requestId ?? '', nowMs });

/** Why the role of the build may not write a report of this group; what AWS's agent would call is asked one by one. */
async function refusalOf(
  ports: BuildsPorts,
  session: BuildSession,
  key: ResourceKey,
  { document: { group }, ledger }: FoundGroup,
): Promise<string | undefined> {
  const put = group.type === 'TEST' ? 'BatchPutTestCases' : 'BatchPutCodeCoverages';
  const calls: [action: string, doing: string][] = [
    ...(ledger.length > 0 ? [[CREATE_GROUP, 'creating report group'] as [string, string]] : []),
    ['codebuild:CreateReport', 'creating report'],
    [`codebuild:${put}`, 'writing report'],
  ];
  const nowMs = ports.clock.now();
  for (const [action, doing] of calls) {
    const need = { action, resources: [group.arn] };
    const decision = await ports.authorizer.authorize(session.principal, [need], { nowMs, region: key.region });
    if (decision.allowed) continue;
    await recordDenial(ports.store, decision.need, decision.message, contextOf(session, key, nowMs, CREATE_GROUP));
    return `error ${doing}: AccessDeniedException: ${decision.message}`;
  }
  return undefined;
}

export const groupWrite = (key: ResourceKey, document: ReportGroupDocument): Write =>
  writeOf(key, document, { createdAtMs: document.createdAtMs, modifiedAtMs: document.modifiedAtMs });

const typeOf = ({ format }: ReportSpec): ReportType =>
  (COVERAGE_FORMATS as readonly string[]).includes(format) ? 'CODE_COVERAGE' : 'TEST';

interface ReadReport {
  readonly type: ReportType;
  readonly details: Details;
  readonly problems: readonly string[];
  readonly truncated: boolean;
}

async function readReport(
  clock: BuildsPorts['clock'],
  spec: ReportSpec,
  files: readonly WorkOutputFile[],
  paths: readonly string[],
): Promise<ReadReport> {
  const details: (CaseFound | FileCoverage)[] = [];
  const problems: string[] = [];
  if (files.length === 0) problems.push(`No files of the report ${spec.group} were found`);
  const reader = openReportReader(clock);
  let sizeBytes = 0;
  try {
    for (const file of files) {
      if (details.length > ITEMS_MAX) break;
      const path = paths[Number(file.relativePath.split('/')[1])] ?? file.relativePath;
      sizeBytes += file.sizeBytes;
      const found =
        sizeBytes > REPORT_BYTES_MAX
          ? { problem: `the files of a report may have ${REPORT_BYTES_MAX} bytes together; with this one they have ${sizeBytes}` }
          : await reader.read(spec.format, await contentOf(file));
      if ('problem' in found) problems.push(`Report ${spec.group}: ${path}: ${found.problem}`);
      else for (const item of found.items) details.push('filePath' in item ? item : rawOf(item, path));
    }
  } finally {
    await reader.close();
  }
  const truncated = details.length > ITEMS_MAX;
  return {
    type: typeOf(spec),
    details: details.slice(0, ITEMS_MAX) as Details,
    problems: problems.slice(0, PROBLEMS_MAX),
    truncated,
  };
}

const rawOf = (one: CaseFound, testRawDataPath: string): CaseFound & Pick<TestCase, 'testRawDataPath'> => ({
  ...one,
  testRawDataPath,
});

async function contentOf(file: WorkOutputFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function reportOf(
  { group }: ReportGroupDocument,
  key: ResourceKey,
  build: BuildDocument,
  { type, details, problems, truncated }: ReadReport,
): Report & { readonly arn: string } {
  const uuid = build.id.slice(build.id.indexOf(':') + 1);
  const failed =
    type === 'TEST' && (details as readonly CaseFound[]).some(({ status }) => status === 'FAILED' || status === 'ERROR');
  return {
    arn: arnOf(REPORT, key, `${group.name}:${uuid}`),
    type,
    name: build.id,
    reportGroupArn: group.arn,
    executionId: build.arn,
    status: problems.length > 0 ? 'INCOMPLETE' : failed ? 'FAILED' : 'SUCCEEDED',
    created: build.createdAtMs,
    expired: build.createdAtMs + REPORT_LIFETIME_MS,
    exportConfig: group.exportConfig ?? { exportConfigType: 'NO_EXPORT' },
    truncated,
    ...(type === 'TEST'
      ? { testSummary: summaryOf(details as readonly CaseFound[]) }
      : { codeCoverageSummary: coverageSummary(details as readonly FileCoverage[]) }),
  };
}

function reportWrite(key: ResourceKey, report: ReportDocument['report'], detailsDigest: string, build: BuildDocument): Write {
  const document = { report, detailsDigest, createdAtMs: build.createdAtMs, expiresAtMs: report.expired ?? 0 };
  return writeOf(
    key,
    document,
    {
      parent: keyOfArn(REPORT_GROUP, report.reportGroupArn ?? '')?.name ?? '',
      status: report.status ?? 'SUCCEEDED',
      createdAtMs: build.createdAtMs,
      modifiedAtMs: build.createdAtMs,
    },
    [detailsDigest],
  );
}
