import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createOutput } from '../output.ts';
import { deployPackage } from '../verbs/deploy.ts';
import type { Project } from './environments.ts';
import { openRelease, promoteTo, type Release, rollbackEnvironment, runSmokeTest, servedBy } from './release.ts';
import { type Answers, Refusal, withServer } from './server-rig.ts';

const smokeTest = {
  contentType: 'text/csv',
  body: 'config/row.csv',
  expect: [{ path: '0', operator: 'GreaterThan' as const, value: 0.5 }],
};
const environment = (endpoint: string) => ({ endpoint, instanceType: 'ml.m5.large', instanceCount: 1, smokeTest });
const LONG = 'a-name-that-is-as-long-as-one-may-be-here';
const packageOf = (version: number) => `arn:aws:sagemaker:us-east-1:123456789012:model-package/tumour/${version}`;

interface Endpoint {
  EndpointConfigName: string;
  EndpointStatus: string;
  FailureReason?: string;
  PendingDeploymentSummary?: { EndpointConfigName: string };
}

/** Endpoints and their tags, as the server has them; a move happens at once, unless the test says what becomes of it. */
interface Hosting {
  readonly endpoints: Map<string, Endpoint>;
  readonly tags: Map<string, Map<string, string>>;
  onUpdate?: (endpoint: Endpoint, config: string) => void;
  prediction: () => string;
}

type Named = Record<string, string> & { Tags?: { Key: string; Value: string }[]; TagKeys?: string[] };
const arnOf = (kind: string, name = '') => `arn:aws:sagemaker:us-east-1:123456789012:${kind}/${name.toLowerCase()}`;

function answersOf(hosting: Hosting): Answers {
  const tagsOf = (arn = '') => hosting.tags.get(arn) ?? new Map<string, string>();
  const tag = (arn: string, { Tags = [] }: Named) =>
    void hosting.tags.set(arn, new Map([...tagsOf(arn), ...Tags.map(({ Key, Value }) => [Key, Value] as const)]));
  const endpointOf = ({ EndpointName = '' }: Named): Endpoint => {
    const found = hosting.endpoints.get(EndpointName);
    if (!found) throw new Refusal('ValidationException', `Could not find endpoint "${EndpointName}".`);
    return found;
  };
  const made: Record<string, (input: Named) => unknown> = {
    DescribeEndpoint: (input) => ({ ...endpointOf(input), EndpointArn: arnOf('endpoint', input['EndpointName']) }),
    CreateEndpoint: ({ EndpointName = '', EndpointConfigName = '' }) =>
      void hosting.endpoints.set(EndpointName, { EndpointConfigName, EndpointStatus: 'InService' }),
    UpdateEndpoint(input) {
      const endpoint = endpointOf(input);
      if (endpoint.EndpointStatus !== 'InService')
        throw new Refusal('ValidationException', 'Cannot update in-progress endpoint.');
      if (hosting.onUpdate) hosting.onUpdate(endpoint, input['EndpointConfigName'] ?? '');
      else endpoint.EndpointConfigName = input['EndpointConfigName'] ?? '';
    },
    CreateModel: () => ({}),
    CreateEndpointConfig: (input) => tag(arnOf('endpoint-config', input['EndpointConfigName']), input),
    ListTags: ({ ResourceArn }) => ({ Tags: [...tagsOf(ResourceArn)].map(([Key, Value]) => ({ Key, Value })) }),
    AddTags: (input) => tag(input['ResourceArn'] ?? '', input),
    DeleteTags({ ResourceArn, TagKeys = [] }) {
      for (const key of TagKeys) tagsOf(ResourceArn).delete(key);
    },
    DescribeModelPackage: ({ ModelPackageName: arn = '' }) => ({
      ModelPackageArn: arn,
      ModelPackageVersion: Number(arn.split('/').at(-1)),
      ModelApprovalStatus: 'Approved',
      InferenceSpecification: { Containers: [{ ModelDataUrl: 's3://models/model.tar.gz' }] },
    }),
    'GET /models/model.tar.gz': () => 'a model',
    'POST /endpoints/live/invocations': () => hosting.prediction(),
  };
  return made as unknown as Answers;
}

async function withRelease(run: (release: Release, hosting: Hosting, calls: string[]) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-release-'));
  mkdirSync(join(folder, 'config'));
  writeFileSync(join(folder, 'config/row.csv'), '1,2\n');
  const project: Project = {
    project: 'tumour',
    modelPackageGroup: 'tumour',
    folder,
    environments: {
      production: environment('live'),
      first: environment(`${LONG}-first`),
      second: environment(`${LONG}-second`),
      bare: { ...environment('live'), smokeTest: { ...smokeTest, body: 'config/none.csv' } },
    },
  };
  const hosting: Hosting = { endpoints: new Map(), tags: new Map(), prediction: () => '0.9' };
  try {
    await withServer(answersOf(hosting), async (connection, calls) =>
      run(await openRelease(connection, { ...createOutput(true), result: () => {} }, project), hosting, calls),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const promote = (release: Release, version: number, to = 'production') =>
  promoteTo(release, { to, packageArn: packageOf(version) });

test('rollback after a move that failed goes back to what was served before, not to what is served', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    await promote(release, 2);
    hosting.onUpdate = (endpoint) => {
      endpoint.FailureReason = 'it did not answer its ping';
    };
    await assert.rejects(promote(release, 3), /goes on with what it served: it did not answer its ping/);
    await assert.rejects(promote(release, 3), /goes on/, 'asked again, it is as before');
    delete hosting.onUpdate;
    assert.equal((await rollbackEnvironment(release, 'production')).packageArn, packageOf(1));
    assert.equal((await rollbackEnvironment(release, 'production')).packageArn, packageOf(2), 'and forward again');
  }));

test('where the only move failed there is nothing to go back to', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    hosting.onUpdate = () => {};
    await assert.rejects(promote(release, 2));
    await assert.rejects(rollbackEnvironment(release, 'production'), /production has served nothing else before/);
  }));

