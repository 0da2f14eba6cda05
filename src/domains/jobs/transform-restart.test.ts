import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JobsRig } from './jobs-rig.ts';
import { models, putModel, transformed, transformJob } from './transform-rig.ts';

const OPTIONS = { operations: models() };

/** The driver's and the model server's work of the one job on one host. */
function works(folder: string): { driver: string; server: string } {
  const ids = readdirSync(join(folder, 'runs')).filter((name) => !name.startsWith('.'));
  const driver = ids.find((id) => id.endsWith('-1')) ?? '';
  return { driver, server: `${driver}-m1` };
}

const letGo = (folder: string) => writeFileSync(join(folder, 'runs', works(folder).server, 'ml/go'), '');

/** A job whose model holds its answer. */
async function startWaiting(): Promise<JobsRig> {
  const rig = await JobsRig.start(OPTIONS);
  await putModel(rig);
  await rig.put('in/a.csv', '1\n');
  await rig.put('in/b.csv', '7,wait\n');
  await rig.call('sagemaker:CreateTransformJob', transformJob('patient'));
  while (!(await rig.log('TransformJobs', 'patient').catch((): string[] => [])).includes('waiting'))
    await new Promise(setImmediate);
  await transformed(rig, 'patient', ({ TransformStartTime }) => TransformStartTime !== undefined);
  return rig;
}

const claims = (rig: JobsRig) => Object.values(works(rig.folder)).map((id) => rig.claim(id));

test('a transform job outlives its server: the next one adopts driver and model server', async () => {
  const first = await startWaiting();
  const claimed = claims(first);
  const second = await JobsRig.start({ ...OPTIONS, folder: await first.abandon() });
  assert.equal(
    (await second.call('sagemaker:DescribeTransformJob', { TransformJobName: 'patient' })).TransformJobStatus,
    'InProgress',
  );
  assert.equal(await second.room.running(), 1);
  letGo(second.folder);
  assert.equal((await transformed(second, 'patient')).TransformJobStatus, 'Completed');
  assert.deepEqual(claims(second), claimed);
  assert.equal((await second.get('out/b.csv.out')).toString(), '14.0\n');
  await second.close();
});

test('what ended while no server lived is written by the next, which ends the model server', async () => {
  const folder = await (await startWaiting()).abandon();
  const { driver, server } = works(folder);
  letGo(folder);
  const record = (id: string) => existsSync(join(folder, 'runs/.records', `${id}.ended`));
  while (!record(driver)) await new Promise(setImmediate);
  assert.equal(record(server), false);
  const second = await JobsRig.start({ ...OPTIONS, folder });
  assert.equal((await transformed(second, 'patient')).TransformJobStatus, 'Completed');
  assert.deepEqual(await second.keys('out/'), ['out/a.csv.out', 'out/b.csv.out']);
  assert.equal((await second.backend.status(server)).phase, 'ended');
  await second.close();
});

test('inputs and model are those of the first start, also for the works a next server starts', async () => {
  const first = await JobsRig.start(OPTIONS);
  await putModel(first);
  await first.put('in/a.csv', '1\n');
  // dies between the record of the inputs and the first start
  const held = Promise.withResolvers<void>();
  first.backend.start = () => held.promise;
  await first.call('sagemaker:CreateTransformJob', transformJob('begun'));
  const pinned = async () => {
    const [row] = (
      await first.store.list({
        account: '123456789012',
        region: 'us-east-1',
        kind: 'TransformJob',
        sortBy: 'name',
        order: 'ascending',
        limit: 1,
      })
    ).rows;
    return row?.document['files'] !== undefined;
  };
  while (!(await pinned())) await new Promise(setImmediate);
  await first.put('in/a.csv', '100\n');
  await first.put('in/later.csv', '5\n');
  await putModel(first, 'raise SystemExit("another model")');
  // what the loop has under way is let go at the end only
  const stop = first.loop.stop.bind(first.loop);
  first.loop.stop = () => Promise.resolve();
  const second = await JobsRig.start({ ...OPTIONS, folder: await first.abandon() });
  assert.equal((await transformed(second, 'begun')).TransformJobStatus, 'Completed');
  assert.deepEqual(await second.keys('out/'), ['out/a.csv.out']);
  assert.equal((await second.get('out/a.csv.out')).toString(), '2.0\n');
  await second.close();
  held.reject(new Error('the server died'));
  await stop();
});

test('a driver or model server whose supervisor is killed fails the job, and the other one is ended', async () => {
  for (const which of ['driver', 'server'] as const) {
    const rig = await startWaiting();
    const ids = works(rig.folder);
    process.kill(Number.parseInt(rig.claim(ids[which]), 10), 'SIGKILL');
    const job = await transformed(rig, 'patient');
    assert.equal(job.TransformJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', /^InternalServerError: The process that minded the work vanished/);
    for (const id of Object.values(ids)) assert.equal((await rig.backend.status(id)).phase, 'ended');
    assert.deepEqual(await rig.keys('out/'), ['out/a.csv.out']);
    await rig.close();
  }
});

/** The program itself, below what makes its sandbox. */
function programOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return child === undefined ? pid : programOf(child);
}

test('a driver or model server that is killed itself fails the job with its exit code', async () => {
  for (const [which, reason] of [
    ['driver', /^AlgorithmError: .*MaxConcurrentTransforms=1[\s\S]*, exit code: 137$/],
    ['server', /^AlgorithmError: The model server ended \(exit code 137\)\.[\s\S]*waiting, exit code: 137$/],
  ] as const) {
    const rig = await startWaiting();
    process.kill(programOf(Number.parseInt(rig.claim(works(rig.folder)[which]), 10)), 'SIGKILL');
    const job = await transformed(rig, 'patient');
    assert.equal(job.TransformJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', reason);
    await rig.close();
  }
});

test('a server that ends its jobs stops transforms like all others, and a stop is carried out by the next server', async () => {
  const first = await startWaiting();
  await first.room.endAll(60_000);
  assert.equal((await transformed(first, 'patient')).TransformJobStatus, 'Stopped');
  await first.close();
  const second = await startWaiting();
  await second.loop.stop();
  await second.call('sagemaker:StopTransformJob', { TransformJobName: 'patient' });
  const third = await JobsRig.start({ ...OPTIONS, folder: await second.abandon() });
  assert.equal((await transformed(third, 'patient')).TransformJobStatus, 'Stopped');
  assert.deepEqual(await third.keys('out/'), []);
  await third.close();
});
