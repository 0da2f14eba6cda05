import type { CodeCoverage, ReportGroup, Tag, TestCase } from '../../../contract/generated/codebuild.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { EXPIRY_RECONCILER } from '../../../platform/idempotency.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { readTags } from '../../../platform/resources/change-tags.ts';
import { absentError, arnOf, existsError, keyOf, keyOfArn, placeOf } from '../../../platform/resources/declaration.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { ListQuery } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { groupWrite } from '../build-reports.ts';
import { coverageOf, type FileCoverage } from '../decide-coverage.ts';
import type { CaseFound } from '../decide-test-results.ts';
import type { BuildsPorts } from '../ports.ts';
import { REPORT, REPORT_GROUP, type ReportDocument, type ReportGroupDocument } from '../resources.ts';

export const reportOperations = (ports: BuildsPorts): AnyOperation[] => [
  createReportGroup(ports),
  updateReportGroup(ports),
  deleteReportGroup(ports),
  batchGetReportGroups(ports),
  listReportGroups(ports),
  batchGetReports(ports),
  listReports(ports),
  listReportsForReportGroup(ports),
  describeTestCases(ports),
  describeCodeCoverages(ports),
  deleteReport(ports),
];

const PAGE_SIZE = 100;
const DETAILS_BYTES_MAX = 256 * 1024 * 1024;

/** Undefined for an ARN of another kind, account or region: nothing of theirs is here. */
function ownKey(declaration: typeof REPORT | typeof REPORT_GROUP, arn: string, { account, region }: OperationContext) {
  const key = keyOfArn(declaration, arn);
  return key?.account === account && key.region === region ? key : undefined;
}

const invalid = (message: string) => new ServiceError('InvalidInputException', message);

/** By the group's own ARN, however it is written: policies name that one. */
const groupNeed = (action: string, arn: string, context: OperationContext) => {
  const key = ownKey(REPORT_GROUP, arn, context);
  return [{ action, resources: [key ? arnOf(REPORT_GROUP, key, key.name) : arn] }];
};

/** Rights to a report are those to its group. */
function reportNeed(action: string, arns: readonly string[], context: OperationContext) {
  return arns.map((arn) => {
    const name = keyOfArn(REPORT, arn)?.name ?? arn;
    return { action, resources: [arnOf(REPORT_GROUP, context, name.slice(0, Math.max(0, name.lastIndexOf(':'))))] };
  });
}

const upperTags = (tags: readonly Tag[] = []) => tags.map(({ key = '', value = '' }) => ({ Key: key, Value: value }));
const lowerTags = (tags: Awaited<ReturnType<typeof readTags>>) => tags.map(({ Key, Value }) => ({ key: Key, value: Value }));

function refuseExport(config: ReportGroup['exportConfig']): void {
  if (config?.exportConfigType === 'S3') {
    throw new ServiceError(
      'NotImplementedException',
      'Reports are kept here and are not exported to S3: use exportConfigType NO_EXPORT.',
    );
  }
}

async function requireGroup(ports: BuildsPorts, context: OperationContext, arn: string): Promise<Read<ReportGroupDocument>> {
  const key = ownKey(REPORT_GROUP, arn, context);
  if (!key) throw invalid(`Invalid report group ARN: ${arn}`);
  const row = await readRow<ReportGroupDocument>(ports.store, key);
  if (!row) throw absentError(REPORT_GROUP, context, key.name);
  return row;
}

const createReportGroup = (ports: BuildsPorts) =>
  operation('codebuild:CreateReportGroup', {
    effect: 'change',
    needs: ({ name }, context) => groupNeed('codebuild:CreateReportGroup', arnOf(REPORT_GROUP, context, name), context),
    async handle(input, context) {
      refuseExport(input.exportConfig);
      const arn = arnOf(REPORT_GROUP, context, input.name);
      const key = keyOf(REPORT_GROUP, context, input.name);
      const { nowMs } = context;
      const group = {
        arn,
        name: input.name,
        type: input.type,
        exportConfig: input.exportConfig,
        created: nowMs,
        lastModified: nowMs,
        status: 'ACTIVE' as const,
      };
      const document: ReportGroupDocument = { group, createdAtMs: nowMs, modifiedAtMs: nowMs, requestId: context.requestId };
      const tagged = tagsWrite(arn, upperTags(input.tags), nowMs);
      await decideAndCommit(ports.store, async () => {
        const existing = await readRow<ReportGroupDocument>(ports.store, key);
        if (existing?.document.requestId === context.requestId) return { result: undefined };
        if (existing) throw existsError(REPORT_GROUP, context, input.name);
        return {
          result: undefined,
          commit: {
            expect: [{ key, version: 0 }],
            write: [groupWrite(key, document), ...(tagged ? [tagged] : [])],
            ledger: [entryOf(context, context.operation, [arn], changedMembers(undefined, group))],
          },
        };
      });
      return { reportGroup: { ...group, tags: input.tags ?? [] } };
    },
  });

