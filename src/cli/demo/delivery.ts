import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callerIdentity, callJson, callScheduler, invokeEndpoint } from '../client.ts';
import type { Connection } from '../connection.ts';
import { watchExecution } from '../execution-watch.ts';
import { failed } from '../exit.ts';
import { duration, type Output } from '../output.ts';
import { readProject } from '../project/environments.ts';
import { openRelease, type Release, servedBy, shortPackage } from '../project/release.ts';
import { setUpProject } from '../project/set-up.ts';
import { prepareRepository, writeProject } from '../project/template.ts';
import { awaitDelivery, awaitNew, type DeliveryEnd, executionIdsOf, watchDelivery } from '../project/watch-delivery.ts';
import type { Kept } from './summary.ts';

const PROJECT = 'breast-cancer';
const REVIEW = 'Better than production on the held-out rows; reviewed in the demo.';

/** What production is, as its users see it. */
export interface Production {
  readonly package: string;
  readonly digest: string;
  /** Its answer to the row of the smoke test. */
  readonly answer: string;
}

export interface DeliveryFacts {
  readonly project: string;
  readonly deliveries: readonly (DeliveryEnd & { readonly what: string })[];
  readonly first: Production;
  readonly afterWorse: Production;
  readonly afterBetter: Production;
  /** Executions that nobody pushed for, and how they ended. */
  readonly started: readonly { readonly by: string; readonly execution: string; readonly status: string }[];
  readonly elapsed: string;
}

interface Demo {
  readonly connection: Connection;
  readonly output: Output;
  readonly folder: string;
  readonly release: Release;
}

/** Three pushes: the first goes to production, a worse one stops at the gate, a better one replaces it. */
export async function deliver(connection: Connection, output: Output, dataFolder: string): Promise<DeliveryFacts> {
  const startedMs = performance.now();
  const demo = await begin(connection, output, dataFolder);
  output.line('\nFirst push: nothing is in production yet');
  const pushed = await push(demo, 'the first model');
  const released = await approve(demo);
  const first = await productionOf(demo);
  output.line(`production ${told(first)}`);

  output.line('\nSecond push: a worse model (3 rounds of depth 1); a schedule comes due meanwhile');
  const known = await executionsOf(connection);
  await schedule(connection);
  const worse = await push(demo, 'fewer rounds', { numRound: 3, maxDepth: 1 });
  if (worse.status !== 'Failed') throw failed(`The worse model was not stopped: its delivery is ${worse.status}.`);
  output.line(`stopped    ${worse.reason}`);
  const started = await watchOthers(demo, known, worse);
  const afterWorse = await productionOf(demo);
  output.line(`production ${told(afterWorse)}`);
  if (told(first) !== told(afterWorse)) throw failed(`Production changed: it was ${told(first)}.`);

  output.line('\nThird push: a better model (40 rounds of depth 3)');
  const better = await push(demo, 'more rounds', { numRound: 40, maxDepth: 3 });
  const replaced = await approve(demo);
  const afterBetter = await productionOf(demo);
  output.line(`production ${told(afterBetter)}`);
  if (afterBetter.package === first.package) throw failed('The better model did not replace the one in production.');
  const deliveries = [
    { ...pushed, what: 'push: first model' },
    { ...released, what: 'release' },
    { ...worse, what: 'push: worse model' },
    { ...better, what: 'push: better model' },
    { ...replaced, what: 'release' },
  ];
  const elapsed = duration(performance.now() - startedMs);
  return { project: demo.folder, deliveries, first, afterWorse, afterBetter, started, elapsed };
}

async function begin(connection: Connection, output: Output, dataFolder: string): Promise<Demo> {
  const folder = join(dataFolder, 'project', PROJECT);
  writeProject(folder, PROJECT, 'typescript');
  output.line(`init       ${folder}; on the server:`);
  const project = readProject(folder);
  const { cloneUrl } = await setUpProject(connection, output, project);
  const problem = prepareRepository(folder, dataFolder, cloneUrl);
  if (problem !== undefined) throw failed(`git: ${problem}`);
  return { connection, output, folder, release: await openRelease(connection, output, project) };
}

