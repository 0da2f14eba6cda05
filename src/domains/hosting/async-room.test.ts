import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import type { AsyncInferenceConfig } from '../../contract/generated/sagemaker.ts';
import { ACCOUNT, IMAGE, REGION, refusal } from '../registry/registry-rig.ts';
import { type Answer, HostingRig, ROLE } from './hosting-rig.ts';

let rig: HostingRig;
before(async () => {
  rig = await HostingRig.start();
});
after(() => rig.close());

const OUTPUT = { S3OutputPath: 's3://models/results', S3FailurePath: 's3://models/failures/' };

async function deploy(name: string, asyncConfig: AsyncInferenceConfig = { OutputConfig: OUTPUT }, containers = 1): Promise<void> {
  const Containers = [];
  for (let place = 0; place < containers; place += 1) {
    const uri = `s3://models/${name}-${place}/model.tar.gz`;
    await rig.putModel(uri, containers === 1 ? name : `${name}-${place}`);
    Containers.push({ Image: IMAGE, ModelDataUrl: uri });
  }
  await rig.call('sagemaker:CreateModel', { ModelName: name, ExecutionRoleArn: ROLE, Containers });
  await rig.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: name,
    ProductionVariants: [{ VariantName: 'v', ModelName: name, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
    AsyncInferenceConfig: asyncConfig,
  });
  await rig.call('sagemaker:CreateEndpoint', { EndpointName: name, EndpointConfigName: name });
  const { EndpointStatus, FailureReason } = await rig.endpoint(name, (one) => one.EndpointStatus !== 'Creating');
  assert.equal(EndpointStatus, 'InService', FailureReason);
}

async function submit(name: string, input: string, more: Record<string, string> = {}): Promise<Answer> {
  const uri = `s3://models/inputs/${encodeURIComponent(input)}`;
  if (input !== 'absent') await rig.putObject(uri, Buffer.from(input));
  const headers = { 'X-Amzn-SageMaker-InputLocation': uri, 'X-Amzn-SageMaker-Content-Type': 'text/csv', ...more };
  return rig.ask(name, '', headers, 'async-invocations');
}

