import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AwsError, callJson } from '../client.ts';
import { connect, type Connection } from '../connection.ts';
import { stepsOf, watchExecution } from '../execution-watch.ts';
import { CliExit, failed, wrongUse } from '../exit.ts';
import { tryIsolation } from '../isolation-trial.ts';
import { createOutput, duration, type Output, shortPath } from '../output.ts';
import { type OwnServer, startOwnServer } from '../own-server.ts';
import { deployPackage } from '../verbs/deploy.ts';
import { upsertFile } from '../verbs/pipeline.ts';
import { uiLink } from '../verbs/ui.ts';
import { breakAndMend, printMended } from './break-and-mend.ts';
import { bringContainer, printContainer } from './container.ts';
import { deliver, printDelivered } from './delivery.ts';
import { collectDifferences } from './differences.ts';
import { collectEvidence } from './evidence.ts';
import { showFailure } from './failure.ts';
import { compareEndpoint, readEvaluation } from './held-out.ts';
import { type DemoFacts, factsJson, type Kept, printSummary } from './summary.ts';

export interface DemoOptions {
  readonly keep?: boolean;
  /** Instead of the main job: a script that fails, its fix, and the resumption. */
  readonly break?: boolean;
  readonly threshold: string;
  readonly json?: boolean;
  /** A changed copy of the example. */
  readonly project?: string;
}

const EXAMPLE = resolve(import.meta.dirname, '../../../examples/breast-cancer');
const ENDPOINT = 'breast-cancer';
const GROUP = 'breast-cancer';
const REASON = 'Accuracy on the held-out rows is above the threshold; reviewed in the demo.';

/** `slipway demo`: the whole main job on real data, against a server of its own in a fresh data folder. */
export async function demo(chapter: string | undefined, options: DemoOptions): Promise<void> {
  if (chapter !== undefined && !Object.hasOwn(CHAPTERS, chapter))
    throw failed(`slipway demo ${chapter}: not implemented in this version. The main job: npm run demo`);
  const threshold = Number(options.threshold);
  if (!(threshold >= 0 && threshold <= 1))
    throw wrongUse(`--threshold must be a number from 0 to 1, not "${options.threshold}".`);
  const program = join(resolve(options.project ?? EXAMPLE), 'pipeline.ts');
  if (!existsSync(program)) throw wrongUse(`${program}: there is no such file.`);
  const output = createOutput(options.json ?? false);
  const folder = mkdtempSync(join(tmpdir(), 'slipway-demo-'));
  const isolated = chooseSandbox(folder, output);
  if (chapter && !isolated) throw failed('slipway: this chapter needs a sandbox; what is missing: npx slipway doctor');
  const server = startOwnServer(folder);
  const interruption = stopWhenInterrupted(folder, server);
  try {
    output.line(`server     ${await server.listening}, data folder ${folder}`);
    const connection = await connect(folder);
    const told = chapter
      ? await CHAPTERS[chapter as keyof typeof CHAPTERS](connection, output, folder)
      : options.break
        ? await mendJob(connection, output, { project: dirname(program), folder, threshold })
        : await mainJob(connection, output, { program, threshold });
    const kept = options.keep ? { folder, page: uiLink(connection).href } : undefined;
    if (kept) server.leave();
    else await server.stop();
    told.print(kept);
    output.result({ ...told.facts, kept: kept ?? null });
    if (!kept) rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if (interruption.happened()) return interruption.end; // the server was taken away from under the run
    await server.stop();
    throw isAnswer(error) ? failed(`${error.message}\n\n${whereItLies(folder)}`) : error;
  }
}

/** What a job of the demo has to tell at its end. */
interface Told {
  readonly facts: object;
  print(kept: Kept | undefined): void;
}

async function mainJob(connection: Connection, output: Output, given: { program: string; threshold: number }): Promise<Told> {
  const facts = await runMainJob(connection, output, given);
  return { facts: factsJson(facts), print: (kept) => printSummary(output, facts, given.program, kept) };
}

async function mendJob(connection: Connection, output: Output, given: Parameters<typeof breakAndMend>[2]): Promise<Told> {
  const facts = await breakAndMend(connection, output, given);
  return { facts, print: (kept) => printMended(output, facts, kept) };
}

async function ownContainer(connection: Connection, output: Output, folder: string): Promise<Told> {
  const facts = await bringContainer(connection, output, folder);
  return { facts, print: (kept) => printContainer(output, facts, kept) };
}

async function fromPushToProduction(connection: Connection, output: Output, folder: string): Promise<Told> {
  const facts = await deliver(connection, output, folder);
  return { facts, print: (kept) => printDelivered(output, facts, kept) };
}

/** Besides the main job: what later capabilities show. */
const CHAPTERS = { container: ownContainer, delivery: fromPushToProduction };

/** Says so when this host allows no isolation, and lets only this throwaway folder go without. */
function chooseSandbox(folder: string, output: Output): boolean {
  const bubblewrap = tryIsolation('bubblewrap');
  const unshare = bubblewrap === undefined ? undefined : tryIsolation('unshare');
  if (bubblewrap === undefined || unshare === undefined || tryIsolation('container') === undefined) return true;
  writeFileSync(join(folder, 'slipway.yaml'), 'sandbox: plain\n', { mode: 0o600 });
  output.line(`sandbox    NONE: this host allows no isolation (bubblewrap: ${bubblewrap}; unshare: ${unshare}).`);
  output.line('           The demo runs its own scripts without it, one job at a time. What is missing: npx slipway doctor');
  return false;
}

