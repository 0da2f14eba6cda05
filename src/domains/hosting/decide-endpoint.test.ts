import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted } from '../../platform/errors/rejection.ts';
import {
  decideDeployment,
  planFleet,
  planScaling,
  type ServerSight,
  withFailed,
  withRetired,
  withSwitched,
} from './decide-endpoint.ts';
import { restartDelayMs } from './decide-restart.ts';
import type { EndpointDocument, PinnedModel } from './resources.ts';

const model = {
  ModelName: 'm',
  image: 'i',
  runtime: 'ml',
  command: ['serve'],
  profile: {},
  environment: {},
  artifacts: [],
  networkIsolation: false,
} as PinnedModel;
const nameInstance = (fleet: number, variant: string, index: number) => ({
  id: `i-${fleet}-${index}`,
  workId: `${fleet}-${variant}-${index}`,
});
const fleet = (number: number, count = 1) =>
  planFleet([{ asked: { VariantName: 'A', ModelName: 'm', InitialInstanceCount: count, InstanceType: 'ml.m5.large' }, model }], {
    number,
    configName: `config-${number}`,
    nowMs: 0,
    nameInstance,
  });
const endpoint = (more: Partial<EndpointDocument>): EndpointDocument => ({
  EndpointName: 'e',
  EndpointArn: 'arn',
  EndpointStatus: 'InService',
  CreationTime: 0,
  LastModifiedTime: 0,
  requestId: 'r',
  configName: 'config-1',
  fleets: 1,
  retiring: [],
  ...more,
});
const sight = (more: Partial<ServerSight>): ServerSight => ({
  variant: 'A',
  container: 'primary',
  status: 'starting',
  crashes: 0,
  ...more,
});
const deadline = () => 1000;

test('a deployment serves when every model server answers, and not before', () => {
  assert.equal(decideDeployment([sight({ status: 'healthy' }), sight({})], 0, deadline).kind, 'wait');
  assert.equal(decideDeployment([sight({ status: 'healthy' }), sight({ status: 'healthy' })], 5000, deadline).kind, 'switch');
});

test('silence fails a deployment when its time is over, in the words of AWS', () => {
  assert.equal(decideDeployment([sight({})], 999, deadline).kind, 'wait');
  assert.deepEqual(decideDeployment([sight({})], 1000, deadline), {
    kind: 'fail',
    variant: 'A',
    reason:
      'The primary container for production variant A did not pass the ping health check. Please check CloudWatch logs for this endpoint.',
  });
  const full = decideDeployment([sight({ status: 'waiting', waitingReason: 'no memory is free' })], 1000, deadline);
  assert.match(full.kind === 'fail' ? full.reason : '', /Unable to provision.*no memory is free/);
});

test('a model server that keeps ending fails its deployment at once, one that cannot start at all sooner', () => {
  const end = { text: 'exit code: 1', fatal: false };
  assert.equal(decideDeployment([sight({ crashes: 2, end })], 0, deadline).kind, 'wait');
  const failed = decideDeployment([sight({ crashes: 3, end })], 0, deadline);
  assert.match(failed.kind === 'fail' ? failed.reason : '', /ended 3 times: exit code: 1\.$/);
  assert.equal(decideDeployment([sight({ crashes: 1, end: { text: 'bad archive', fatal: true } })], 0, deadline).kind, 'fail');
});

test('a switch retires what it replaces, after the wait that was asked for', () => {
  const deploying = {
    ...fleet(2),
    deploymentConfig: {
      BlueGreenUpdatePolicy: {
        TrafficRoutingConfiguration: { Type: 'ALL_AT_ONCE' as const, WaitIntervalInSeconds: 0 },
        TerminationWaitInSeconds: 30,
      },
    },
  };
  const after = withSwitched(endpoint({ EndpointStatus: 'Updating', serving: fleet(1), deploying }), 100);
  assert.equal(after.EndpointStatus, 'InService');
  assert.equal(after.serving?.configName, 'config-2');
  assert.equal(after.deploying, undefined);
  assert.deepEqual(after.retiring, [{ ...nameInstance(1, 'A', 0), notBeforeMs: 30_100 }]);
});

test('scaling keeps the instances that stay: only new ones start, only superfluous ones end', () => {
  const facts = { number: 2, nowMs: 0, nameInstance };
  const up = accepted(planScaling(fleet(1), [{ VariantName: 'A', DesiredInstanceCount: 3 }], facts));
  assert.deepEqual(
    up.variants[0]?.instances.map(({ workId }) => workId),
    ['1-A-0', '2-A-1', '2-A-2'],
  );
  const serving = fleet(1, 2);
  const down = accepted(planScaling(serving, [{ VariantName: 'A', DesiredInstanceCount: 1 }], facts));
  const after = withSwitched(endpoint({ serving, deploying: down }), 0);
  assert.deepEqual(
    after.retiring.map(({ workId }) => workId),
    ['1-A-1'],
  );
  assert.throws(() => accepted(planScaling(serving, [{ VariantName: 'B' }], facts)), /no variant "B"/);
});

test('a failed update rolls back to what serves; a failed creation has nothing to go back to', () => {
  const failed = withFailed(endpoint({ EndpointStatus: 'Updating', serving: fleet(1), deploying: fleet(2) }), 'why', 9);
  assert.deepEqual([failed.EndpointStatus, failed.serving?.configName, failed.FailureReason], ['RollingBack', 'config-1', 'why']);
  const gone = withRetired(failed, new Set(['2-A-0']), 10);
  assert.deepEqual([gone.EndpointStatus, gone.retiring], ['InService', []]);
  const created = withFailed(endpoint({ EndpointStatus: 'Creating', deploying: fleet(1) }), 'x'.repeat(2000), 9);
  assert.deepEqual([created.EndpointStatus, created.FailureReason?.length, created.retiring.length], ['Failed', 1024, 1]);
});

test('the first end is answered at once, later ones ever later but never not at all', () => {
  assert.deepEqual([1, 2, 3, 4, 50].map(restartDelayMs), [0, 200, 400, 800, 30_000]);
});

test('a failed deployment of instances that serve already has nothing to roll back', () => {
  const serving = fleet(1, 2);
  const facts = { number: 2, nowMs: 0, nameInstance };
  const deploying = accepted(planScaling(serving, [{ VariantName: 'A', DesiredInstanceCount: 1 }], facts));
  const failed = withFailed(endpoint({ EndpointStatus: 'Updating', serving, deploying }), 'why', 9);
  assert.deepEqual([failed.EndpointStatus, failed.FailureReason, failed.retiring], ['InService', 'why', []]);
});