function git(folder: string, ...words: string[]): void {
  const identity = ['-c', 'user.name=demo', '-c', 'user.email=demo@localhost'];
  const { status, stderr, error } = spawnSync('git', [...identity, ...words], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw failed(`git ${words.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** Commits changed parameters, if there are any, pushes, and watches what that starts. */
async function push(
  { connection, output, folder }: Demo,
  message: string,
  changes?: Record<string, number>,
): Promise<DeliveryEnd> {
  const before = await executionIdsOf(connection, PROJECT);
  if (changes) {
    const file = join(folder, 'config/parameters.json');
    writeFileSync(file, `${JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }, undefined, 2)}\n`);
    git(folder, 'commit', '-q', '-a', '-m', message);
  }
  git(folder, 'push', '-q', 'slipway', 'main');
  output.line(`$ git push slipway main      # ${message}`);
  const end = await watchDelivery(connection, output, PROJECT, await awaitDelivery(connection, PROJECT, before));
  if (!changes && end.status !== 'Succeeded') throw failed(`The delivery is ${end.status}: ${end.reason}`);
  return end;
}

/** Somebody approves the newest version, which starts its release through staging to production. */
async function approve({ connection, output }: Demo): Promise<DeliveryEnd> {
  const { ModelPackageSummaryList: [newest] = [] } = await callJson(connection, 'sagemaker:ListModelPackages', {
    ModelPackageGroupName: PROJECT,
    SortBy: 'CreationTime',
    SortOrder: 'Descending',
    MaxResults: 1,
  });
  const ModelPackageArn = newest?.ModelPackageArn;
  if (ModelPackageArn === undefined || newest?.ModelApprovalStatus !== 'PendingManualApproval')
    throw failed(
      `No version waits for approval: the newest is ${ModelPackageArn ?? 'none'}, ${newest?.ModelApprovalStatus ?? ''}.`,
    );
  const name = `${PROJECT}-release`;
  const before = await executionIdsOf(connection, name);
  const approval = { ModelPackageArn, ModelApprovalStatus: 'Approved' as const, ApprovalDescription: REVIEW };
  await callJson(connection, 'sagemaker:UpdateModelPackage', approval);
  output.line(`$ slipway approve ${shortPackage(ModelPackageArn)}      # ${REVIEW}`);
  const end = await watchDelivery(connection, output, name, await awaitDelivery(connection, name, before));
  if (end.status !== 'Succeeded') throw failed(`The release is ${end.status}: ${end.reason}`);
  return end;
}

async function productionOf({ connection, folder, release }: Demo): Promise<Production> {
  const served = await servedBy(release, 'production');
  if (served?.packageArn === undefined) throw failed('Production serves nothing.');
  const body = readFileSync(join(folder, 'config/smoke-row.csv'));
  const answer = await invokeEndpoint(connection, served.endpoint, { body, contentType: 'text/csv' });
  return { package: served.packageArn, digest: served.digest ?? '', answer: answer.body.toString('utf8').trim() };
}

const told = (production: Production): string =>
  `${production.package}, model SHA-256 ${production.digest}, answers ${production.answer} to the fixed row`;

const executionsOf = async (connection: Connection): Promise<string[]> => {
  const { PipelineExecutionSummaries = [] } = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
    PipelineName: PROJECT,
  });
  return PipelineExecutionSummaries.flatMap(({ PipelineExecutionArn }) => PipelineExecutionArn ?? []);
};

