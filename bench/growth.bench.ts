import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callJson } from '../src/cli/client.ts';
import { connect, type Connection } from '../src/cli/connection.ts';
import { verifyLedger } from '../src/platform/ledger/verify.ts';
import { startServer, type TestServer } from '../tests/harness/server.ts';
import { fill, LARGE_GROUP, PIPELINE } from './fill.ts';
import { report } from './figure.ts';

/**
 * Describe and list, each over every sort and filter that AWS offers for model versions and for executions, with a million versions and
 * 100,000 executions in the store, beside a store with a thousand of each: both servers run at once and are asked in turn, so that whatever
 * else the machine does hits both. Then the ledger that the filler left is verified. SLIPWAY_GROWTH=packages,executions makes another size;
 * SLIPWAY_GROWTH_FOLDER names a folder where filled data folders stay for the next run.
 */

const [PACKAGES = 1_000_000, EXECUTIONS = 100_000] = (process.env['SLIPWAY_GROWTH'] ?? '').split(',').filter(Boolean).map(Number);
const SMALL = 1_000;
const ROUNDS = 10;
const REQUESTS = 100;
const WARM_UP = 30;
/** A slow list is asked no longer than this in a round. */
const ROUND_MS_MAX = 2_000;

interface Side {
  readonly connection: Connection;
  readonly packages: number;
  readonly executions: number;
  readonly executionArns: string[];
  readonly tokens: Map<string, string>;
}

type Ask = (side: Side, n: number) => Promise<unknown>;
type Page = { NextToken?: string };
const START_MS = Date.UTC(2026, 0, 1);
const seconds = (n: number): number => START_MS / 1000 + n;

const versions =
  (filter: object): Ask =>
  ({ connection }) =>
    callJson(connection, 'sagemaker:ListModelPackages', filter as never);
const executions =
  (filter: object): Ask =>
  ({ connection }) =>
    callJson(connection, 'sagemaker:ListPipelineExecutions', { PipelineName: PIPELINE, ...filter } as never);

/** The page in the midst of a list: walked to once, by the tokens that the API gives, then asked for again and again. */
function middle(name: string, list: (side: Side, page: object) => Promise<Page>, rows: (side: Side) => number): Ask {
  return async (side) => {
    let token = side.tokens.get(name);
    if (token === undefined) {
      for (let seen = 0; seen < rows(side) / 2; seen += 100) {
        const page = await list(side, { MaxResults: 100, NextToken: token });
        token = page.NextToken;
      }
      side.tokens.set(name, token ?? '');
    }
    return list(side, { NextToken: token });
  };
}

const group = { ModelPackageGroupName: LARGE_GROUP };
const versionsPage =
  (filter: object) =>
  (side: Side, page: object): Promise<Page> =>
    versions({ ...filter, ...page })(side, 0) as Promise<Page>;
const executionsPage =
  (filter: object) =>
  (side: Side, page: object): Promise<Page> =>
    executions({ ...filter, ...page })(side, 0) as Promise<Page>;