const updateReportGroup = (ports: BuildsPorts) =>
  operation('codebuild:UpdateReportGroup', {
    effect: 'change',
    needs: ({ arn }, context) => groupNeed('codebuild:UpdateReportGroup', arn, context),
    async handle(input, context) {
      refuseExport(input.exportConfig);
      return decideAndCommit(ports.store, async () => {
        const { key, version, document } = await requireGroup(ports, context, input.arn);
        const group = {
          ...document.group,
          ...(input.exportConfig && { exportConfig: input.exportConfig }),
          lastModified: context.nowMs,
        };
        const { arn } = document.group;
        const tags = input.tags ? upperTags(input.tags) : await readTags(ports.store, arn);
        const tagged = input.tags && tagsWrite(arn, tags, context.nowMs);
        return {
          result: { reportGroup: { ...group, tags: lowerTags(tags) } },
          commit: {
            expect: [{ key, version }],
            write: [groupWrite(key, { ...document, group, modifiedAtMs: context.nowMs }), ...(tagged ? [tagged] : [])],
            ...(input.tags?.length === 0 && { remove: [tagsKey(arn)] }),
            ledger: [entryOf(context, context.operation, [arn])],
          },
        };
      });
    },
  });

const reportsOf = (ports: BuildsPorts, { key }: Pick<Read<unknown>, 'key'>, limit: number) =>
  listRows<ReportDocument>(ports.store, {
    ...placeOf(key),
    kind: REPORT.kind,
    parent: key.name,
    sortBy: 'created',
    order: 'descending',
    limit,
  });

const REMOVED_AT_ONCE = 100;

/** Its reports go with it, some at a time; the group last. */
const deleteReportGroup = (ports: BuildsPorts) =>
  operation('codebuild:DeleteReportGroup', {
    effect: 'change',
    needs: ({ arn }, context) => groupNeed('codebuild:DeleteReportGroup', arn, context),
    async handle({ arn, deleteReports = false }, context) {
      const key = ownKey(REPORT_GROUP, arn, context);
      if (!key) throw invalid(`Invalid report group ARN: ${arn}`);
      for (;;) {
        const done = await decideAndCommit(ports.store, async () => {
          const row = await readRow<ReportGroupDocument>(ports.store, key);
          if (!row) return { result: true };
          const { rows } = await reportsOf(ports, row, REMOVED_AT_ONCE);
          if (rows.length > 0 && !deleteReports) {
            throw invalid(`The report group ${arn} has reports. Delete them first, or set deleteReports.`);
          }
          const last = rows.length < REMOVED_AT_ONCE;
          const { arn: own } = row.document.group;
          return {
            result: last,
            commit: {
              expect: [{ key, version: row.version }, ...rows.map((one) => ({ key: one.key, version: one.version }))],
              remove: [...rows.map((one) => one.key), ...(last ? [key, tagsKey(own)] : [])],
              timers: rows.map((one) => ({ reconciler: EXPIRY_RECONCILER, key: one.key, dueAtMs: null })),
              ledger: [entryOf(context, context.operation, [own])],
            },
          };
        });
        if (done) return {};
      }
    },
  });

