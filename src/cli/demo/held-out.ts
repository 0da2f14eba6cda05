import { callJson, invokeEndpoint } from '../client.ts';
import type { Connection } from '../connection.ts';
import type { StepSummary } from '../execution-watch.ts';
import { failed } from '../exit.ts';
import { getUri } from './evidence.ts';

/** What the evaluation job said about the held-out rows, read from where the jobs left it. */
export interface Evaluation {
  /** Without labels, one CSV line each. */
  readonly rows: readonly string[];
  readonly labels: readonly number[];
  readonly scores: readonly number[];
  readonly metrics: Readonly<Record<string, number>>;
}

export async function readEvaluation(connection: Connection, steps: readonly StepSummary[]): Promise<Evaluation> {
  const testUri = await outputUri(connection, steps, 'Preprocess', 'test');
  const evaluationUri = await outputUri(connection, steps, 'Evaluate', 'evaluation');
  const test = await getUri(connection, `${testUri}/test.csv`);
  const lines = test.toString('utf8').trim().split(/\r?\n/);
  const report = JSON.parse((await getUri(connection, `${evaluationUri}/evaluation.json`)).toString('utf8')) as {
    metrics: Record<string, { value: number }>;
  };
  const scores = (await getUri(connection, `${evaluationUri}/scores.csv`)).toString('utf8').trim().split(/\r?\n/).map(Number);
  if (scores.length !== lines.length) {
    throw failed(`The evaluation job wrote ${scores.length} scores for ${lines.length} held-out rows.`);
  }
  return {
    rows: lines.map((line) => line.slice(line.indexOf(',') + 1)), // label first
    labels: lines.map((line) => Number(line.slice(0, line.indexOf(',')))),
    scores,
    metrics: Object.fromEntries(Object.entries(report.metrics).map(([name, { value }]) => [name, value])),
  };
}

async function outputUri(
  connection: Connection,
  steps: readonly StepSummary[],
  stepName: string,
  outputName: string,
): Promise<string> {
  const arn = steps.find((step) => step.StepName === stepName)?.Metadata?.ProcessingJob?.Arn;
  if (!arn) throw failed(`Step ${stepName} has no processing job.`);
  const job = await callJson(connection, 'sagemaker:DescribeProcessingJob', { ProcessingJobName: arn.split('/').at(-1) ?? '' });
  const output = job.ProcessingOutputConfig?.Outputs?.find((found) => found.OutputName === outputName);
  if (!output?.S3Output?.S3Uri) throw failed(`The processing job of step ${stepName} has no output "${outputName}".`);
  return output.S3Output.S3Uri.replace(/\/$/, '');
}

/** The endpoint's answers and how they compare with the evaluation job's. */
export interface Comparison {
  readonly requests: number;
  readonly accuracy: number;
  /** Over all rows and both ways of asking. */
  readonly largestDifference: number;
  readonly meanLatencyMs: number;
}

const TOLERANCE = 1e-6;
const BATCH_ROWS = 32;

/** Asks the endpoint for every held-out row, in batches and row by row; throws when the answers are not the evaluation job's. */
export async function compareEndpoint(connection: Connection, endpoint: string, evaluation: Evaluation): Promise<Comparison> {
  const batches = Array.from({ length: Math.ceil(evaluation.rows.length / BATCH_ROWS) }, (_, at) =>
    evaluation.rows.slice(at * BATCH_ROWS, (at + 1) * BATCH_ROWS),
  );
  const startedMs = performance.now();
  const inBatches: number[] = [];
  for (const batch of batches) inBatches.push(...(await predict(connection, endpoint, batch)));
  const singly: number[] = [];
  for (const row of evaluation.rows) singly.push(...(await predict(connection, endpoint, [row])));
  const requests = batches.length + evaluation.rows.length;
  const meanLatencyMs = (performance.now() - startedMs) / requests;
  const largestDifference = Math.max(
    ...evaluation.scores.flatMap((score, at) => [inBatches, singly].map((answers) => differenceAt(answers[at], score, at))),
  );
  const right = evaluation.labels.filter((label, at) => label === ((inBatches[at] ?? 0) > 0.5 ? 1 : 0)).length;
  const accuracy = right / evaluation.labels.length;
  const said = evaluation.metrics['accuracy'] ?? Number.NaN;
  if (!(Math.abs(accuracy - said) <= TOLERANCE)) {
    throw failed(
      `The endpoint's accuracy on the held-out rows is ${accuracy}, the evaluation job's ${said}: they must agree to ${TOLERANCE}.`,
    );
  }
  return { requests, accuracy, largestDifference, meanLatencyMs };
}

function differenceAt(answer: number | undefined, score: number, at: number): number {
  const difference = Math.abs((answer ?? Number.NaN) - score);
  if (difference <= TOLERANCE) return difference;
  throw failed(
    `Held-out row ${at + 1}: the endpoint answers ${answer}, the evaluation job scored ${score}: they must agree to ${TOLERANCE}.`,
  );
}

async function predict(connection: Connection, endpoint: string, rows: readonly string[]): Promise<number[]> {
  const { body } = await invokeEndpoint(connection, endpoint, {
    body: Buffer.from(rows.join('\n')),
    contentType: 'text/csv',
    accept: 'text/csv',
  });
  const answers = body.toString('utf8').trim().split(/[\n,]/).map(Number);
  if (answers.length !== rows.length) {
    throw failed(`The endpoint gave ${answers.length} answers to ${rows.length} rows: ${body.toString('utf8').slice(0, 200)}`);
  }
  return answers;
}
