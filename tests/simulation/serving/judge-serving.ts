import { ServiceError } from '../../../src/platform/errors/families.ts';
import { parseS3Uri } from '../../../src/platform/objects/s3-uri.ts';
import type { RouteSnapshot } from '../../../src/platform/ports/routes.ts';
import type { Machine } from '../machine.ts';
import { ISOLATION } from '../ports/sim-work.ts';
import { OUTCOME_VARIABLE } from '../workload/outcomes.ts';
import { SURROUNDINGS } from '../workload/step-shapes.ts';
import type { World } from '../world.ts';
import type { ServingClients } from './serving-clients.ts';

const PLACE = { account: '123456789012', region: 'us-east-1' };

/** Faults have stopped and all that moves has come to its end: what must hold then, as clients and the machine see it. */
export async function judgeServing(world: World, machine: Machine, clients: ServingClients): Promise<string[]> {
  return [
    ...(await judgeEndpoints(world, machine, clients)),
    ...(await judgeTransforms(world, machine, clients)),
    ...judgeEvents(machine, clients),
    ...judgeWorks(machine),
    ...(await judgeAccepted(world, machine, clients)),
    ...judgeJobs(machine),
    ...(await judgeFunctions(world)),
    ...(await judgeRoom(world, machine)),
  ];
}

async function judgeEndpoints(world: World, { parts }: Machine, { deleted, created }: ServingClients): Promise<string[]> {
  const problems: string[] = [];
  const { Endpoints = [] } = await world.call('sagemaker:ListEndpoints', {});
  const names = Endpoints.map(({ EndpointName = '' }) => EndpointName);
  for (const name of created) if (!names.includes(name)) problems.push(`endpoint ${name} was created, and is not there`);
  for (const name of deleted) if (names.includes(name)) problems.push(`endpoint ${name} was deleted, and is there`);
  for (const name of names) {
    const described = await world.call('sagemaker:DescribeEndpoint', { EndpointName: name });
    const status = described.EndpointStatus ?? '';
    world.coverage.add('endpoint at rest', status);
    if (status !== 'InService' && status !== 'Failed') problems.push(`endpoint ${name} rests as ${status}`);
    if (status !== 'InService') continue;
    const route = parts.router.route({ ...PLACE, name });
    if (!route) problems.push(`endpoint ${name} is in service, and the router does not know it`);
    for (const { name: variant, weight, instances } of route?.variants ?? []) {
      const shown = described.ProductionVariants?.find(({ VariantName }) => VariantName === variant);
      if (!shown) problems.push(`endpoint ${name} is routed to ${variant}, which is none of its variants`);
      if (shown?.CurrentServerlessConfig) continue;
      if (shown?.CurrentWeight !== weight)
        problems.push(`variant ${variant} of ${name} has the weight ${shown?.CurrentWeight}, the router ${weight}`);
      if (shown?.CurrentInstanceCount !== instances.length)
        problems.push(
          `variant ${variant} of ${name} has ${shown?.CurrentInstanceCount} instances, the router ${instances.length}`,
        );
      for (const { id } of instances) {
        const work = parts.host.works.get(id);
        if (work?.plan.end === 'ok' && !work.ready) problems.push(`instance ${id} of ${name} is ${work.phase}`);
        if (!work) problems.push(`instance ${id} of ${name} has no process`);
      }
    }
  }
  const stray = parts.router.snapshot.endpoints.filter(({ name }) => !names.includes(name));
  return [...problems, ...stray.map(({ name }) => `the router knows endpoint ${name}, which is gone`)];
}

async function judgeTransforms(world: World, { parts }: Machine, clients: ServingClients): Promise<string[]> {
  const problems: string[] = [];
  for (const [name, { outcome, stopped, acknowledged }] of clients.transforms) {
    const described = await world.call('sagemaker:DescribeTransformJob', { TransformJobName: name }).catch((error: unknown) => {
      if (error instanceof ServiceError) return undefined;
      throw error;
    });
    if (!described) {
      if (acknowledged) problems.push(`transform job ${name} was accepted, and is not there`);
      continue;
    }
    const { TransformJobStatus: status, FailureReason: reason } = described;
    world.coverage.add('transform at rest', `${outcome}: ${status}`);
    const disturbed = parts.host.ends.some(({ workId, planned }) => !planned && workId.startsWith(`transform-job-${name}-`));
    if (disturbed || stopped) {
      if (!['Completed', 'Failed', 'Stopped'].includes(status ?? '')) problems.push(`transform job ${name} rests as ${status}`);
      continue;
    }
    // the role or bucket may have been refused by a fault that looks like a refusal
    const expected = outcome === 'ok' ? 'Completed' : 'Failed';
    if (outcome === 'hang' ? status !== 'InProgress' && status !== 'Failed' : status !== expected)
      problems.push(`transform job ${name} (${outcome}) is ${status}: ${reason}`);
  }
  return problems;
}

