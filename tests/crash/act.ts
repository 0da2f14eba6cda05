import { setTimeout as delay } from 'node:timers/promises';
import { Refused } from '../harness/aws-client.ts';
import { type Answer, logs, s3, sagemaker } from './call.ts';
import type { Fact, Witness } from './witness.ts';
import { BUCKET, ROLE } from './workload.ts';

/**
 * A small piece of work by an outside client, with names of its own, that comes to the same end however often the server dies meanwhile. `play`
 * resolves when nothing of it is under way any more; `look` then reads everything it left, for comparison with an undisturbed run.
 */
export interface Act {
  readonly name: string;
  /** Starts model servers, or what another act starts already: costly, so not everywhere. */
  readonly heavy?: true;
  play(client: Witness, label: string): Promise<void>;
  look(client: Witness, label: string): Promise<unknown>;
}

export const URI = `s3://${BUCKET}`;

export async function putObject(client: Witness, key: string, text: string): Promise<void> {
  await client.change(s3('PUT', `/${BUCKET}/${key}`, text), {
    subject: `object ${key}`,
    look: s3('GET', `/${BUCKET}/${key}`),
    holds: text,
  });
}

export const fact = (subject: string, look: Fact['look'], holds: Fact['holds'] = {}): Fact => ({ subject, look, holds });

/** A job of the plain image: no framework, so that it costs little. It says in its log that it was started, once per start. */
export const shell = (script: string) => ({ entrypoint: ['/bin/sh', '-c', `echo started; ${script}`] });

export const cluster = { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 };
export const IMAGE = 'python:3.11';

export function processingInput(name: string, uri: string) {
  const S3Input = { S3Uri: uri, LocalPath: `/opt/ml/processing/${name}`, S3DataType: 'S3Prefix', S3InputMode: 'File' };
  return { InputName: name, S3Input };
}

export function processingOutput(name: string, uri: unknown) {
  return { OutputName: name, S3Output: { S3Uri: uri, LocalPath: `/opt/ml/processing/${name}`, S3UploadMode: 'EndOfJob' } };
}

export function processingJob(name: string, script: string, more: object = {}) {
  return {
    ProcessingJobName: name,
    RoleArn: ROLE,
    AppSpecification: { ImageUri: IMAGE, ContainerEntrypoint: shell(script).entrypoint },
    ProcessingResources: { ClusterConfig: cluster },
    ...more,
  };
}

export const describeProcessing = (name: string) => sagemaker('DescribeProcessingJob', { ProcessingJobName: name });
export const describeTraining = (name: string) => sagemaker('DescribeTrainingJob', { TrainingJobName: name });

async function streams(client: Witness, logGroupName: string, prefix: string): Promise<string[]> {
  const query = { logGroupName, ...(prefix !== '' && { logStreamNamePrefix: prefix }) };
  try {
    const { json } = await client.ask(logs('DescribeLogStreams', query));
    return json.logStreams.map(({ logStreamName }: { logStreamName: string }) => logStreamName);
  } catch (error) {
    if (error instanceof Refused && error.code === 'ResourceNotFoundException') return [];
    throw error;
  }
}

/** The lines of each stream of a group whose name starts so; what jobs and functions say of themselves. */
export async function logLines(client: Witness, group: string, prefix: string): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const logStreamName of await streams(client, group, prefix)) {
    const { json: page } = await client.ask(
      logs('GetLogEvents', { logGroupName: group, logStreamName, startFromHead: true, limit: 1000 }),
    );
    found[logStreamName] = page.events.map(({ message }: { message: string }) => message);
  }
  return found;
}

/** Resolves when a job of that group and name prefix has said that it was started. */
export async function hasStarted(client: Witness, group: string, prefix: string): Promise<void> {
  for (;;) {
    const lines = Object.values(await logLines(client, group, prefix)).flat();
    if (lines.includes('started')) return;
    await delay(20);
  }
}

/** How often each host of a job whose name starts so was started, by its own words; a host begun again has a stream of its own. */
export async function starts(client: Witness, group: string, prefix: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [stream, lines] of Object.entries(await logLines(client, group, prefix))) {
    const host = stream.replace(/-\d{10}$/, '');
    counts[host] = (counts[host] ?? 0) + lines.filter((line) => line === 'started').length;
  }
  return counts;
}

/** Keys below a prefix of the default bucket, with size and ETag. */
export async function objectsBelow(client: Witness, prefix: string): Promise<Record<string, string>> {
  const { text } = await client.ask(s3('GET', `/${BUCKET}?list-type=2&prefix=${encodeURIComponent(prefix)}`));
  const found: Record<string, string> = {};
  for (const [, entry = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const part = (name: string) => new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(entry)?.[1] ?? '';
    found[part('Key')] = `${part('Size')} ${part('ETag').replaceAll('&quot;', '')}`;
  }
  return found;
}

export const json = async (asked: Promise<Answer>): Promise<unknown> => (await asked).json;

/** A refusal is a result, too: code and message. */
export async function outcomeOf(asked: Promise<Answer>): Promise<unknown> {
  try {
    const { json: answer, text } = await asked;
    return Object.keys(answer).length > 0 ? answer : text;
  } catch (error) {
    const { name, code, message } = error as { name: string; code?: string; message: string };
    if (name !== 'Refused') throw error;
    return `${code}: ${message}`;
  }
}

const TIMES = /(?:Time|Date|Timestamp|LastModified|timestamp|Seconds|At|lastStatus|time|bytes|Bytes|Token)$/;
const RUN_ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** What was looked at, without what differs from run to run by right: times, ids, and the act's own name. */
export function normal(value: unknown, label: string): unknown {
  if (typeof value === 'string') {
    return value
      .replaceAll(label, 'LABEL')
      .replace(RUN_ID, 'UUID')
      .replace(/(:secret:LABEL-)\w{6}/g, '$1SUFFIX')
      .replace(/\b(AIDA|AROA)\w{17}\b/g, '$1')
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+0000|\+00:00)/g, 'TIME');
  }
  if (Array.isArray(value)) return value.map((item) => normal(item, label));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([member, item]) => [
        normal(member, label),
        TIMES.test(member) && (typeof item === 'number' || typeof item === 'string') ? 'TIME' : normal(item, label),
      ]),
  );
}
