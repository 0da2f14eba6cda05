import { existsSync } from 'node:fs';
import { CACHE_MODE_TAG, parametersOf, parseDefinition, resolveParameters } from '@slipway/sdk/definition';
import { AwsError, callerIdentity, callJson } from '../client.ts';
import type { Connection } from '../connection.ts';
import { findingsOf } from '../definition-problems.ts';
import type { StepSummary } from '../execution-watch.ts';
import { failed, wrongUse } from '../exit.ts';
import { duration, table } from '../output.ts';
import { loadPipeline, namesFile } from '../pipeline-file.ts';
import { tagOf } from '../plan/content.ts';
import { describeDifference } from '../plan/difference.ts';
import { EarlierExecution, type Evaluated } from '../plan/earlier-execution.ts';
import { type PlannedStep, planPipeline } from '../plan/plan-pipeline.ts';
import { withServer } from '../run-server.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';
import { parameterOf } from '../start-execution.ts';

export interface PlanOptions extends GlobalOptions {
  readonly name?: string;
  readonly role?: string;
  readonly param: string[];
}

/** Executions looked at; what ran before them is no candidate. */
const EXECUTIONS_MAX = 25;
const DIFFERENCES_SHOWN = 4;

/**
 * `slipway plan FILE|PIPELINE [--param K=V]…`: what an execution started now would run, and what it would take from the cache. Everything is
 * read through the API and compared as the engine does; nothing is changed. A file needs no server beforehand, as with `run`.
 */
export async function plan(target: string, options: PlanOptions): Promise<void> {
  if (!namesFile(target)) return planTarget(await openSession(options), target, options);
  if (!existsSync(target)) throw wrongUse(`${target}: there is no such file.`); // before a server is started for it
  await withServer(options, (session) => planTarget(session, target, options));
}

async function planTarget({ connection, output }: Session, target: string, options: PlanOptions): Promise<void> {
  const { name, text } = await definitionOf(connection, target, options);
  const { problems, notExecuted } = findingsOf(text);
  const wrong = [...problems, ...notExecuted];
  if (wrong.length > 0) throw failed(wrong.map((reason) => `${target}: ${reason}`).join('\n'));
  const { steps, isAll } = await planDefinition(connection, name, text, options.param.map(parameterOf));
  for (const line of planLines(steps)) output.line(line);
  output.line(summaryOf(steps));
  if (!isAll && steps.some(({ verdict }) => verdict === 'miss')) {
    output.line(`Of earlier executions the ${EXECUTIONS_MAX} newest were looked at: a step may still find an older result.`);
  }
  output.result({ PipelineName: name, AllExecutionsLookedAt: isAll, Steps: steps.map(resultOf) });
}

/** What an execution of this definition would do, started now. */
export async function planDefinition(
  connection: Connection,
  name: string,
  text: string,
  given: readonly { Name: string; Value: string }[],
): Promise<Plan> {
  const { account } = await callerIdentity(connection);
  const pipelineArn = `arn:aws:sagemaker:${connection.region}:${account}:pipeline/${name}`;
  const { executions, isAll } = await earlierExecutions(connection, name);
  const steps = await planPipeline({
    connection,
    planned: plannedOf(text, name, pipelineArn, given),
    earlier: executions,
    byContent: (await tagOf(connection, pipelineArn, CACHE_MODE_TAG)) === 'content',
    nowMs: Date.now(),
  });
  return { steps, isAll };
}

export interface Plan {
  readonly steps: readonly PlannedStep[];
  /** Whether every earlier execution was looked at: an older one may have the result that a step is said to miss. */
  readonly isAll: boolean;
}

/** The plan for people: a table, and what differs where a step misses. */
export const planLines = (steps: readonly PlannedStep[]): string[] => [
  table([['STEP', 'TYPE', 'CACHE', 'WHY'], ...steps.map(rowOf)]),
  ...steps.flatMap(differenceLines),
];

async function definitionOf(
  connection: Connection,
  target: string,
  options: PlanOptions,
): Promise<{ name: string; text: string }> {
  if (!namesFile(target)) {
    const { PipelineDefinition: text = '', PipelineName: name = target } = await callJson(
      connection,
      'sagemaker:DescribePipeline',
      {
        PipelineName: target,
      },
    );
    return { name, text };
  }
  const { account } = await callerIdentity(connection);
  const role = options.role ?? `arn:aws:iam::${account}:role/SageMakerPipelineExecutionRole`;
  const bucket = `sagemaker-${connection.region}-${account}`;
  const loaded = await loadPipeline(target, options.name, { region: connection.region, bucket, role });
  return { name: loaded.name, text: loaded.definition };
}