const batchGetReportGroups = (ports: BuildsPorts) =>
  operation('codebuild:BatchGetReportGroups', {
    effect: 'read',
    needs: ({ reportGroupArns }, context) =>
      reportGroupArns.flatMap((arn) => groupNeed('codebuild:BatchGetReportGroups', arn, context)),
    async handle({ reportGroupArns }, context) {
      const reportGroups: ReportGroup[] = [];
      const reportGroupsNotFound: string[] = [];
      for (const arn of new Set(reportGroupArns)) {
        const key = ownKey(REPORT_GROUP, arn, context);
        const row = key ? await readRow<ReportGroupDocument>(ports.store, key) : undefined;
        if (!row) {
          reportGroupsNotFound.push(arn);
          continue;
        }
        const { group } = row.document;
        reportGroups.push({ ...group, tags: lowerTags(await readTags(ports.store, group.arn)) });
      }
      return { reportGroups, reportGroupsNotFound };
    },
  });

const SORTS = { NAME: 'name', CREATED_TIME: 'created', LAST_MODIFIED_TIME: 'modified' } as const;

interface PageInput {
  readonly nextToken?: string;
  readonly sortOrder?: string;
  readonly maxResults?: number;
}

const pageOf = (input: PageInput): Pick<ListQuery, 'after' | 'limit' | 'order'> => ({
  order: input.sortOrder === 'ASCENDING' ? 'ascending' : 'descending',
  after: decodePageToken(input.nextToken, 'InvalidInputException'),
  limit: input.maxResults ?? PAGE_SIZE,
});

const listReportGroups = (ports: BuildsPorts) =>
  operation('codebuild:ListReportGroups', {
    effect: 'read',
    needs: () => [{ action: 'codebuild:ListReportGroups', resources: ['*'] }],
    async handle(input, context) {
      const query = { ...placeOf(context), kind: REPORT_GROUP.kind, sortBy: SORTS[input.sortBy ?? 'CREATED_TIME'] };
      const page = await listRows<ReportGroupDocument>(ports.store, { ...query, ...pageOf(input) });
      const nextToken = encodePageToken(page.next);
      return { reportGroups: page.rows.map(({ document }) => document.group.arn), ...(nextToken !== undefined && { nextToken }) };
    },
  });

async function listReportArns(ports: BuildsPorts, context: OperationContext, input: PageInput, filter: Partial<ListQuery>) {
  const query = { ...placeOf(context), ...filter, kind: REPORT.kind, sortBy: 'created' as const };
  const page = await listRows<ReportDocument>(ports.store, { ...query, ...pageOf(input) });
  const nextToken = encodePageToken(page.next);
  return { reports: page.rows.map(({ document }) => document.report.arn), ...(nextToken !== undefined && { nextToken }) };
}

const listReports = (ports: BuildsPorts) =>
  operation('codebuild:ListReports', {
    effect: 'read',
    needs: () => [{ action: 'codebuild:ListReports', resources: ['*'] }],
    handle: (input, context) =>
      listReportArns(ports, context, input, { ...(input.filter?.status && { status: input.filter.status }) }),
  });

const listReportsForReportGroup = (ports: BuildsPorts) =>
  operation('codebuild:ListReportsForReportGroup', {
    effect: 'read',
    needs: ({ reportGroupArn }, context) => groupNeed('codebuild:ListReportsForReportGroup', reportGroupArn, context),
    async handle(input, context) {
      const { key } = await requireGroup(ports, context, input.reportGroupArn);
      return listReportArns(ports, context, input, {
        parent: key.name,
        ...(input.filter?.status && { status: input.filter.status }),
      });
    },
  });

const batchGetReports = (ports: BuildsPorts) =>
  operation('codebuild:BatchGetReports', {
    effect: 'read',
    needs: ({ reportArns }, context) => reportNeed('codebuild:BatchGetReports', reportArns, context),
    async handle({ reportArns }, context) {
      const reports = [];
      const reportsNotFound: string[] = [];
      for (const arn of new Set(reportArns)) {
        const key = ownKey(REPORT, arn, context);
        const row = key ? await readRow<ReportDocument>(ports.store, key) : undefined;
        if (row) reports.push(row.document.report);
        else reportsNotFound.push(arn);
      }
      return { reports, reportsNotFound };
    },
  });

async function requireReport(ports: BuildsPorts, context: OperationContext, arn: string): Promise<Read<ReportDocument>> {
  const key = ownKey(REPORT, arn, context);
  if (!key) throw invalid(`Invalid report ARN: ${arn}`);
  const row = await readRow<ReportDocument>(ports.store, key);
  if (!row) throw absentError(REPORT, context, key.name);
  return row;
}

