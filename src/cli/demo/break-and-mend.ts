import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { elapsedOf, type ExecutionDescription, stepsOf, type StepSummary, watchExecution } from '../execution-watch.ts';
import { failed, wrongUse } from '../exit.ts';
import { duration, type Output, table } from '../output.ts';
import { planDefinition, planLines } from '../verbs/plan.ts';
import { resumeExecution } from '../verbs/retry.ts';
import { upsertFile } from '../verbs/pipeline.ts';
import { showFailure } from './failure.ts';
import type { Kept } from './summary.ts';

const SCRIPT = join('scripts', 'train.py');
/** A mistake as people make it: a column asked for by a name, in files that have no header. */
const RIGHT = 'label=frame[0])';
const WRONG = 'label=frame["diagnosis"])';

export interface MendedFacts {
  readonly failedExecutionArn: string;
  readonly failedStep: string;
  readonly failureReason: string;
  readonly fix: { readonly file: string; readonly line: number; readonly before: string; readonly after: string };
  readonly resumedExecutionArn: string;
  readonly again: { readonly executionArn: string; readonly elapsedMs: number };
  /** What each step did in the three executions. */
  readonly steps: readonly { readonly name: string; readonly failed: string; readonly resumed: string; readonly again: string }[];
}

/** A pipeline whose training script fails; its last lines, the fix, and an execution that goes on from there. */
export async function breakAndMend(
  connection: Connection,
  output: Output,
  given: { readonly project: string; readonly folder: string; readonly threshold: number },
): Promise<MendedFacts> {
  const project = join(given.folder, 'project');
  cpSync(given.project, project, { recursive: true });
  const program = join(project, 'pipeline.ts');
  const fix = breakScript(join(project, SCRIPT));
  const parameters = [{ Name: 'AccuracyThreshold', Value: String(given.threshold) }];

  const { name } = await upsertFile(connection, program, {});
  output.line(`pipeline   ${name}, with a mistake in ${SCRIPT}`);
  const first = await runOnce(connection, output, name, parameters);
  const broken = first.steps.find(({ StepStatus }) => StepStatus === 'Failed');
  if (!broken) throw failed(`The pipeline was to fail, but is ${first.execution.PipelineExecutionStatus}.`);
  output.line((await showFailure(connection, output, first.execution, first.steps)).message);

  output.line(`\nthe fix     ${SCRIPT}, line ${fix.line}`);
  output.line(`  - ${fix.before}\n  + ${fix.after}`);
  mendScript(join(project, SCRIPT));
  await upsertFile(connection, program, {});
  output.line('\nwhat the whole pipeline would do now (slipway plan):');
  const { PipelineDefinition: text = '' } = await callJson(connection, 'sagemaker:DescribePipeline', { PipelineName: name });
  const { steps: planned } = await planDefinition(connection, name, text, parameters);
  for (const line of planLines(planned)) output.line(indented(line));

  const { arn: resumedArn, steps: ran } = await resumeExecution(connection, first.arn, undefined, []);
  output.line(`\nresumed    ${resumedArn.split('/').at(-1)} (slipway resume): runs ${ran.join(', ')}`);
  const resumed = await follow(connection, output, resumedArn);
  requireNothingRepeated(first.steps, resumed.steps);
  const startedMs = performance.now();
  const again = await runOnce(connection, output, name, parameters);
  const elapsedMs = performance.now() - startedMs;
  requireSuccess(again.execution);
  return {
    failedExecutionArn: first.arn,
    failedStep: broken.StepName ?? '',
    failureReason: broken.FailureReason ?? '',
    fix: { file: SCRIPT, ...fix },
    resumedExecutionArn: resumedArn,
    again: { executionArn: again.arn, elapsedMs },
    steps: compareSteps(first.steps, resumed.steps, again.steps),
  };
}

const indented = (text: string): string => text.replace(/^(?=.)/gm, '  ');

interface Ended {
  readonly arn: string;
  readonly execution: ExecutionDescription;
  readonly steps: readonly StepSummary[];
}

async function runOnce(
  connection: Connection,
  output: Output,
  PipelineName: string,
  PipelineParameters: { Name: string; Value: string }[],
): Promise<Ended> {
  const { PipelineExecutionArn: arn = '' } = await callJson(connection, 'sagemaker:StartPipelineExecution', {
    PipelineName,
    ClientRequestToken: crypto.randomUUID(),
    PipelineParameters,
  });
  output.line(`\nexecution  ${arn.split('/').at(-1)}`);
  return follow(connection, output, arn);
}

async function follow(connection: Connection, output: Output, arn: string): Promise<Ended> {
  const execution = await watchExecution(connection, arn, output);
  return { arn, execution, steps: await stepsOf(connection, arn) };
}

function requireSuccess({ PipelineExecutionStatus: status, FailureReason: reason }: ExecutionDescription): void {
  if (status !== 'Succeeded') throw failed(`The mended pipeline is ${status}: ${reason ?? 'no reason given'}`);
}

/** The demo's claim, checked: what had succeeded was taken, job and all. */
function requireNothingRepeated(before: readonly StepSummary[], after: readonly StepSummary[]): void {
  for (const step of before.filter(({ StepStatus }) => StepStatus === 'Succeeded')) {
    const now = after.find(({ StepName }) => StepName === step.StepName);
    if (!now || JSON.stringify(now.Metadata) === JSON.stringify(step.Metadata)) continue;
    throw failed(`Step ${step.StepName} had succeeded, but was run again.`);
  }
}

function breakScript(path: string): { readonly line: number; readonly before: string; readonly after: string } {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  const at = lines.findIndex((line) => line.includes(RIGHT));
  const after = lines[at];
  if (after === undefined) throw wrongUse(`${path}: the demo breaks the line with ${RIGHT}, which is not there.`);
  const before = after.replace(RIGHT, WRONG);
  writeFileSync(path, lines.with(at, before).join('\n'));
  return { line: at + 1, before: before.trim(), after: after.trim() };
}

const mendScript = (path: string): void => writeFileSync(path, readFileSync(path, 'utf8').replace(WRONG, RIGHT));

function compareSteps(...runs: readonly (readonly StepSummary[])[]): MendedFacts['steps'] {
  const names = new Set(runs.flat().map(({ StepName }) => StepName ?? ''));
  return [...names].map((name) => {
    const [first = '', resumed = '', again = ''] = runs.map((steps) => wordOf(steps.find(({ StepName }) => StepName === name)));
    return { name, failed: first, resumed, again };
  });
}

function wordOf(step: StepSummary | undefined): string {
  if (!step) return '-';
  if (step.CacheHitResult) return 'cached';
  if (step.SelectiveExecutionResult) return 'taken';
  return step.StepStatus === 'Failed' ? `FAILED, ${elapsedOf(step)}` : `ran, ${elapsedOf(step)}`;
}

export function printMended(output: Output, facts: MendedFacts, kept: Kept | undefined): void {
  const rows = facts.steps.map(({ name, failed: first, resumed, again }) => [name, first, resumed, again]);
  output.line(`\n${indented(table([['STEP', 'FIRST', 'RESUMED', 'ONCE MORE'], ...rows]))}`);
  output.line(`\n  ${facts.failedStep} failed, was mended in one line, and nothing that had succeeded ran again.`);
  output.line(`  Once more from the beginning, with everything cached that can be: ${duration(facts.again.elapsedMs)}`);
  if (kept) output.line(`\n  The server goes on: ${kept.page}\n  Stop it: npx slipway down --data ${kept.folder}`);
}
