import { AwsError, callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { failed } from './exit.ts';
import { type Output, statusWord } from './output.ts';
import { pause } from './wait.ts';

/**
 * What the endpoint served when its last move was asked for. It serves that still where the move failed: then it is the one before that counts.
 * The template's deploy.py sets the same.
 */
const PREVIOUS_TAG = 'slipway:previous-config';
const OLDER_TAG = 'slipway:older-config';

export type Tags = Readonly<Record<string, string>>;

const listOf = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export async function tagsOf(connection: Connection, ResourceArn: string): Promise<ReadonlyMap<string, string>> {
  const { Tags = [] } = await callJson(connection, 'sagemaker:ListTags', { ResourceArn });
  return new Map(Tags.map(({ Key, Value }) => [Key, Value]));
}

export const addTags = (connection: Connection, ResourceArn: string, tags: Tags) =>
  callJson(connection, 'sagemaker:AddTags', { ResourceArn, Tags: listOf(tags) });

/** An endpoint's description; undefined when there is none. */
export async function findEndpoint(connection: Connection, name: string) {
  try {
    return await callJson(connection, 'sagemaker:DescribeEndpoint', { EndpointName: name });
  } catch (error) {
    if (error instanceof AwsError && /could not find/i.test(error.message)) return undefined;
    throw error;
  }
}

/** The configuration that the endpoint of this ARN served before the one that it serves; undefined when there was none. */
export async function configBefore(connection: Connection, arn: string, serving: string): Promise<string | undefined> {
  const tags = await tagsOf(connection, arn);
  return [tags.get(PREVIOUS_TAG), tags.get(OLDER_TAG)].find((config) => config !== serving);
}

/**
 * The endpoint onto the configuration, waiting until it serves it; one that is not there is made, with the tags. What it had before is remembered
 * for a rollback, before it moves. Asked again while the move is under way, it only waits. Gives the endpoint's ARN.
 */
export async function moveEndpoint(
  connection: Connection,
  output: Output,
  endpoint: string,
  config: string,
  tags: Tags = {},
): Promise<string> {
  const before = await findEndpoint(connection, endpoint);
  if (before?.EndpointStatus === 'Failed') throw failed(failedText(endpoint, before.FailureReason));
  if (before === undefined) {
    const Tags = listOf(tags);
    await callJson(connection, 'sagemaker:CreateEndpoint', { EndpointName: endpoint, EndpointConfigName: config, Tags });
  } else if (before.EndpointConfigName !== config && before.PendingDeploymentSummary?.EndpointConfigName !== config) {
    await rememberServing(connection, before.EndpointArn, before.EndpointConfigName ?? '');
    await callJson(connection, 'sagemaker:UpdateEndpoint', { EndpointName: endpoint, EndpointConfigName: config });
  }
  return waitInService(connection, output, endpoint, config);
}

async function rememberServing(connection: Connection, arn: string, serving: string): Promise<void> {
  const previous = (await tagsOf(connection, arn)).get(PREVIOUS_TAG);
  const older = previous !== undefined && previous !== serving && { [OLDER_TAG]: previous };
  await addTags(connection, arn, { [PREVIOUS_TAG]: serving, ...older });
}

/** Waits until the endpoint serves `config`; one line per change. Gives its ARN. */
async function waitInService(connection: Connection, output: Output, endpoint: string, config: string): Promise<string> {
  let printed = '';
  for (;;) {
    const described = await callJson(connection, 'sagemaker:DescribeEndpoint', { EndpointName: endpoint });
    const { EndpointStatus: status = '', FailureReason: reason = 'no reason given' } = described;
    if (status !== printed) output.line(`  endpoint ${endpoint}  ${statusWord(output, status)}`);
    printed = status;
    if (status === 'InService' && described.EndpointConfigName === config) return described.EndpointArn;
    if (status === 'InService')
      throw failed(`endpoint ${endpoint} was not moved to ${config} and goes on with what it served: ${reason}`);
    if (status === 'Failed') throw failed(failedText(endpoint, reason));
    if (status === 'OutOfService' || status === 'UpdateRollbackFailed')
      throw failed(`endpoint ${endpoint} is ${status}: ${reason}`);
    await pause(200);
  }
}

/** Only an endpoint that never served is Failed; it cannot be moved. */
const failedText = (endpoint: string, reason = 'no reason given'): string =>
  `endpoint ${endpoint} is Failed: ${reason}\ndelete it, then ask again: aws sagemaker delete-endpoint --endpoint-name ${endpoint}`;
