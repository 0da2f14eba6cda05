import { styleText } from 'node:util';
import type { OutputOf } from '../../contract/operations.ts';
import { elapsedOf, type StepSummary } from '../execution-watch.ts';
import { type Output, shortPath, statusWord, table } from '../output.ts';
import type { Difference } from './differences.ts';
import type { Evidence } from './evidence.ts';
import type { Comparison, Evaluation } from './held-out.ts';

/** What the demo found out; the summary prints nothing else. */
export interface DemoFacts {
  readonly threshold: number;
  readonly pipelineArn: string;
  readonly executionArn: string;
  readonly steps: readonly StepSummary[];
  readonly evaluation: Evaluation;
  /** Absent when the model was not good enough to be registered. */
  readonly served?: Served;
  readonly evidence: Evidence;
  readonly elapsed: string;
  readonly differences: readonly Difference[];
}

export interface Served {
  /** GROUP/N */
  readonly version: string;
  readonly package: OutputOf<'sagemaker:DescribeModelPackage'>;
  readonly endpoint: string;
  readonly endpointArn: string;
  readonly comparison: Comparison;
}

/** What `--keep` leaves behind. */
export interface Kept {
  readonly folder: string;
  /** A link that works once. */
  readonly page: string;
}

export function printSummary(output: Output, facts: DemoFacts, program: string, kept: Kept | undefined): void {
  const block = (title: string, lines: readonly string[]): void => {
    output.line(`\n${output.terminal ? styleText('bold', title) : title}`);
    for (const line of lines) output.line(`  ${line}`);
  };
  block(`What ran, in ${facts.elapsed}`, stepLines(output, facts.steps));
  block(`Metrics on ${facts.evaluation.rows.length} held-out rows`, metricLines(facts));
  block('Version', versionLines(output, facts));
  if (facts.served) block('Endpoint', endpointLines(output, facts.served));
  block('Evidence', evidenceLines(facts));
  block('The page, and what to type next', kept ? nextWithServer(facts, kept) : nextAfterwards(program));
  block('On AWS this would differ', differenceLines(facts.differences));
}

function differenceLines(differences: readonly Difference[]): string[] {
  const whats = [...new Set(differences.map(({ what }) => what))];
  return whats.flatMap((what) => [
    what,
    ...differences.filter((difference) => difference.what === what).map(({ here }) => `  ${here}`),
  ]);
}

function stepLines(output: Output, steps: readonly StepSummary[]): string[] {
  const rows = steps.map((step) => [
    step.StepName ?? '',
    kindOf(step),
    elapsedOf(step),
    statusWord(output, step.StepStatus ?? ''),
  ]);
  return table(rows).split('\n');
}

function kindOf({ Metadata = {} }: StepSummary): string {
  if (Metadata.ProcessingJob) return 'processing job';
  if (Metadata.TrainingJob) return 'training job';
  if (Metadata.Condition) return `condition: ${Metadata.Condition.Outcome}`;
  return Metadata.RegisterModel ? 'model version' : '';
}

function metricLines({ evaluation, served }: DemoFacts): string[] {
  const lines = Object.entries(evaluation.metrics).map(([name, value]) => `${name.padEnd(9)} ${value.toFixed(4)}`);
  if (!served) return lines;
  const { accuracy, largestDifference, requests, meanLatencyMs } = served.comparison;
  return [
    ...lines,
    `recomputed from ${requests} answers of the endpoint: accuracy ${accuracy.toFixed(4)}, as the evaluation job said`,
    `largest difference of a score ${largestDifference === 0 ? 'none' : largestDifference.toExponential(1)} (1e-6 allowed), ${meanLatencyMs.toFixed(1)} ms a request`,
  ];
}

function versionLines(output: Output, { served, threshold, evaluation }: DemoFacts): string[] {
  if (!served) {
    return [
      `none: accuracy ${evaluation.metrics['accuracy']?.toFixed(4)} is below the threshold ${threshold}, so nothing was registered or deployed`,
    ];
  }
  const { version, package: described } = served;
  return [
    `${version}  ${statusWord(output, described.ModelApprovalStatus ?? '')} by ${described.LastModifiedBy?.IamIdentity?.Arn ?? 'the demo'}`,
    `reason: ${described.ApprovalDescription ?? ''}`,
  ];
}

const endpointLines = (output: Output, served: Served): string[] => [
  `${served.endpoint}  ${statusWord(output, 'InService')}`,
  served.endpointArn,
];

function evidenceLines({ evidence: { entries, head, definition, objects, approval } }: DemoFacts): string[] {
  const name = (uri: string) => uri.split('/').at(-1) ?? uri;
  return [
    `the ledger has ${entries} entries, each verified against the chain; its head is`,
    head.hash,
    `what jobs wrote was read back and is what the ledger recorded (SHA-256):`,
    ...table([
      ...objects.map(({ uri, digest, entry }) => [name(uri), digest, `entry ${entry}`]),
      ['the definition', definition.digest, `entry ${definition.entry}`],
      ...(approval ? [['the approval', `by ${approval.actor}`, `entry ${approval.entry}`]] : []),
    ]).split('\n'),
  ];
}

const nextAfterwards = (program: string): string[] => [
  'npm run demo -- --keep      the same, and the server stays; prints a link to its page',
  'npx slipway serve           a server of your own, in ./.slipway; then in another shell:',
  `npx slipway run ${shortPath(program)} --wait`,
  'npx slipway ui              a link to its page',
];

function nextWithServer({ served, executionArn, evaluation }: DemoFacts, { folder, page }: Kept): string[] {
  const at = `--data ${folder}`;
  const execution = executionArn.split('/').at(-1) ?? '';
  return [
    page,
    '(the link works once, within five minutes; what follows works in this folder)',
    `npx slipway ui ${at}`,
    `npx slipway steps ${execution} ${at}`,
    `npx slipway logs ${execution} Train ${at}`,
    ...(served ? [`npx slipway invoke ${served.endpoint} ${at} --body '${evaluation.rows[0]}'`] : []),
    `npx slipway audit verify ${at}`,
    `eval "$(npx slipway env ${at})"      # then boto3, the SageMaker SDK and the AWS CLI talk to this server`,
    `npx slipway down ${at} && rm -rf ${folder}      # when done`,
  ];
}

/** The summary for programs. */
export function factsJson(facts: DemoFacts) {
  const { evaluation, served, steps, ...rest } = facts;
  return {
    ...rest,
    steps: steps.map(({ StepName, StepStatus, StartTime, EndTime }) => ({ StepName, StepStatus, StartTime, EndTime })),
    metrics: evaluation.metrics,
    heldOutRows: evaluation.rows.length,
    version: served?.version ?? null,
    endpoint: served?.endpointArn ?? null,
    comparison: served?.comparison ?? null,
  };
}