test('a promotion that is asked for again while it is under way is waited for', () =>
  withRelease(async (release, hosting, calls) => {
    await promote(release, 1);
    hosting.onUpdate = (endpoint, config) => {
      Object.assign(endpoint, { EndpointStatus: 'Updating', PendingDeploymentSummary: { EndpointConfigName: config } });
    };
    const stopped = promote(release, 2);
    stopped.catch(() => {}); // its command was ended; it waits on here, and does no more
    while (!calls.includes('UpdateEndpoint')) await new Promise((resolve) => setImmediate(resolve));
    const again = promote(release, 2);
    const live = hosting.endpoints.get('live') as Endpoint;
    const asked = calls.length;
    while (calls.slice(asked).filter((name) => name === 'DescribeEndpoint').length < 4)
      await new Promise((resolve) => setImmediate(resolve));
    const EndpointConfigName = live.PendingDeploymentSummary?.EndpointConfigName;
    Object.assign(live, { EndpointStatus: 'InService', EndpointConfigName, PendingDeploymentSummary: undefined });
    assert.equal((await again).packageArn, packageOf(2));
    assert.equal(calls.filter((name) => name === 'UpdateEndpoint').length, 1);
  }));

test('rollback knows of what `slipway deploy` moved there', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    const { config } = await promote(release, 2);
    const { connection, output } = release;
    const deployed = await deployPackage(connection, output, packageOf(3), { ...environment('live'), role: 'role' });
    assert.equal(deployed.EndpointArn, arnOf('endpoint', 'live'));
    assert.equal(hosting.endpoints.get('live')?.EndpointConfigName, deployed.EndpointConfigName);
    assert.equal((await rollbackEnvironment(release, 'production')).config, config);
  }));

test('an endpoint whose creation failed has to go first, and was never served', () =>
  withRelease(async (release, hosting) => {
    hosting.endpoints.set('live', { EndpointConfigName: 'first', EndpointStatus: 'Failed', FailureReason: 'no such column' });
    await assert.rejects(promote(release, 1), /endpoint live is Failed: no such column.*delete-endpoint --endpoint-name live/s);
    assert.equal(hosting.tags.has(arnOf('endpoint', 'live')), false);
  }));

test('what an environment serves is not told while it is being moved', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    Object.assign(hosting.endpoints.get('live') ?? {}, { EndpointStatus: 'Updating' });
    await assert.rejects(rollbackEnvironment(release, 'production'), /endpoint live is Updating/);
    await assert.rejects(runSmokeTest(release, 'production'), /endpoint live is Updating/);
  }));

test('an endpoint that answers an error has failed its smoke test, and loses the mark of an earlier one', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    assert.deepEqual((await runSmokeTest(release, 'production')).problems, []);
    assert.notEqual((await servedBy(release, 'production'))?.smokeTest, undefined);
    hosting.prediction = () => {
      throw new Refusal('ModelError', 'Received server error (500) from primary.', 424);
    };
    const { problems } = await runSmokeTest(release, 'production');
    assert.deepEqual(problems, ['the endpoint answered ModelError: Received server error (500) from primary.']);
    assert.equal((await servedBy(release, 'production'))?.smokeTest, undefined);
  }));

test('who may not ask the endpoint has tested nothing', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    await runSmokeTest(release, 'production');
    hosting.prediction = () => {
      throw new Refusal('AccessDeniedException', 'no', 403);
    };
    await assert.rejects(runSmokeTest(release, 'production'), { name: 'AwsError' });
    assert.notEqual((await servedBy(release, 'production'))?.smokeTest, undefined);
  }));

test('a version that came in while another was tested is not marked, nor is the other', () =>
  withRelease(async (release, hosting) => {
    await promote(release, 1);
    const { config: other } = await promote(release, 2);
    const { config } = await promote(release, 1);
    hosting.prediction = () => {
      (hosting.endpoints.get('live') as Endpoint).EndpointConfigName = other;
      return '0.9';
    };
    await assert.rejects(runSmokeTest(release, 'production'), /was moved while it was tested/);
    for (const name of [config, other])
      assert.equal(hosting.tags.get(arnOf('endpoint-config', name))?.has('slipway:smoke-test'), false);
  }));

test('a smoke test without its request says which file is missing', () =>
  withRelease(async (release) => {
    await promote(release, 1);
    await assert.rejects(runSmokeTest(release, 'bare'), { name: 'CliExit', message: /config\/none\.csv: no such file/ });
  }));

test('endpoints whose names begin alike have configurations of their own, and so marks of their own', () =>
  withRelease(async (release) => {
    const first = await promote(release, 1, 'first');
    const second = await promote(release, 1, 'second');
    assert.notEqual(first.config, second.config);
    assert.ok(first.config.length <= 63);
  }));
