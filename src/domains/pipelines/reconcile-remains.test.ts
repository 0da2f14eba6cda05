import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCOUNT, Crash, REGION, ROLE, World } from '../../../tests/pipelines/world.ts';

const KINDS = ['PipelineVersion', 'PipelineExecution', 'PipelineExecutionStep', 'PipelineRemains', 'PipelineDefinition'];

async function within(scenario: (at: World) => Promise<void>): Promise<void> {
  const at = new World();
  try {
    await at.start();
    await scenario(at);
  } finally {
    await at.close();
  }
}

/** Ends at once, in a Fail step. */
const definition = (message: string) =>
  JSON.stringify({ Version: '2020-12-01', Steps: [{ Name: 'F', Type: 'Fail', Arguments: { ErrorMessage: message } }] });

const create = (at: World, PipelineName: string, message: string) =>
  at.call('sagemaker:CreatePipeline', { PipelineName, RoleArn: ROLE, PipelineDefinition: definition(message) });

const update = (at: World, PipelineName: string, message: string) =>
  at.call('sagemaker:UpdatePipeline', { PipelineName, PipelineDefinition: definition(message) });

const remove = (at: World, PipelineName: string) => at.call('sagemaker:DeletePipeline', { PipelineName });

async function run(at: World, PipelineName: string): Promise<string> {
  const { PipelineExecutionArn } = await at.call('sagemaker:StartPipelineExecution', { PipelineName });
  await at.loop.idle();
  return PipelineExecutionArn!;
}

async function left(at: World): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of KINDS) {
    const query = { account: ACCOUNT, region: REGION, kind, sortBy: 'name', order: 'ascending', limit: 1000 } as const;
    const { rows } = await at.store.list(query);
    if (rows.length > 0) counts[kind] = rows.length;
  }
  return counts;
}

/** Until nothing is to be removed any more, also when a look met a conflict and is to be repeated later. */
async function settle(at: World): Promise<void> {
  await at.loop.idle();
  for (let rounds = 0; rounds < 20 && (await at.store.timers({ limit: 1 })).length > 0; rounds++) {
    at.clock.advance(60_000);
    await at.loop.idle();
  }
}

test('a definition goes with the last version that has it, and stays for every execution that shows it', () =>
  within(async (at) => {
    await create(at, 'P', 'shared');
    await update(at, 'P', 'own');
    await update(at, 'P', 'shared');
    await create(at, 'Q', 'shared');
    await update(at, 'Q', 'later');
    const old = await at.call('sagemaker:StartPipelineExecution', { PipelineName: 'Q', PipelineVersionId: 1 });
    await run(at, 'P');
    assert.equal((await left(at))['PipelineDefinition'], 3);
    await remove(at, 'P');
    await settle(at);
    const expected = { PipelineVersion: 2, PipelineExecution: 1, PipelineExecutionStep: 1, PipelineDefinition: 2 };
    assert.deepEqual(await left(at), expected);
    const shown = await at.call('sagemaker:DescribePipelineDefinitionForExecution', {
      PipelineExecutionArn: old.PipelineExecutionArn!,
    });
    assert.equal(shown.PipelineDefinition, definition('shared'));
    await remove(at, 'Q');
    await settle(at);
    assert.deepEqual(await left(at), {});
  }));

test('more versions than one commit removes leave nothing', () =>
  within(async (at) => {
    await create(at, 'P', 'again');
    for (let count = 0; count < 60; count++) await update(at, 'P', count % 2 === 0 ? `own ${count}` : 'again');
    await remove(at, 'P');
    await settle(at);
    assert.deepEqual(await left(at), {});
  }));

test('of two pipelines that go at the same time one takes their definition along', () =>
  within(async (at) => {
    await create(at, 'P', 'shared');
    await create(at, 'Q', 'shared');
    const { referrers } = at.store;
    let waiting = 2;
    let release = () => {};
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    at.store.referrers = async (key, limit) => {
      const found = await referrers(key, limit);
      waiting -= 1;
      if (waiting === 0) release();
      await both; // each sees the other's version before either lets go of its own
      return found;
    };
    await Promise.all([remove(at, 'P'), remove(at, 'Q')]);
    await settle(at);
    assert.ok(waiting <= 0);
    assert.deepEqual(await left(at), {});
  }));

test('a pipeline that takes up a definition while it is being removed keeps it', () =>
  within(async (at) => {
    await create(at, 'P', 'shared');
    const { referrers } = at.store;
    let joined = false;
    at.store.referrers = async (key, limit) => {
      const found = await referrers(key, limit);
      if (!joined) {
        joined = true;
        await create(at, 'Q', 'shared');
      }
      return found;
    };
    await remove(at, 'P');
    await settle(at);
    assert.ok(joined);
    assert.deepEqual(await left(at), { PipelineVersion: 1, PipelineDefinition: 1 });
    const { PipelineDefinition } = await at.call('sagemaker:DescribePipeline', { PipelineName: 'Q' });
    assert.equal(PipelineDefinition, definition('shared'));
  }));

test('killed at every commit of a removal: nothing is left, and what others have stays', async () => {
  for (let countdown = 1; ; countdown++) {
    let remaining = countdown;
    await within(async (at) => {
      await create(at, 'P', 'own');
      await update(at, 'P', 'shared');
      await create(at, 'Q', 'shared');
      await run(at, 'P');
      let dead = false;
      at.fault = (point) => {
        remaining -= 1;
        dead ||= remaining === 0;
        if (dead) throw new Crash(point);
      };
      await remove(at, 'P').catch((error: unknown) => assert.ok(error instanceof Crash));
      await at.loop.idle();
      at.fault = () => {};
      await at.restart();
      await remove(at, 'P').catch(() => undefined); // it may not have been done
      await settle(at);
      assert.deepEqual(await left(at), { PipelineVersion: 1, PipelineDefinition: 1 }, `countdown ${countdown}`);
    });
    if (remaining > 0) break;
    assert.ok(countdown < 50);
  }
});

test('a definition of an earlier store, whose users are not known, stays', () =>
  within(async (at) => {
    await create(at, 'P', 'old');
    const query = { account: ACCOUNT, region: REGION, kind: 'PipelineDefinition', sortBy: 'name', order: 'ascending' } as const;
    const [row] = (await at.store.list({ ...query, limit: 1 })).rows;
    await at.store.commit({ expect: [], write: [{ key: row!.key, document: { text: definition('old') }, index: row!.index }] });
    await create(at, 'Q', 'old');
    for (const name of ['P', 'Q']) await remove(at, name);
    await settle(at);
    assert.deepEqual(await left(at), { PipelineDefinition: 1 });
  }));
