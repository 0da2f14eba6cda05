import { AwsError, callJson } from './client.ts';
import type { Connection } from './connection.ts';
import type { StepSummary } from './execution-watch.ts';

export interface LogEvent {
  readonly logStreamName: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly message: string;
}

/** Where a step's job logs; undefined for steps that run no job (so far). */
export interface LogPlace {
  readonly group: string;
  /** Streams of the job: `<job>/algo-1-…`; of a transform job the model server's `<job>/i-…` and `…/data-log`. */
  readonly prefix: string;
}

export function logPlaceOf(step: StepSummary): LogPlace | undefined {
  const { TrainingJob, ProcessingJob, TransformJob } = step.Metadata ?? {};
  if (TrainingJob?.Arn) return { group: '/aws/sagemaker/TrainingJobs', prefix: `${nameOf(TrainingJob.Arn)}/` };
  if (ProcessingJob?.Arn) return { group: '/aws/sagemaker/ProcessingJobs', prefix: `${nameOf(ProcessingJob.Arn)}/` };
  if (TransformJob?.Arn) return { group: '/aws/sagemaker/TransformJobs', prefix: `${nameOf(TransformJob.Arn)}/` };
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
        nextToken: before,
      });
      for (const { timestamp = 0, message = '' } of page.events ?? []) yield { logStreamName, timestamp, message };
      if (page.nextForwardToken) this.#tokens.set(logStreamName, page.nextForwardToken);
      if (!page.nextForwardToken || page.nextForwardToken === before) return; // the same token again: the end so far
    }
  }
}
