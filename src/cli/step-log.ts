import { AwsError, callJson } from './client.ts';
import type { Connection } from './connection.ts';
import type { StepSummary } from './execution-watch.ts';

export interface LogEvent {
  readonly logStreamName: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly message: string;
}

/** Where a step's job or function logs. */
export interface LogPlace {
  readonly group: string;
  /** Streams of the job: `<job>/algo-1-…`; of a transform job the model server's `<job>/i-…` and `…/data-log`. Undefined: all of the group. */
  readonly prefix: string | undefined;
  /** Epoch milliseconds, where the streams are not the step's alone: a function's processes serve others before and after. */
  readonly fromMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** The last line about an invocation is written after it was answered. */
const REPORT_MS = 1_000;

/** Undefined for steps that run no job and no function (so far). */
export function logPlaceOf(step: StepSummary): LogPlace | undefined {
  const { TrainingJob, ProcessingJob, TransformJob, Lambda } = step.Metadata ?? {};
  if (TrainingJob?.Arn) return { group: '/aws/sagemaker/TrainingJobs', prefix: `${nameOf(TrainingJob.Arn)}/` };
  if (ProcessingJob?.Arn) return { group: '/aws/sagemaker/ProcessingJobs', prefix: `${nameOf(ProcessingJob.Arn)}/` };
  if (TransformJob?.Arn) return { group: '/aws/sagemaker/TransformJobs', prefix: `${nameOf(TransformJob.Arn)}/` };
  const [, functionName] = /:function:([^:]+)/.exec(Lambda?.Arn ?? '') ?? [];
  if (functionName && step.StartTime !== undefined) {
    return {
      group: `/aws/lambda/${functionName}`,
      prefix: undefined,
      fromMs: Math.floor(step.StartTime * 1000),
      untilMs: step.EndTime === undefined ? undefined : Math.ceil(step.EndTime * 1000) + REPORT_MS,
    };
  }
  return undefined;
}

const nameOf = (arn: string): string => arn.split('/').at(-1) ?? '';

/** Reads a job's log from where the last call ended. */
export class LogReader {
  readonly #connection: Connection;
  readonly #place: LogPlace;
  readonly #tokens = new Map<string, string>();

  constructor(connection: Connection, place: LogPlace) {
    this.#connection = connection;
    this.#place = place;
  }

  async *read(): AsyncGenerator<LogEvent> {
    for (const stream of await this.#streams()) yield* this.#readStream(stream);
  }

  async #streams(): Promise<string[]> {
    const { group, prefix } = this.#place;
    const names: string[] = [];
    let nextToken: string | undefined;
    try {
      do {
        const page = await callJson(this.#connection, 'logs:DescribeLogStreams', {
          logGroupName: group,
          logStreamNamePrefix: prefix,
          nextToken,
        });
        names.push(...(page.logStreams ?? []).flatMap(({ logStreamName }) => (logStreamName ? [logStreamName] : [])));
        nextToken = page.nextToken;
      } while (nextToken);
    } catch (error) {
      if (!(error instanceof AwsError) || error.code !== 'ResourceNotFoundException') throw error; // no job of this kind has logged yet
    }
    return names;
  }

  async *#readStream(logStreamName: string): AsyncGenerator<LogEvent> {
    for (;;) {
      const before = this.#tokens.get(logStreamName);
      const page = await callJson(this.#connection, 'logs:GetLogEvents', {
        logGroupName: this.#place.group,
        logStreamName,
        startFromHead: true,
        startTime: this.#place.fromMs,
        endTime: this.#place.untilMs,
        nextToken: before,
      });
      for (const { timestamp = 0, message = '' } of page.events ?? []) yield { logStreamName, timestamp, message };
      if (page.nextForwardToken) this.#tokens.set(logStreamName, page.nextForwardToken);
      if (!page.nextForwardToken || page.nextForwardToken === before) return; // the same token again: the end so far
    }
  }
}
