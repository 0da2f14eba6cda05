import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, endAll, processing, start, steps, token, world, worlds } from '../../../tests/pipelines/programs.ts';
import { Crash, type World } from '../../../tests/pipelines/world.ts';

const CACHED = { CacheConfig: { Enabled: true, ExpireAfter: '30d' } };
const RETRIED = { RetryPolicies: [{ ExceptionType: ['SageMaker.JOB_INTERNAL_ERROR'], IntervalSeconds: 1, MaxAttempts: 2 }] };
const Parameters = [{ Name: 'N', Type: 'String', DefaultValue: '1' }];
const program = [
  processing('A', CACHED),
  processing('B', { ...RETRIED, DependsOn: ['A'] }),
  processing('C', CACHED, { Environment: { N: { Get: 'Parameters.N' } } }),
  processing('D', { DependsOn: ['C'] }),
];

/** Jobs of each step. */
function jobsOf(at: World): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of at.jobs.keys()) {
    const step = name.split('-')[2] ?? '';
    counts[step] = (counts[step] ?? 0) + 1;
  }
  return counts;
}

/** Ends what runs: in the second execution B's first job is lost, and D's first fails. */
async function endRunning(at: World): Promise<void> {
  const ignore = (error: unknown) => assert.ok(error instanceof Crash, String(error));
  for (const name of at.running()) {
    const step = name.split('-')[2] ?? '';
    const isSecond = jobsOf(at)[step] === 2;
    if (isSecond && step === 'B') await at.end(name, 'Failed', 'InternalServerError: lost').catch(ignore);
    else if (isSecond && step === 'D') await at.end(name, 'Failed', 'AlgorithmError: no').catch(ignore);
    else await at.end(name).catch(ignore);
  }
  await at.loop.idle();
}

test('killed at every commit and call of a run with hits, a lost job and a retry: the end is the same, nothing is done twice', async () => {
  let points = 0;
  for (let countdown = 1; ; countdown++) {
    const at = await world();
    await create(at, program, { Parameters });
    await start(at, { ClientRequestToken: token('first') });
    await endAll(at);
    let left = countdown;
    let dead = false;
    at.fault = (point) => {
      left -= 1;
      dead ||= left === 0;
      if (dead) throw new Crash(point);
    };
    const revive = async () => {
      if (!dead) return;
      at.fault = () => {};
      dead = false;
      await at.restart();
      await at.loop.idle();
    };
    /** A client that tries again with the same token after the server is back. */
    const insist = async <T>(call: () => Promise<T>): Promise<T> => {
      try {
        return await call();
      } catch (error) {
        assert.ok(error instanceof Crash, String(error));
        await revive();
        return call();
      }
    };
    const second = { ClientRequestToken: token('second'), PipelineParameters: [{ Name: 'N', Value: '2' }] };
    const arn = await insist(() => start(at, second));
    const until = async (status: string) => {
      for (let round = 0; round < 30; round++) {
        await revive();
        if ((await describe(at, arn)).PipelineExecutionStatus === status) return;
        await endRunning(at);
        at.clock.advance(1_000);
        await at.loop.idle();
      }
      assert.fail(`countdown ${countdown}: ${(await describe(at, arn)).PipelineExecutionStatus}, not ${status}`);
    };
    await until('Failed');
    const retry = { PipelineExecutionArn: arn, ClientRequestToken: token('retry') };
    await insist(() => at.call('sagemaker:RetryPipelineExecution', retry));
    await at.loop.idle();
    await until('Succeeded');
    at.fault = () => {};
    const listed = (await steps(at, arn)).map((step) => [step.StepName, step.AttemptCount, step.CacheHitResult !== undefined]);
    assert.deepEqual(
      listed.sort(),
      [
        ['A', 1, true],
        ['B', 2, false],
        ['C', 1, false],
        ['D', 1, false],
      ],
      `countdown ${countdown}`,
    );
    assert.deepEqual(jobsOf(at), { A: 1, B: 3, C: 2, D: 3 }, `countdown ${countdown}`);
    const third = await start(at, { ...second, ClientRequestToken: token('third') });
    await endAll(at);
    const hits = (await steps(at, third)).filter((step) => step.CacheHitResult).map(({ StepName }) => StepName);
    assert.deepEqual(hits.sort(), ['A', 'C'], `what was computed was kept, countdown ${countdown}`);
    points = countdown;
    worlds.splice(worlds.indexOf(at), 1);
    await at.close();
    if (left > 0) break;
  }
  assert.ok(points > 40, `${points} points`);
});