async function detailsOf<T>(ports: BuildsPorts, { document }: Read<ReportDocument>): Promise<readonly T[]> {
  return JSON.parse(await ports.blobs.readText(document.detailsDigest, DETAILS_BYTES_MAX)) as T[];
}

/** The part of a list that a page shows; its token is where the next one starts. */
function sliced<T>(items: readonly T[], input: PageInput): { readonly items: T[]; readonly nextToken?: string } {
  const after = decodePageToken(input.nextToken, 'InvalidInputException');
  const from = typeof after?.sort === 'number' ? after.sort : 0;
  const to = from + (input.maxResults ?? PAGE_SIZE);
  const nextToken = to < items.length ? encodePageToken({ sort: to, name: '' }) : undefined;
  return { items: items.slice(from, to), ...(nextToken !== undefined && { nextToken }) };
}

const describeTestCases = (ports: BuildsPorts) =>
  operation('codebuild:DescribeTestCases', {
    effect: 'read',
    needs: ({ reportArn }, context) => reportNeed('codebuild:DescribeTestCases', [reportArn], context),
    async handle(input, context) {
      const row = await requireReport(ports, context, input.reportArn);
      if (row.document.report.type !== 'TEST') throw invalid(`The report ${input.reportArn} is not one of tests.`);
      const { status, keyword } = input.filter ?? {};
      const { expired } = row.document.report;
      const cases = (await detailsOf<CaseFound & TestCase>(ports, row))
        .filter((one) => status === undefined || one.status === status)
        .filter((one) => keyword === undefined || `${one.prefix} ${one.name}`.includes(keyword))
        .map((one): TestCase => ({ reportArn: input.reportArn, ...one, ...(expired !== undefined && { expired }) }));
      const { items, nextToken } = sliced(cases, input);
      return { testCases: items, ...(nextToken !== undefined && { nextToken }) };
    },
  });

const describeCodeCoverages = (ports: BuildsPorts) =>
  operation('codebuild:DescribeCodeCoverages', {
    effect: 'read',
    needs: ({ reportArn }, context) => reportNeed('codebuild:DescribeCodeCoverages', [reportArn], context),
    async handle(input, context) {
      const row = await requireReport(ports, context, input.reportArn);
      if (row.document.report.type !== 'CODE_COVERAGE')
        throw invalid(`The report ${input.reportArn} is not one of code coverage.`);
      const { minLineCoveragePercentage: min = 0, maxLineCoveragePercentage: max = 100, sortBy, sortOrder } = input;
      const sign = sortOrder === 'DESCENDING' ? -1 : 1;
      const by = (one: ReturnType<typeof coverageOf>) =>
        sortBy === 'LINE_COVERAGE_PERCENTAGE' ? (one.lineCoveragePercentage ?? 0) : one.filePath;
      const files = (await detailsOf<FileCoverage>(ports, row))
        .map(coverageOf)
        .filter(({ lineCoveragePercentage = 0 }) => lineCoveragePercentage >= min && lineCoveragePercentage <= max)
        .toSorted((a, b) => sign * (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0));
      const { items, nextToken } = sliced(files, input);
      const { expired } = row.document.report;
      const codeCoverages = items.map(
        (one): CodeCoverage => ({
          id: one.filePath,
          reportARN: input.reportArn,
          ...one,
          ...(expired !== undefined && { expired }),
        }),
      );
      return { codeCoverages, ...(nextToken !== undefined && { nextToken }) };
    },
  });

const deleteReport = (ports: BuildsPorts) =>
  operation('codebuild:DeleteReport', {
    effect: 'change',
    needs: ({ arn }, context) => reportNeed('codebuild:DeleteReport', [arn], context),
    async handle({ arn }, context) {
      const key = ownKey(REPORT, arn, context);
      if (!key) throw invalid(`Invalid report ARN: ${arn}`);
      await decideAndCommit(ports.store, async () => {
        const row = await readRow<ReportDocument>(ports.store, key);
        if (!row) return { result: undefined };
        return {
          result: undefined,
          commit: {
            expect: [{ key, version: row.version }],
            remove: [key],
            timers: [{ reconciler: EXPIRY_RECONCILER, key, dueAtMs: null }],
            ledger: [entryOf(context, context.operation, [arn])],
          },
        };
      });
      return {};
    },
  });
