import { Refused } from '../harness/aws-client.ts';
import { type Act, fact, json, logLines, outcomeOf } from './act.ts';
import { queueUrl } from './acts-pipelines.ts';
import { iam, lambda, logs, secrets, sqs, ssm } from './call.ts';
import type { Witness } from './witness.ts';
import { ACCOUNT, ROLE } from './workload.ts';
import { zipOf } from '../harness/zip.ts';

export const FUNCTION_CODE = zipOf({
  'app.py': `def handler(event, context):
    print('started')
    if event.get('fail'): raise ValueError('asked to fail')
    return {'said': 'heard ' + event['label'], 'statusCode': 200}
`,
}).toString('base64');

export async function createQueue(client: Witness, QueueName: string, Attributes?: object): Promise<string> {
  const look = sqs('GetQueueUrl', { QueueName });
  await client.change(sqs('CreateQueue', { QueueName, ...(Attributes && { Attributes }) }), fact(`queue ${QueueName}`, look));
  return queueUrl(client, QueueName);
}

export async function deleteQueue(client: Witness, QueueName: string): Promise<void> {
  const QueueUrl = queueUrl(client, QueueName);
  await client.change(sqs('DeleteQueue', { QueueUrl }), fact(`queue ${QueueName}`, sqs('GetQueueUrl', { QueueName }), 'gone'));
}

/** Receives and removes until as many different bodies have come. What could not be removed in time comes again. */
export async function receiveAll(
  client: Witness,
  QueueUrl: string,
  count: number,
  of = (body: string) => body,
): Promise<string[]> {
  const bodies: string[] = [];
  const look = sqs('GetQueueAttributes', { QueueUrl, AttributeNames: ['QueueArn'] });
  while (new Set(bodies).size < count) {
    const receive = sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 3, WaitTimeSeconds: 1 });
    const { json: page } = await client.ask(receive);
    for (const { Body, ReceiptHandle } of page.Messages ?? []) {
      bodies.push(of(Body));
      const remove = sqs('DeleteMessage', { QueueUrl, ReceiptHandle });
      await client.change(remove, fact(`attributes of ${QueueUrl}`, look)).catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error;
      });
    }
  }
  return bodies;
}

const received = new Map<string, unknown>();

/** A queue in order: what is sent twice under one deduplication id comes once. */
export const queue: Act = {
  name: 'queue',
  async play(client, label) {
    const name = `${label}.fifo`;
    const QueueUrl = await createQueue(client, name, { FifoQueue: 'true' });
    for (const n of [1, 2, 3]) {
      const message = { MessageBody: `message ${n}`, MessageGroupId: 'g', MessageDeduplicationId: `id-${n}` };
      const look = sqs('GetQueueUrl', { QueueName: name });
      await client.change(sqs('SendMessage', { QueueUrl, ...message }), fact(`message ${n} of ${label}`, look));
    }
    received.set(label, [...new Set(await receiveAll(client, QueueUrl, 3))]);
    client.forget(`attributes of ${QueueUrl}`);
    for (const n of [1, 2, 3]) client.forget(`message ${n} of ${label}`);
    await deleteQueue(client, name);
  },
  look: async (client, label) => ({
    received: received.get(label),
    queue: await outcomeOf(client.ask(sqs('GetQueueUrl', { QueueName: `${label}.fifo` }))),
  }),
};