/** An event that was accepted is run until it has gone well, or failed so often that it is given up. */
function judgeEvents({ parts }: Machine, { events }: ServingClients): string[] {
  return events.flatMap(({ id, outcome }) => {
    const runs = parts.host.services.runs.filter(({ returns }) => (returns as { id?: number } | null)?.id === id);
    const running = runs.filter(({ status }) => status === 'running').length;
    const problems: string[] = [];
    if (running > 0 && outcome !== 'hang') problems.push(`event ${id} (${outcome}) still runs`);
    return problems;
  });
}

/** What was accepted has its answer or its failure in S3, waits for its model server, or went with its endpoint. */
async function judgeAccepted(world: World, { disk }: Machine, { accepted }: ServingClients): Promise<string[]> {
  const problems: string[] = [];
  const waiting = new Set([...disk.rows.all('AsyncInvocation')].map(({ document }) => document['inferenceId']));
  for (const { endpoint, createdAtMs, inferenceId, outputLocation, failureLocation } of accepted) {
    const there = await Promise.all([outputLocation, failureLocation ?? ''].map((uri) => isThere(world, uri)));
    world.coverage.add('asynchronous at rest', there[0] ? 'answered' : there[1] ? 'failed' : 'neither');
    if (there.includes(true) || waiting.has(inferenceId)) continue;
    const row = disk.rows.get({ ...PLACE, kind: 'Endpoint', name: endpoint });
    if (row !== undefined && row.document['CreationTime'] === createdAtMs)
      problems.push(`the invocation ${inferenceId} of ${endpoint} was accepted, and has neither answer nor failure`);
  }
  return problems;
}

async function isThere(world: World, uri: string): Promise<boolean> {
  const { bucket = '', key = '' } = parseS3Uri(uri) ?? {};
  if (key === '') return false;
  const { Contents = [] } = await world.call('s3:ListObjectsV2', { Bucket: bucket, Prefix: key });
  return Contents.some(({ Key }) => Key === key);
}

const judgeJobs = ({ disk }: Machine): string[] =>
  [...disk.rows.all('ProcessingJob')].flatMap(({ key, document: { status } }) =>
    ['Completed', 'Failed', 'Stopped'].includes(String(status)) ? [] : [`processing job ${key.name} rests as ${status}`],
  );

/** Whatever happened, a function that is there runs. */
async function judgeFunctions(world: World): Promise<string[]> {
  const problems: string[] = [];
  const { Functions = [] } = await world.call('lambda:ListFunctions', {});
  for (const { FunctionName = '' } of Functions) {
    const Payload = Buffer.from(JSON.stringify({ simReturns: { judged: FunctionName } }));
    const answer = await world.call('lambda:Invoke', { FunctionName, Payload }).catch((error: unknown) => ({ error }));
    const text = 'error' in answer ? String(answer.error) : Buffer.from(answer.Payload ?? '').toString();
    if (!text.includes('"judged"')) problems.push(`function ${FunctionName} does not run any more: ${text}`);
  }
  return problems;
}

/** As many jobs run at once as there is room for beside the model servers that serve: nothing holds a place for what is gone. */
async function judgeRoom(world: World, { parts, clock }: Machine): Promise<string[]> {
  const names = Array.from({ length: jobsThatFit(world, parts.router.snapshot) }, (_, n) => `room-${n}`);
  for (const ProcessingJobName of names) {
    await world.call('sagemaker:CreateProcessingJob', {
      ProcessingJobName,
      RoleArn: SURROUNDINGS.roleArn,
      AppSpecification: { ImageUri: SURROUNDINGS.imageUri, ContainerEntrypoint: ['python3'] },
      Environment: { [OUTCOME_VARIABLE]: 'hang' },
      ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } },
    });
  }
  const untilMs = clock.now() + 60_000;
  const runs = (name: string) =>
    [...parts.host.works.values()].some(
      ({ spec, phase }) => phase === 'running' && spec.id.startsWith(`processing-job-${name}-`),
    );
  await new Promise<void>((resolve) => void clock.at(untilMs, resolve));
  const waiting = names.filter((name) => !runs(name));
  for (const ProcessingJobName of names) await world.call('sagemaker:StopProcessingJob', { ProcessingJobName });
  await new Promise<void>((resolve) => void clock.at(clock.now() + 60_000, resolve));
  return waiting.map((name) => `job ${name} waits, though there is room for it`);
}

function jobsThatFit({ capacity, settings }: World, { endpoints }: RouteSnapshot): number {
  const { job, modelServer } = settings.reservations;
  const servers = endpoints.flatMap(({ variants }) => variants.flatMap(({ instances }) => instances)).length;
  const freeMiB = capacity.memoryMiB - servers * modelServer.memoryMiB;
  return Math.floor(Math.min(capacity.cpus / job.cpus, freeMiB / job.memoryMiB));
}

/** Processes that nobody owns any more. */
function judgeWorks({ parts, disk }: Machine): string[] {
  const rows = [...disk.rows.all()].map(({ document }) => JSON.stringify(document)).join('\n');
  return [...parts.host.works.values()].flatMap(({ spec, phase }) => {
    if (phase === 'ended' || spec.kind === 'job') return [];
    const owner = spec.id.replace(/-\d+(-m\d+)?$/, '');
    return rows.includes(owner) ? [] : [`${spec.id} is ${phase} (${ISOLATION}), and no row knows of it`];
  });
}
