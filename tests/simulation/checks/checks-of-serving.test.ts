import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/platform/json.ts';
import type { EndpointRoute } from '../../../src/platform/ports/routes.ts';
import { checkApprovedOnly } from './approved-only.ts';
import { checkEndpointsServe } from './endpoints-serve.ts';
import { checkJobsAreTheirWork, checkStepsAreTheirJobs } from './jobs-are-their-work.ts';
import { checkNothingLeftRunning } from './nothing-left-running.ts';
import { arn, entry, key, step, watchDisk } from './watched-disk.ts';

const says = (problems: readonly string[], what: RegExp) => {
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] as string, what);
};
const silent = (problems: readonly string[]) => assert.deepEqual(problems, []);

const JOB = key('TrainingJob', 'j');
const WELL = { phase: 'ended', end: { reason: 'exited', exitCode: 0, endedAtMs: 1 } } as const;

test('work: a job is Completed when its hosts ended well, and nothing of it runs on', () => {
  const world = watchDisk(checkJobsAreTheirWork);
  const job = (status: string) => world.commit({ rows: [[JOB, { status, workId: 'job-1' }]] });
  const spec = { kind: 'job', hosts: ['algo-1', 'algo-2'] } as const;
  job('InProgress');
  silent(world.work('job-1-1', { spec, phase: 'running' }));
  silent(world.work('job-1-2', { spec, phase: 'running' }));
  world.work('job-1-1', WELL);
  const problems = job('Completed');
  assert.match(problems.join('\n'), /is Completed, but its work job-1-2 still runs/);
  assert.match(problems.join('\n'), /is Completed, but 1 of its 2 hosts ended well/);
  job('InProgress');
  world.work('job-1-2', { phase: 'ended', end: { reason: 'exited', exitCode: 1, endedAtMs: 1 } });
  says(job('Completed'), /1 of its 2 hosts ended well/);
  job('InProgress');
  world.work('job-1-2', WELL);
  silent(job('Completed'));
});

test('work: Stopped means asked to, Completed that the artifacts are there', () => {
  const world = watchDisk(checkJobsAreTheirWork);
  const job = (status: string, more: JsonObject = {}) =>
    world.commit({ rows: [[JOB, { status, workId: 'job-1', arn: arn('training-job', 'j'), ...more }]] });
  job('InProgress');
  world.work('job-1', { phase: 'running' });
  world.work('job-1', WELL);
  says(job('Completed', { modelArtifacts: 's3://b/k/model.tar.gz' }), /its artifacts s3:\/\/b\/k\/model.tar.gz are not there/);
  world.commit({ rows: [[{ ...key('S3Object', 'b/k/model.tar.gz'), region: 'global' }, {}]] });
  job('InProgress');
  silent(job('Completed', { modelArtifacts: 's3://b/k/model.tar.gz' }));
  job('InProgress');
  says(job('Stopped'), /TrainingJob j is Stopped, and nobody asked for it/);
  job('InProgress');
  world.commit({ ledger: [entry('sagemaker:StopTrainingJob', arn('training-job', 'j'))] });
  silent(job('Stopped'));
});

test('work: it runs once, while its job does, and only with room', () => {
  const world = watchDisk(checkJobsAreTheirWork);
  world.commit({ rows: [[JOB, { status: 'InProgress', workId: 'job-1' }]] });
  silent(world.work('job-1', { phase: 'running' }));
  world.work('job-1', WELL);
  world.works.delete('job-1');
  world.safety.afterEvent();
  says(world.work('job-1', { phase: 'running', end: undefined }), /work job-1 of a job begins a second time/);
  world.work('job-1', WELL);
  world.commit({ rows: [[JOB, { status: 'Completed', workId: 'job-1' }]] });
  says(world.work('job-1-r1', { phase: 'running' }), /job-1-r1 begins, but TrainingJob j is Completed/);
  world.work('job-1-r1', WELL);
  says(world.work('job-9', { phase: 'running' }), /job-9 begins, but belongs to no job/);
  world.work('job-9', WELL);
  for (const name of ['2', '3', '4']) {
    world.commit({ rows: [[key('TrainingJob', name), { status: 'InProgress', workId: `job-${name}` }]] });
  }
  silent(world.work('job-2', { phase: 'running' }));
  silent(world.work('job-3', { phase: 'running' }));
  says(world.work('job-4', { phase: 'running' }), /3 hosts of jobs run at once, there is room for 2/);
});

test('work: a step ends as its job did', () => {
  const world = watchDisk(checkStepsAreTheirJobs);
  const metadata = { TrainingJob: { Arn: arn('training-job', 'j') } };
  const ends = (status: string, more: object = {}) => {
    world.commit({ rows: [[step('A'), { status: 'Executing', type: 'Training' }]] });
    return world.commit({ rows: [[step('A'), { status, type: 'Training', metadata, ...more }]] });
  };
  world.commit({ rows: [[JOB, { status: 'InProgress' }]] });
  says(ends('Succeeded'), /A is Succeeded, but its job .*training-job\/j is InProgress/);
  says(ends('Stopped'), /A is Stopped, but its job .* is InProgress/);
  says(ends('Succeeded', { metadata: {} }), /Succeeded without a job/);
  silent(ends('Succeeded', { metadata: {}, takenFrom: { by: 'cache' } }));
  world.commit({ rows: [[JOB, { status: 'Completed' }]] });
  silent(ends('Succeeded'));
  says(ends('Failed'), /A is Failed, but its job .* is Completed/);
});