/** Asked at once, and by events whose ends go to a queue. */
export const functions: Act = {
  name: 'function',
  async play(client, label) {
    const QueueUrl = await createQueue(client, label);
    const at = `/functions/${label}`;
    const look = lambda('GET', at);
    const code = { Runtime: 'python3.11', Role: ROLE, Handler: 'app.handler', Code: { ZipFile: FUNCTION_CODE } };
    await client.change(lambda('POST', '/functions', { FunctionName: label, ...code }), fact(`function ${label}`, look));
    const OnSuccess = { Destination: `arn:aws:sqs:us-east-1:${ACCOUNT}:${label}` };
    const config = { MaximumRetryAttempts: 0, DestinationConfig: { OnSuccess } };
    const place = `/2019-09-25${at}/event-invoke-config`;
    await client.change(lambda('PUT', place, config), fact(`event config ${label}`, lambda('GET', place)));
    await client.until(look, ({ json: found }) => found.Configuration.State === 'Active');
    const answer = await client.untilAccepted(lambda('POST', `${at}/invocations`, { label }));
    const event = lambda('POST', `${at}/invocations`, { label }, { 'x-amz-invocation-type': 'Event' });
    await client.change(event, fact(`event of ${label}`, look));
    const requestOf = (body: string): string => JSON.parse(body).requestContext.requestId;
    const requests = await receiveAll(client, QueueUrl, 1, requestOf);
    // each of these ran once; an event whose answer was lost may have been put twice by its sender
    received.set(label, { answer: answer.json, events: requests.length > 0 });
    const version = lambda('POST', `${at}/versions`, {});
    await client.change(version, fact(`version of ${label}`, lambda('GET', `${at}?Qualifier=1`)));
    const alias = { Name: 'live', FunctionVersion: '1' };
    await client.change(lambda('POST', `${at}/aliases`, alias), fact(`alias of ${label}`, lambda('GET', `${at}/aliases/live`)));
    for (const subject of ['version of', 'alias of', 'event of', 'event config']) client.forget(`${subject} ${label}`);
    await client.change(lambda('DELETE', at), fact(`function ${label}`, look, 'gone'));
    client.forget(`attributes of ${QueueUrl}`);
    await deleteQueue(client, label);
  },
  async look(client, label) {
    const streams = await logLines(client, `/aws/lambda/${label}`, '');
    const lines = Object.values(streams).flat();
    const ends = new Map<string, number>();
    for (const line of lines) {
      const id = /^START RequestId: (\S+)/.exec(line)?.[1];
      if (id) ends.set(id, (ends.get(id) ?? 0) + 1);
    }
    return {
      received: received.get(label),
      startedTwice: [...ends.values()].filter((count) => count > 1),
      function: await outcomeOf(client.ask(lambda('GET', `/functions/${label}`))),
    };
  },
};

export const secret: Act = {
  name: 'secret',
  async play(client, label) {
    const look = secrets('GetSecretValue', { SecretId: label });
    const held = (SecretString: string) => fact(`secret ${label}`, look, { SecretString });
    const token = (n: number) => `named-points-token-${label}-${n}`.padEnd(36, '0');
    const made = { Name: label, SecretString: 'one', ClientRequestToken: token(1) };
    await client.change(secrets('CreateSecret', made), held('one'));
    const put = { SecretId: label, SecretString: 'two', ClientRequestToken: token(2) };
    await client.change(secrets('PutSecretValue', put), held('two'));
    const gone = fact(`secret ${label}`, look, 'gone');
    await client.change(secrets('DeleteSecret', { SecretId: label, RecoveryWindowInDays: 7 }), gone);
    await client.change(secrets('RestoreSecret', { SecretId: label }), held('two'));
  },
  look: async (client, label) => ({
    value: await json(client.ask(secrets('GetSecretValue', { SecretId: label }))),
    secret: await json(client.ask(secrets('DescribeSecret', { SecretId: label }))),
    versions: Object.values(
      ((await json(client.ask(secrets('DescribeSecret', { SecretId: label })))) as { VersionIdsToStages: object })
        .VersionIdsToStages,
    ),
  }),
};