const ASKED: Record<string, Ask> = {
  DescribeModelPackage: ({ connection, packages }, n) =>
    callJson(connection, 'sagemaker:DescribeModelPackage', {
      ModelPackageName: `arn:aws:sagemaker:us-east-1:123456789012:model-package/${LARGE_GROUP}/${1 + ((n * 7919) % (packages >> 1))}`,
    }),
  DescribeModelPackageGroup: ({ connection }) =>
    callJson(connection, 'sagemaker:DescribeModelPackageGroup', { ModelPackageGroupName: LARGE_GROUP }),
  'versions of a group': versions(group),
  'versions of a group, ascending': versions({ ...group, SortOrder: 'Ascending' }),
  'versions of a group, by name': versions({ ...group, SortBy: 'Name' }),
  'versions of a group, middle page': middle('group', versionsPage(group), ({ packages }) => packages / 2),
  'newest approved version of a group': versions({ ...group, ModelApprovalStatus: 'Approved', MaxResults: 1 }),
  'rejected versions of a group, by name': versions({ ...group, ModelApprovalStatus: 'Rejected', SortBy: 'Name' }),
  'versions of a group, of a minute': (side, n) => {
    const from = seconds(20 + ((n * 61) % (side.packages - 200)));
    return versions({ ...group, CreationTimeAfter: from, CreationTimeBefore: from + 60 })(side, n);
  },
  'versions of a group, of a minute, by name': (side, n) => {
    const from = seconds(20 + ((n * 61) % (side.packages - 200)));
    return versions({ ...group, CreationTimeAfter: from, CreationTimeBefore: from + 60, SortBy: 'Name' })(side, n);
  },
  'approved versions of a group, of a minute': (side, n) => {
    const from = seconds(20 + ((n * 61) % (side.packages - 200)));
    const filter = { ...group, ModelApprovalStatus: 'Approved', CreationTimeAfter: from, CreationTimeBefore: from + 60 };
    return versions(filter)(side, n);
  },
  'packages without group': versions({}),
  'packages without group, middle page': middle('alone', versionsPage({}), ({ packages }) => packages / 100),
  'packages of both types': versions({ ModelPackageType: 'Both' }),
  'packages of both types, by name': versions({ ModelPackageType: 'Both', SortBy: 'Name' }),
  'all versions': versions({ ModelPackageType: 'Versioned' }),
  'all approved versions': versions({ ModelPackageType: 'Versioned', ModelApprovalStatus: 'Approved' }),
  'all approved versions, by name': versions({
    ModelPackageType: 'Versioned',
    ModelApprovalStatus: 'Approved',
    SortBy: 'Name',
  }),
  'approved packages without group': versions({ ModelApprovalStatus: 'Approved' }),
  'all versions of a minute, by name': (side, n) => {
    const from = seconds(20 + ((n * 61) % (side.packages - 200)));
    const filter = { ModelPackageType: 'Versioned', CreationTimeAfter: from, CreationTimeBefore: from + 60, SortBy: 'Name' };
    return versions(filter)(side, n);
  },
  'packages whose name contains, found': versions({ NameContains: 'alone-' }),
  'versions whose name contains, found': versions({ ModelPackageType: 'Versioned', NameContains: 'oup-7' }),
  'versions whose name contains, none': versions({ ModelPackageType: 'Versioned', NameContains: 'nowhere' }),
  DescribePipelineExecution: ({ connection, executionArns }, n) =>
    callJson(connection, 'sagemaker:DescribePipelineExecution', {
      PipelineExecutionArn: executionArns[(n * 17) % executionArns.length] ?? '',
    }),
  'steps of an execution': ({ connection, executionArns }, n) =>
    callJson(connection, 'sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn: executionArns[(n * 17) % executionArns.length] ?? '',
    }),
  executions: executions({}),
  'executions, ascending': executions({ SortOrder: 'Ascending' }),
  'executions, middle page': middle('executions', executionsPage({}), (side) => side.executions),
  'executions, by ARN': executions({ SortBy: 'PipelineExecutionArn' }),
  'executions, by ARN, middle page': middle(
    'executions by ARN',
    executionsPage({ SortBy: 'PipelineExecutionArn' }),
    (side) => side.executions,
  ),
  'executions of a minute': (side, n) => {
    const from = seconds((n * 61) % (side.executions - 100));
    return executions({ CreatedAfter: from, CreatedBefore: from + 60 })(side, n);
  },
  'executions of a minute, by ARN': (side, n) => {
    const from = seconds((n * 61) % (side.executions - 100));
    return executions({ CreatedAfter: from, CreatedBefore: from + 60, SortBy: 'PipelineExecutionArn' })(side, n);
  },
  'executions of the later half, by ARN': (side, n) =>
    executions({ CreatedAfter: seconds(side.executions / 2), SortBy: 'PipelineExecutionArn' })(side, n),
};

