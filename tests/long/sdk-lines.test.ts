import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { environmentOf } from './locked-environment.ts';

suite('other lines of the SageMaker SDK, under slipway exec', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  async function succeed(environment: string, words: readonly string[]): Promise<string> {
    const python = join(await environmentOf(environment), 'bin/python3');
    const { code, stdout, stderr } = await slipway(['exec', '--data', server.folder, '--', python, ...words]);
    assert.equal(code, 0, `${stdout}\n${stderr}\n${server.log().slice(-3000)}`);
    return stdout;
  }

  test('the newest 3.x: ForEach with a Selector, a step for a failure, Cleanup', async () => {
    const printed = await succeed('sdk-3', [join(import.meta.dirname, 'sdk-3/for_each.py')]);
    assert.match(printed, /^pipeline: CompletedWithFailures$/m);
    assert.deepEqual(printed.match(/^[\w-]+: (Succeeded|Failed)$/gm), [
      'Broken: Failed',
      'CleanUp: Succeeded',
      'Scrap: Succeeded',
      'TellOfFailure: Succeeded',
      'TrainOne-0: Succeeded',
      'TrainOne-1: Succeeded',
      'TrainOne-2: Succeeded',
      'TryDepths: Succeeded',
    ]);
    assert.match(printed, /^best of 3 True$/m);
    assert.match(printed, /^left of the scrap: \[\]$/m);
  });

  test('2.100, as older programs pin it: the Abalone pipeline', async () => {
    const seed = resolve(import.meta.dirname, '../clients/seeds/abalone/hello_sagemaker_workflow.py');
    const printed = await succeed('sdk-2.100', [seed, resolve(import.meta.dirname, '../../examples/abalone/abalone.csv')]);
    assert.equal(printed.match(/^\w+: Succeeded$/gm)?.length, 5);
    assert.match(printed, /^recorded True True$/m);
  });
});