function stopWhenInterrupted(folder: string, server: OwnServer): { happened(): boolean; readonly end: Promise<never> } {
  let happened = false;
  const end = new Promise<never>(() => {}); // the process ends instead
  const onSignal = (signal: NodeJS.Signals): void => {
    happened = true;
    void server.stop().then(() => {
      rmSync(folder, { recursive: true, force: true });
      process.stderr.write('\nslipway demo: interrupted; the server was stopped, its data folder removed\n');
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  return { happened: () => happened, end };
}

/** What the demo or the server said; anything else is a fault of ours and keeps its stack. */
const isAnswer = (error: unknown): error is Error => error instanceof CliExit || error instanceof AwsError;

const whereItLies = (folder: string): string => `The data folder is left for a look (server.log in it is the server's log):
  npx slipway serve --data ${folder}
  npx slipway steps breast-cancer --data ${folder}      # in another shell
  rm -rf ${folder}`;

/** From the program to compared predictions; throws when any of it is not as it must be. */
async function runMainJob(
  connection: Connection,
  output: Output,
  given: { program: string; threshold: number },
): Promise<DemoFacts> {
  const startedMs = performance.now();
  const { name, arn } = await upsertFile(connection, given.program, {});
  output.line(`pipeline   ${name}, from ${shortPath(given.program)}`);
  const { PipelineExecutionArn: executionArn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName: name,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters: [{ Name: 'AccuracyThreshold', Value: String(given.threshold) }],
  });
  output.line(`execution  ${executionArn.split('/').at(-1)}`);
  const execution = await watchExecution(connection, executionArn, output);
  const steps = await stepsOf(connection, executionArn);
  if (execution.PipelineExecutionStatus !== 'Succeeded') throw await showFailure(connection, output, execution, steps);
  const evaluation = await readEvaluation(connection, steps);
  const versions = await registeredVersions(connection);
  const decided = { threshold: given.threshold, pipelineArn: arn, executionArn, steps, evaluation };
  const isGood = (evaluation.metrics['accuracy'] ?? 0) >= given.threshold;
  if (isGood !== versions.length > 0) {
    throw failed(
      `Accuracy ${evaluation.metrics['accuracy']} against threshold ${given.threshold}, but ${versions.length} versions registered.`,
    );
  }
  const [packageArn] = versions;
  const served = packageArn === undefined ? undefined : await serve(connection, output, packageArn, evaluation);
  const evidence = await collectEvidence(connection);
  const elapsed = duration(performance.now() - startedMs);
  return { ...decided, served, evidence, elapsed, differences: await collectDifferences(connection, steps) };
}

async function registeredVersions(connection: Connection): Promise<string[]> {
  try {
    const listed = await callJson(connection, 'sagemaker:ListModelPackages', { ModelPackageGroupName: GROUP });
    return (listed.ModelPackageSummaryList ?? []).flatMap(({ ModelPackageArn }) => (ModelPackageArn ? [ModelPackageArn] : []));
  } catch (error) {
    if (error instanceof AwsError && error.status === 400) return []; // nothing was ever registered: no such group
    throw error;
  }
}

/** Registered version → refused deployment → approval → endpoint → compared predictions. */
async function serve(
  connection: Connection,
  output: Output,
  packageArn: string,
  evaluation: Awaited<ReturnType<typeof readEvaluation>>,
) {
  const version = packageArn.split('/').slice(-2).join('/');
  const registered = await callJson(connection, 'sagemaker:DescribeModelPackage', { ModelPackageName: packageArn });
  output.line(`registered ${version}, ${registered.ModelApprovalStatus}`);
  output.line(`refused    ${await refusedDeployment(connection, output, packageArn)}`);
  await callJson(connection, 'sagemaker:UpdateModelPackage', {
    ModelPackageArn: packageArn,
    ModelApprovalStatus: 'Approved',
    ApprovalDescription: REASON,
  });
  output.line(`approved   ${version}: ${REASON}`);
  const deployed = await deployPackage(connection, output, packageArn, {
    endpoint: ENDPOINT,
    instanceType: 'ml.m5.large',
    instanceCount: 1,
  });
  const comparison = await compareEndpoint(connection, ENDPOINT, evaluation);
  output.line(
    `predicted  ${evaluation.rows.length} held-out rows through ${ENDPOINT}, in batches and one by one: ${comparison.requests} requests`,
  );
  const approved = await callJson(connection, 'sagemaker:DescribeModelPackage', { ModelPackageName: packageArn });
  return { version, package: approved, endpoint: deployed.EndpointName, endpointArn: deployed.EndpointArn, comparison };
}

/** The rule of the registry, tried: what is not approved must not be served. */
async function refusedDeployment(connection: Connection, output: Output, packageArn: string): Promise<string> {
  try {
    await deployPackage(connection, { ...output, line: () => {} }, packageArn, {
      endpoint: ENDPOINT,
      instanceType: 'ml.m5.large',
      instanceCount: 1,
    });
  } catch (error) {
    if (error instanceof AwsError && error.status === 400) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw failed(`Version ${packageArn} was deployed before anyone approved it.`);
}