function plannedOf(
  text: string,
  name: string,
  pipelineArn: string,
  given: readonly { Name: string; Value: string }[],
): Omit<Evaluated, 'documentOf'> {
  const { definition, graph } = parseDefinition(text);
  if (!definition) throw failed('The definition cannot be parsed.'); // findingsOf said how
  const { values, problems } = resolveParameters(parametersOf(definition), given);
  if (problems) throw wrongUse(problems.map(({ message }) => message).join('\n'));
  return { definition, graph, values, variables: { PipelineName: name, PipelineArn: pipelineArn } };
}

/** The newest ones, and those, however old, whose results they took. */
async function earlierExecutions(
  connection: Connection,
  PipelineName: string,
): Promise<{ executions: EarlierExecution[]; isAll: boolean }> {
  const read = (arns: Iterable<string>) => Promise.all([...arns].map((arn) => EarlierExecution.read(connection, arn)));
  try {
    const { PipelineExecutionSummaries: found = [], NextToken } = await callJson(connection, 'sagemaker:ListPipelineExecutions', {
      PipelineName,
      SortBy: 'CreationTime',
      SortOrder: 'Descending',
      MaxResults: EXECUTIONS_MAX,
    });
    const newest = await read(found.map(({ PipelineExecutionArn: arn = '' }) => arn));
    const known = new Set(newest.map(({ arn }) => arn));
    const sources = new Set(
      newest.flatMap(({ steps }) => [...steps.values()].flatMap(sourceOf)).filter((arn) => !known.has(arn)),
    );
    return { executions: [...newest, ...(await read(sources))], isAll: NextToken === undefined };
  } catch (error) {
    if (error instanceof AwsError && error.code === 'ResourceNotFound') return { executions: [], isAll: true }; // no such pipeline yet
    throw error;
  }
}

const sourceOf = ({ CacheHitResult, SelectiveExecutionResult }: StepSummary): string[] => {
  const arn = (CacheHitResult ?? SelectiveExecutionResult)?.SourcePipelineExecutionArn;
  return arn === undefined ? [] : [arn];
};

const WORDS: Record<PlannedStep['verdict'], string> = {
  hit: 'hit',
  miss: 'miss',
  off: 'runs',
  unknown: 'not known before',
  decided: 'decided',
  'not-run': 'not run',
};

function rowOf(step: PlannedStep): string[] {
  const from = step.executionArn === undefined ? '' : `execution ${step.executionArn.split('/').at(-1)}`;
  const age = step.ageMs === undefined ? '' : `${duration(step.ageMs)} ago`;
  const condition = step.onlyIf === undefined ? '' : `if ${step.onlyIf}: `;
  return [
    step.name,
    step.type,
    WORDS[step.verdict],
    condition +
      (step.verdict === 'hit' ? [from, age, step.reason] : [step.reason, from, age]).filter((part) => part !== '').join(', '),
  ];
}

function differenceLines({ name, differences = [] }: PlannedStep): string[] {
  if (differences.length === 0) return [];
  const shown = differences.slice(0, DIFFERENCES_SHOWN).map((difference) => `  ${describeDifference(difference)}`);
  const more = differences.length > shown.length ? [`  and ${differences.length - shown.length} more`] : [];
  return [`\n${name}:`, ...shown, ...more];
}

function summaryOf(steps: readonly PlannedStep[]): string {
  const count = (...verdicts: PlannedStep['verdict'][]) => steps.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const open = count('unknown');
  const rest = open === 0 ? '' : `, ${open} not known before they run`;
  return `\n${count('hit')} from the cache, ${count('miss', 'off')} to run${rest}`;
}

const resultOf = (step: PlannedStep) => ({
  StepName: step.name,
  StepType: step.type,
  Verdict: step.verdict,
  Reason: step.reason || null,
  PipelineExecutionArn: step.executionArn ?? null,
  AgeSeconds: step.ageMs === undefined ? null : step.ageMs / 1000,
  Differences: (step.differences ?? []).map(({ at, before, after }) => ({
    Attribute: at,
    Before: before ?? null,
    After: after ?? null,
  })),
  OnlyIf: step.onlyIf ?? null,
});