async function openSide(server: TestServer, packages: number, executionCount: number): Promise<Side> {
  const connection = await connect(server.folder);
  const executionArns: string[] = [];
  for (let token: string | undefined, pages = 0; pages < 10; pages += 1) {
    const input = { PipelineName: PIPELINE, SortBy: 'PipelineExecutionArn', MaxResults: 100, NextToken: token } as const;
    const page = await callJson(connection, 'sagemaker:ListPipelineExecutions', input);
    for (const { PipelineExecutionArn = '' } of page.PipelineExecutionSummaries ?? []) executionArns.push(PipelineExecutionArn);
    token = page.NextToken;
    if (token === undefined) break;
  }
  return { connection, packages, executions: executionCount, executionArns, tokens: new Map() };
}

const percentile = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;

async function timed(ask: Ask, side: Side, n: number): Promise<number> {
  const beganMs = performance.now();
  await ask(side, n);
  return performance.now() - beganMs;
}

/** The best of some rounds: what the machine does besides adds to times and never takes away. */
async function compare(name: string, ask: Ask, small: Side, large: Side): Promise<void> {
  const best = { p50: [Infinity, Infinity], p99: [Infinity, Infinity] } as Record<'p50' | 'p99', [number, number]>;
  for (let n = 0; n < WARM_UP; n += 1) for (const side of [small, large]) await ask(side, n);
  for (let round = 0; round < ROUNDS; round += 1) {
    const times: [number[], number[]] = [[], []];
    const untilMs = performance.now() + ROUND_MS_MAX;
    for (let n = 0; n < REQUESTS && performance.now() < untilMs; n += 1) {
      times[0].push(await timed(ask, small, n));
      times[1].push(await timed(ask, large, n));
    }
    for (const side of [0, 1] as const) {
      best.p50[side] = Math.min(best.p50[side], percentile(times[side], 0.5));
      best.p99[side] = Math.min(best.p99[side], percentile(times[side], 0.99));
    }
  }
  const [few, many] = best.p50.map((ms) => ms.toPrecision(3));
  const note = `best of ${ROUNDS} rounds of ${REQUESTS}; p50 ${many} and ${few} ms`;
  const p99 = { value: best.p99[1], floor: best.p99[0] };
  report({ name: `${name}: p99 in the large store, beside the small one`, ...p99, unit: 'ms', ratioBudget: 2, note });
}

const kept = process.env['SLIPWAY_GROWTH_FOLDER'];
const root = kept ?? mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const folders = { small: join(root, 'small'), large: join(root, `${PACKAGES}-${EXECUTIONS}`) };
const only = process.argv[2];
if (!existsSync(folders.small)) await fill(folders.small, { packages: SMALL, executions: SMALL });
if (!existsSync(folders.large)) await fill(folders.large, { packages: PACKAGES, executions: EXECUTIONS });
const servers = [await startServer({ folder: folders.small }), await startServer({ folder: folders.large })] as const;
try {
  const small = await openSide(servers[0], SMALL, SMALL);
  const large = await openSide(servers[1], PACKAGES, EXECUTIONS);
  for (const [name, ask] of Object.entries(ASKED)) if (!only || name.includes(only)) await compare(name, ask, small, large);
} finally {
  for (const server of servers) await server.stop();
}
const beganMs = performance.now();
const verdict = verifyLedger(join(folders.large, 'slipway.db'));
if (!verdict.ok) throw new Error('The ledger of the filler does not verify.');
const seconds_ = (performance.now() - beganMs) / 1000;
report({
  name: 'ledger verified: time of an entry',
  value: (seconds_ * 1e6) / verdict.entries,
  unit: 'us',
  budget: 10,
  note: `${verdict.entries} entries at ${Math.round(verdict.entries / seconds_)} a second`,
});
if (kept === undefined) rmSync(root, { recursive: true });