/** Once, in two seconds: a retraining with other random numbers. A real one would say `cron(0 3 ? * MON *)`. */
async function schedule(connection: Connection): Promise<void> {
  const { account } = await callerIdentity(connection);
  const at = new Date(Date.now() + 2_000).toISOString().slice(0, 19);
  await callScheduler(connection, 'POST', `/schedules/${PROJECT}-weekly`, {
    ScheduleExpression: `at(${at})`,
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: `arn:aws:sagemaker:${connection.region}:${account}:pipeline/${PROJECT}`,
      RoleArn: `arn:aws:iam::${account}:role/${PROJECT}-delivery`,
      SageMakerPipelineParameters: {
        PipelineParameterList: [
          { Name: 'RetrainAttempt', Value: '1' },
          { Name: 'CommitId', Value: 'weekly' },
        ],
      },
    },
    ClientToken: crypto.randomUUID(),
  });
}

/** The executions that nobody pushed for: by the schedule, and by the rule that hears of the missed threshold. */
async function watchOthers({ connection, output }: Demo, known: readonly string[], worse: DeliveryEnd) {
  const seen = new Map<string, string>();
  await awaitNew('the retraining and the scheduled run', async () => {
    for (const arn of (await executionsOf(connection)).filter((found) => !known.includes(found) && !seen.has(found))) {
      const by = await startedBy(connection, arn, worse.commit);
      seen.set(arn, by);
    }
    const causes = [...seen.values()];
    return causes.includes('schedule') && causes.includes('event rule') ? causes : undefined;
  });
  const started: { by: string; execution: string; status: string }[] = [];
  for (const [arn, by] of seen) {
    if (by === 'push') continue;
    output.line(`by ${by === 'schedule' ? 'the schedule' : 'an event rule (retraining 1)'}: ${arn.split('/').at(-1)}`);
    const ended = await watchExecution(connection, arn, {
      ...output,
      line: (text) => output.line(`  ${text.replaceAll('\n', '\n  ')}`),
    });
    started.push({ by, execution: arn, status: ended.PipelineExecutionStatus ?? '' });
  }
  return started;
}

async function startedBy(connection: Connection, arn: string, commit: string): Promise<string> {
  const { PipelineParameters = [] } = await callJson(connection, 'sagemaker:ListPipelineParametersForExecution', {
    PipelineExecutionArn: arn,
  });
  const parameterOf = (name: string) => PipelineParameters.find(({ Name }) => Name === name)?.Value;
  if (parameterOf('CommitId') === 'weekly') return 'schedule';
  return parameterOf('CommitId') === commit ? 'push' : 'event rule';
}

export function printDelivered(output: Output, facts: DeliveryFacts, kept: Kept | undefined): void {
  output.line(`\nWhat ran, in ${facts.elapsed}`);
  for (const { what, status, commit, reason } of facts.deliveries)
    output.line(`  ${what.padEnd(20)} ${commit.slice(0, 8).padEnd(8)} ${status}${reason ? `: ${reason}` : ''}`);
  for (const { by, execution, status } of facts.started)
    output.line(
      `  ${by.padEnd(20)} ${execution.split('/').at(-1)?.slice(0, 8)} ${status === 'Failed' ? 'stopped at the gate' : status}`,
    );
  output.line('\nProduction');
  output.line(`  after the first push    ${told(facts.first)}`);
  output.line(`  after the worse push    ${told(facts.afterWorse)}   (the same)`);
  output.line(`  after the better push   ${told(facts.afterBetter)}`);
  output.line('\nThe page, and what to type next');
  if (!kept) {
    output.line('  npm run demo -- delivery --keep       # the same, with a server that stays and its page');
    output.line('  npx slipway init my-model --template codepipeline      # a project of your own');
    return;
  }
  output.line(`  ${kept.page}`);
  output.line(`  cd ${facts.project} && git push slipway main      # your own change`);
  output.line(`  npx slipway rollback production --project ${facts.project} --data ${kept.folder}`);
  output.line(`  npx slipway clean ${PROJECT} --dry-run --data ${kept.folder}`);
  output.line(`  npx slipway down --data ${kept.folder} && rm -rf ${kept.folder}      # when done`);
}