/** The object's text as soon as it is there. */
async function object(uri: unknown): Promise<{ readonly text: string; readonly metadata: Record<string, string> | undefined }> {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(String(uri)) ?? [];
  for (;;) {
    const found = await rig.call('s3:GetObject', { Bucket: bucket, Key: key }).catch(() => undefined);
    if (found?.Body) return { text: await text(found.Body), metadata: found.Metadata };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const output = (answer: Answer) => object(answer.headers['x-amzn-sagemaker-outputlocation']);
const failure = (answer: Answer) => object(answer.headers['x-amzn-sagemaker-failurelocation']);

async function queueIsEmpty(): Promise<void> {
  const query = {
    account: ACCOUNT,
    region: REGION,
    kind: 'AsyncInvocation',
    sortBy: 'name',
    order: 'ascending',
    limit: 1,
  } as const;
  while ((await rig.store.list(query)).rows.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('an invocation is accepted, and its result or its failure comes to S3', async () => {
  await deploy('later');
  const accepted = await submit('later', 'x', { 'X-Amzn-SageMaker-Inference-Id': 'mine' });
  assert.equal(accepted.status, 202, accepted.text);
  assert.deepEqual(JSON.parse(accepted.text), { InferenceId: 'mine' });
  assert.match(String(accepted.headers['x-amzn-sagemaker-outputlocation']), /^s3:\/\/models\/results\/[0-9a-f-]{36}\.out$/);
  assert.deepEqual(await output(accepted), { text: 'later x', metadata: { inferenceid: 'mine' } });
  const refused = await submit('later', 'fail');
  assert.match((await failure(refused)).text, /^Received client error \(418\) from primary with message "no tea"/);
  const absent = await submit('later', 'absent');
  assert.equal(absent.status, 202, 'it is looked for when its turn comes');
  const told = await failure(absent);
  assert.match(told.text, /^The input s3:\/\/models\/inputs\/absent cannot be read: NoSuchKey/);
  assert.equal(told.metadata?.['inputlocation'], 's3://models/inputs/absent');
  for (const [headers, message] of [
    [{ 'X-Amzn-SageMaker-InputLocation': 'nowhere' }, /'nowhere' at 'inputLocation' failed to satisfy constraint/],
    [{ 'X-Amzn-SageMaker-InputLocation': 'https://a/b' }, /InputLocation "https:\/\/a\/b" is no S3 URI/],
    [
      { 'X-Amzn-SageMaker-RequestTTLSeconds': '5' },
      /'requestTTLSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60/,
    ],
    [{ 'X-Amzn-SageMaker-InvocationTimeoutSeconds': 'x' }, /invocationtimeoutseconds is no whole number/],
  ] as const) {
    const answer = await submit('later', 'x', headers);
    assert.deepEqual([answer.status, answer.headers['x-amzn-errortype']], [400, 'ValidationError']);
    assert.match(JSON.parse(answer.text).Message, message);
  }
  assert.match((await rig.ask('later', 'x')).text, /is asynchronous/);
  const described = await rig.call('sagemaker:DescribeEndpoint', { EndpointName: 'later' });
  assert.deepEqual(described.AsyncInferenceConfig, { OutputConfig: OUTPUT });
  await queueIsEmpty();
});

test('one that takes too long, and one whose model server ends again and again, have failed', async () => {
  await deploy('slow');
  const late = await submit('slow', 'wait', { 'X-Amzn-SageMaker-InvocationTimeoutSeconds': '1' });
  assert.match((await failure(late)).text, /did not end its answer within 1 seconds/);
  const fatal = await submit('slow', 'exit');
  assert.match((await failure(fatal)).text, /The model server ended 3 times before it had answered/);
  assert.equal((await output(await submit('slow', 'x'))).text, 'slow x');
  await rig.call('sagemaker:DeleteEndpoint', { EndpointName: 'slow' });
});

test('what was accepted is answered although model server and server are killed meanwhile', async () => {
  await deploy('durable', { ClientConfig: { MaxConcurrentInvocationsPerInstance: 2 }, OutputConfig: OUTPUT });
  const deadly = `until ${Date.now() + 400}`;
  const died = await submit('durable', deadly);
  assert.equal((await output(died)).text, `durable ${deadly}`, 'the model server ended on the first try');
  const accepted: Answer[] = [];
  for (let n = 0; n < 8; n += 1) accepted.push(await submit('durable', `hold ${n}`));
  rig = await HostingRig.start(await rig.abandon());
  for (const [n, one] of accepted.entries()) assert.equal((await output(one)).text, `durable hold ${n}`);
  await queueIsEmpty();
  assert.deepEqual(
    (await rig.store.timers({ limit: 100 })).filter(({ reconciler }) => reconciler === 'async-invocation'),
    [],
  );
});

test('a pipeline answers asynchronously, too', async () => {
  await deploy('chain', { OutputConfig: {} }, 2);
  await rig.call('s3:CreateBucket', { Bucket: `sagemaker-${REGION}-${ACCOUNT}` });
  const accepted = await submit('chain', 'x');
  assert.match(
    String(accepted.headers['x-amzn-sagemaker-outputlocation']),
    new RegExp(`^s3://sagemaker-${REGION}-${ACCOUNT}/async-endpoint-outputs/chain/`),
  );
  assert.equal((await output(accepted)).text, 'chain-1 chain-0 x');
});

test('what could not be answered asynchronously is refused when it is configured', async () => {
  const NotificationConfig = { SuccessTopic: `arn:aws:sns:${REGION}:${ACCOUNT}:done` };
  await assert.rejects(
    deploy('told', { OutputConfig: { ...OUTPUT, NotificationConfig } }),
    refusal('NotImplementedException', /no SNS here/),
  );
  const container = { Image: IMAGE, Mode: 'MultiModel' as const, ModelDataUrl: 's3://models/many/' };
  await rig.call('sagemaker:CreateModel', { ModelName: 'many', ExecutionRoleArn: ROLE, PrimaryContainer: container });
  await rig.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: 'many',
    ProductionVariants: [{ VariantName: 'v', ModelName: 'many', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
    AsyncInferenceConfig: { OutputConfig: OUTPUT },
  });
  await assert.rejects(
    rig.call('sagemaker:CreateEndpoint', { EndpointName: 'many', EndpointConfigName: 'many' }),
    refusal('ValidationException', /could not name the container or model/),
  );
});
