import { type Act, fact, json, objectsBelow, outcomeOf, putObject, URI } from './act.ts';
import { type Call, runtime, s3, sagemaker } from './call.ts';
import type { Fact, Witness } from './witness.ts';
import { ACCOUNT, BUCKET, ROLE, SERVING_IMAGE } from './workload.ts';

/** Models `first` and `second`, and the endpoint `later` for asynchronous invocations. */
export async function setUpHosting(client: Witness, archives: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, archive] of Object.entries(archives)) {
    await client.aws.put(BUCKET, `models/${name}.tar.gz`, archive);
    await create(client, 'Model', name, {
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: SERVING_IMAGE, ModelDataUrl: `${URI}/models/${name}.tar.gz` },
    });
  }
  await create(client, 'EndpointConfig', 'later', {
    ProductionVariants: [variant('first')],
    AsyncInferenceConfig: { OutputConfig: { S3OutputPath: `${URI}/acts/answers` } },
  });
  await create(client, 'Endpoint', 'later', { EndpointConfigName: 'later' });
  await inService(client, 'later');
}

const describe = (kind: string, name: string): Call => sagemaker(`Describe${kind}`, { [`${kind}Name`]: name });

const create = (client: Witness, kind: string, name: string, more: object) =>
  client.change(sagemaker(`Create${kind}`, { [`${kind}Name`]: name, ...more }), known(kind, name));

const known = (kind: string, name: string, holds: Fact['holds'] = {}): Fact =>
  fact(`${kind} ${name}`, describe(kind, name), holds);

export const remove = (client: Witness, kind: string, name: string) =>
  client.change(
    sagemaker(`Delete${kind}`, { [`${kind}Name`]: name }),
    kind === 'Endpoint' ? going(name) : known(kind, name, 'gone'),
  );

/** An endpoint goes in its own time; what serves no more is that it does not come back. */
const going = (name: string): Fact =>
  fact(`Endpoint ${name}`, sagemaker('ListEndpoints', { NameContains: name, StatusEquals: 'InService' }), { Endpoints: [] });

const variant = (ModelName: string) => ({
  VariantName: 'All',
  ModelName,
  InitialInstanceCount: 1,
  InstanceType: 'ml.m5.large',
});

async function inService(client: Witness, name: string): Promise<void> {
  await client.until(describe('Endpoint', name), ({ json: endpoint }) => {
    if (endpoint.EndpointStatus === 'Failed') throw new Error(`${name} failed: ${endpoint.FailureReason}`);
    return endpoint.EndpointStatus === 'InService';
  });
}

/** Until the description is refused: the endpoint is gone. */
export async function isGone(client: Witness, name: string): Promise<void> {
  await client.until(sagemaker('ListEndpoints', { NameContains: name }), ({ json: page }) => page.Endpoints.length === 0);
}

const ask = (client: Witness, endpoint: string, body: string) =>
  client.untilAccepted(runtime(`/endpoints/${endpoint}/invocations`, body));

/** From the version's registration to an endpoint that serves it, is updated, and goes. */
export const delivery: Act = {
  name: 'notice',
  heavy: true,
  async play(client, label) {
    const group = { ModelPackageGroupName: label };
    const describeGroup = sagemaker('DescribeModelPackageGroup', group);
    await client.change(sagemaker('CreateModelPackageGroup', group), fact(`group ${label}`, describeGroup));
    const arn = `arn:aws:sagemaker:us-east-1:${ACCOUNT}:model-package/${label}/1`;
    const look = sagemaker('DescribeModelPackage', { ModelPackageName: arn });
    const version = {
      ...group,
      ModelApprovalStatus: 'PendingManualApproval',
      ClientToken: `named-points-token-${label}`.padEnd(36, '0'),
      InferenceSpecification: {
        Containers: [{ Image: SERVING_IMAGE, ModelDataUrl: `${URI}/models/first.tar.gz` }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    };
    await client.change(sagemaker('CreateModelPackage', version), fact(`version ${label}`, look));
    const approval = { ModelPackageArn: arn, ModelApprovalStatus: 'Approved' };
    await client.change(
      sagemaker('UpdateModelPackage', approval),
      fact(`version ${label}`, look, { ModelApprovalStatus: 'Approved' }),
    );
    await create(client, 'Model', label, { ExecutionRoleArn: ROLE, PrimaryContainer: { ModelPackageName: arn } });
    await create(client, 'EndpointConfig', label, { ProductionVariants: [variant(label)] });
    await create(client, 'EndpointConfig', `${label}-b`, { ProductionVariants: [variant('second')] });
    await create(client, 'Endpoint', label, { EndpointConfigName: label });
    await inService(client, label);
    const first = (await ask(client, label, 'x')).text;
    const update = { EndpointName: label, EndpointConfigName: `${label}-b` };
    await client.change(sagemaker('UpdateEndpoint', update), known('Endpoint', label));
    await inService(client, label);
    await client.until(describe('Endpoint', label), ({ json: { EndpointConfigName } }) => EndpointConfigName === `${label}-b`);
    const second = (await ask(client, label, 'x')).text;
    if (first !== 'model first x' || second !== 'model second x') throw new Error(`Predicted: ${first}, ${second}`);
    await remove(client, 'Endpoint', label);
    await isGone(client, label);
    await remove(client, 'EndpointConfig', label);
    await remove(client, 'Model', label);
  },
  look: async (client, label) => ({
    model: await outcomeOf(client.ask(describe('Model', label))),
    configuration: await outcomeOf(client.ask(describe('EndpointConfig', label))),
    endpoint: await outcomeOf(client.ask(describe('Endpoint', label))),
    versions: await json(client.ask(sagemaker('ListModelPackages', { ModelPackageGroupName: label }))),
  }),
};

/** Asleep until it is asked. */
export const serverless: Act = {
  name: 'serverless',
  heavy: true,
  async play(client, label) {
    const ServerlessConfig = { MemorySizeInMB: 1024, MaxConcurrency: 2 };
    await create(client, 'EndpointConfig', label, {
      ProductionVariants: [{ VariantName: 'All', ModelName: 'first', ServerlessConfig }],
    });
    await create(client, 'Endpoint', label, { EndpointConfigName: label });
    await inService(client, label);
    const { text } = await ask(client, label, 'x');
    if (text !== 'model first x') throw new Error(`Predicted: ${text}`);
    await remove(client, 'Endpoint', label);
    await isGone(client, label);
    await remove(client, 'EndpointConfig', label);
  },
  look: async (client, label) => ({
    configuration: await outcomeOf(client.ask(describe('EndpointConfig', label))),
    endpoint: await outcomeOf(client.ask(describe('Endpoint', label))),
  }),
};

export const later: Act = {
  name: 'later',
  async play(client, label) {
    await putObject(client, `acts/${label}/in`, label);
    const invoke = runtime('/endpoints/later/async-invocations', '', {
      'x-amzn-sagemaker-inputlocation': `${URI}/acts/${label}/in`,
      'x-amzn-sagemaker-inference-id': label,
      'x-amzn-sagemaker-content-type': 'text/csv',
    });
    const answer = await client.untilAccepted(invoke);
    const place = String(answer.headers['x-amzn-sagemaker-outputlocation']).replace('s3://', '/');
    const { text } = await client.untilAccepted(s3('GET', place));
    if (text !== `model first ${label}`) throw new Error(`Predicted: ${text}`);
  },
  look: async (client, label) => ({ input: Object.keys(await objectsBelow(client, `acts/${label}/`)) }),
};
