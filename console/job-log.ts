import { growingLog, streamsOf } from './growing-log.ts';

export type JobKind = 'TrainingJob' | 'ProcessingJob' | 'TransformJob';

export interface JobRef {
  readonly kind: JobKind;
  readonly name: string;
}

/** The log of a job, of all its hosts. */
export function jobLog({ kind, name }: JobRef, command: string) {
  const group = `/aws/sagemaker/${kind}s`;
  const streams = async () => {
    const names = await streamsOf(group, `${name}/`);
    return names.map((stream) => ({ name: stream, label: names.length > 1 ? `${shortName(stream)}: ` : '' }));
  };
  return growingLog({ about: name, group, streams, command });
}

/** `job/algo-1-1700000000` as `algo-1`, `job/i-0a1b…-1700000000/data-log` as `data-log`. */
const shortName = (stream: string): string => stream.slice(stream.lastIndexOf('/') + 1).replace(/-\d{10}$/, '');