test('approval: followed from endpoint, transform job and model to the package, at the moment of the change', () => {
  const packageArn = arn('model-package', 'G/1');
  const make = (approval: 'required' | 'open', status: string) => {
    let now = 100;
    const world = watchDisk(checkApprovedOnly, { approval, nowMs: () => now });
    const later = () => {
      now += 100;
    };
    const models = { Containers: [{ Image: 'x' }, { ModelPackageName: packageArn }] };
    const created = world.commit({
      rows: [
        [key('ModelPackage', 'g/1'), { ModelApprovalStatus: status }],
        [key('Model', 'm'), models],
        [key('EndpointConfig', 'c'), { ProductionVariants: [{ VariantName: 'v', ModelName: 'm' }] }],
      ],
    });
    return { world, created, later };
  };
  says(make('required', 'Rejected').created, /Model m begins to serve .*model-package\/G\/1, which is Rejected/);
  silent(make('open', 'Rejected').created);
  const { world, created, later } = make('required', 'Approved');
  silent(created);
  silent(world.commit({ rows: [[key('Endpoint', 'e'), { deploying: { configName: 'c' } }]] }));
  later();
  world.commit({ rows: [[key('ModelPackage', 'g/1'), { ModelApprovalStatus: 'Rejected' }]] });
  const began = [entry('sagemaker:CreateEndpoint', 'arn', { timeMs: 150 })];
  silent(world.commit({ rows: [[key('Endpoint', 'd'), { deploying: { configName: 'c' } }]], ledger: began }));
  later();
  silent(world.commit({ rows: [[key('Endpoint', 'e'), { serving: { configName: 'c' } }]] }));
  says(world.commit({ rows: [[key('Endpoint', 'f'), { deploying: { configName: 'c' } }]] }), /Endpoint f begins to serve/);
  const transform = { request: { ModelName: 'm' } };
  says(world.commit({ rows: [[key('TransformJob', 't'), transform]] }), /TransformJob t begins to serve/);
});

const ENDPOINT = key('Endpoint', 'e');
const ENDPOINT_ARN = arn('endpoint', 'e');

function endpointWorld() {
  const world = watchDisk(checkEndpointsServe);
  const route = (name: string, weight: number, id: string): EndpointRoute => ({
    account: '123456789012',
    region: 'us-east-1',
    name: 'e',
    arn: ENDPOINT_ARN,
    variants: [{ name, weight, instances: [{ id, address: { kind: 'unix', socketPath: id } }] }],
  });
  world.commit({ rows: [[key('EndpointConfig', 'c'), { ProductionVariants: [{ VariantName: 'v', InitialVariantWeight: 3 }] }]] });
  const creating = { EndpointStatus: 'Creating', EndpointArn: ENDPOINT_ARN, deploying: { configName: 'c' } };
  world.commit({ rows: [[ENDPOINT, creating]] });
  const serve = (configName = 'c') => {
    const problems = world.commit({ rows: [[ENDPOINT, { ...creating, EndpointStatus: 'InService', serving: { configName } }]] });
    world.commit({ rows: [[ENDPOINT, creating]] });
    return problems;
  };
  return { world, route, serve };
}

test('endpoints: InService means routed to, as configured, by servers that have answered', () => {
  const { world, route, serve } = endpointWorld();
  says(serve(), /Endpoint e is InService, but the router does not know it/);
  world.routes.push(route('other', 3, 'w'));
  says(serve(), /routed to other, its config has v/);
  world.routes.splice(0, 1, route('v', 1, 'w'));
  world.work('w', { spec: { kind: 'service', hosts: [] }, phase: 'running', ready: true });
  says(serve(), /gives v the weight 1, its config says 3/);
  world.routes.splice(0, 1, route('v', 3, 'w2'));
  world.work('w2', { spec: { kind: 'service', hosts: [] }, phase: 'running' });
  says(serve(), /its model server w2 never answered: it is running/);
  world.work('w2', { ready: true });
  world.work('w2', { phase: 'ended', ready: false });
  silent(serve());
  says(serve('d'), /serves d, which it was never asked to/);
});

test('endpoints: what is gone is not routed to, and what serves is', () => {
  const { world, route } = endpointWorld();
  world.routes.push(route('v', 3, 'w'));
  says(world.commit({ rows: [[ENDPOINT, undefined]] }), /Endpoint e is gone, but still routed to/);
  world.safety.atRest();
  says(world.said(), /endpoint\/e is routed to, but does not serve/);
  world.routes.pop();
  world.commit({ rows: [[ENDPOINT, { EndpointStatus: 'InService', EndpointArn: ENDPOINT_ARN, serving: { configName: 'c' } }]] });
  world.said();
  world.safety.atRest();
  says(world.said(), /Endpoint e serves, but is not routed to/);
});

test('rest: what runs is named by a row', () => {
  const world = watchDisk(checkNothingLeftRunning);
  world.work('server-1', { spec: { kind: 'service', hosts: [] }, phase: 'running' });
  world.safety.atRest();
  says(world.said(), /work server-1 still runs, and no row names it/);
  world.commit({ rows: [[ENDPOINT, { serving: { variants: [{ instances: [{ workId: 'server-1' }] }] } }]] });
  world.safety.atRest();
  silent(world.said());
});