export const parameter: Act = {
  name: 'parameter',
  async play(client, label) {
    const Name = `/acts/${label}`;
    const look = ssm('GetParameter', { Name });
    const held = (Value: string) => fact(`parameter ${label}`, look, { Parameter: { Value } });
    await client.change(ssm('PutParameter', { Name, Value: 'one', Type: 'String' }), held('one'));
    await client.change(ssm('PutParameter', { Name, Value: 'two', Type: 'String', Overwrite: true }), held('two'));
    const other = `${Name}/other`;
    const lookAtOther = ssm('GetParameter', { Name: other });
    await client.change(
      ssm('PutParameter', { Name: other, Value: 'x', Type: 'String' }),
      fact(`parameter ${other}`, lookAtOther),
    );
    await client.change(ssm('DeleteParameter', { Name: other }), fact(`parameter ${other}`, lookAtOther, 'gone'));
  },
  async look(client, label) {
    // an overwriting put whose answer was lost is a version more
    const { Parameter } = (await json(client.ask(ssm('GetParameter', { Name: `/acts/${label}` })))) as {
      Parameter: { Value: string };
    };
    const below = (await json(client.ask(ssm('GetParametersByPath', { Path: `/acts/${label}`, Recursive: true })))) as object;
    return { value: Parameter.Value, below };
  },
};

export const logging: Act = {
  name: 'logging',
  async play(client, label) {
    const logGroupName = `/acts/${label}`;
    const look = logs('DescribeLogStreams', { logGroupName });
    await client.change(logs('CreateLogGroup', { logGroupName }), fact(`log group ${label}`, look));
    const stream = { logGroupName, logStreamName: 's' };
    await client.change(logs('CreateLogStream', stream), fact(`log stream ${label}`, logs('GetLogEvents', stream)));
    const logEvents = [1, 2, 3].map((n) => ({ timestamp: 1_000 * n + Date.now(), message: `line ${n}` }));
    await client.change(logs('PutLogEvents', { ...stream, logEvents }), fact(`log lines ${label}`, logs('GetLogEvents', stream)));
    await client.change(logs('PutRetentionPolicy', { logGroupName, retentionInDays: 7 }), fact(`retention ${label}`, look));
    const other = `${logGroupName}-gone`;
    const lookAtOther = logs('DescribeLogStreams', { logGroupName: other });
    await client.change(logs('CreateLogGroup', { logGroupName: other }), fact(`log group ${other}`, lookAtOther));
    const lost = { logGroupName: other, logStreamName: 's' };
    await client.change(logs('CreateLogStream', lost), fact(`log group ${other}`, lookAtOther));
    await client.change(logs('DeleteLogGroup', { logGroupName: other }), fact(`log group ${other}`, lookAtOther, 'gone'));
  },
  async look(client, label) {
    const lines = Object.values(await logLines(client, `/acts/${label}`, '')).flat();
    const groups = await json(client.ask(logs('DescribeLogGroups', { logGroupNamePrefix: `/acts/${label}` })));
    return { lines: [...new Set(lines)], groups }; // lines whose acknowledgement was lost were put twice by their sender
  },
};

export const identity: Act = {
  name: 'identity',
  async play(client, label) {
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    };
    const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }] };
    const role = { RoleName: label };
    const look = iam('GetRole', role);
    const PolicyName = 'reads';
    const create = iam('CreateRole', { ...role, AssumeRolePolicyDocument: JSON.stringify(trust) });
    await client.change(create, fact(`role ${label}`, look));
    const put = iam('PutRolePolicy', { ...role, PolicyName, PolicyDocument: JSON.stringify(policy) });
    const lookAtPolicy = iam('GetRolePolicy', { ...role, PolicyName });
    await client.change(put, fact(`policy of ${label}`, lookAtPolicy));
    await client.change(iam('CreateUser', { UserName: label }), fact(`user ${label}`, iam('GetUser', { UserName: label })));
    await client.change(
      iam('DeleteUser', { UserName: label }),
      fact(`user ${label}`, iam('GetUser', { UserName: label }), 'gone'),
    );
    await client.change(iam('DeleteRolePolicy', { ...role, PolicyName }), fact(`policy of ${label}`, lookAtPolicy, 'gone'));
    await client.change(iam('DeleteRole', role), fact(`role ${label}`, look, 'gone'));
  },
  look: async (client, label) => ({
    role: await outcomeOf(client.ask(iam('GetRole', { RoleName: label }))),
    user: await outcomeOf(client.ask(iam('GetUser', { UserName: label }))),
  }),
};
