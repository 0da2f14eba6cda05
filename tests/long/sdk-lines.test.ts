import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { buildOnce, cacheDirectory } from '../../toolchain/cache.mjs';
import { findPython } from '../../toolchain/python.mjs';
import { slipway } from '../harness/cli.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** The folder of a locked environment of this suite, built by pip when it is not there: some of its packages come as sources only. */
async function environmentOf(name: string): Promise<string> {
  const lock = join(import.meta.dirname, 'environments', name, 'requirements.txt');
  const digest = createHash('sha256').update(readFileSync(lock)).digest('hex').slice(0, 16);
  const target = join(cacheDirectory(), 'clients', `${name}-${digest}`);
  const log = (line: string) => process.stderr.write(`${name}: ${line}\n`);
  await buildOnce(target, log, async () => {
    log('downloading from PyPI');
    const python = findPython();
    assert.ok(python, 'No Python 3.11 to 3.13 with venv was found.');
    // under its own name: programs of an environment hold the path they were made with
    await run(python.executable, ['-m', 'venv', '--clear', `${target}.venv`]);
    await run(join(`${target}.venv`, 'bin/pip'), ['install', '--quiet', '--require-hashes', '-r', lock]);
    return {};
  });
  return `${target}.venv`;
}

const run = promisify(execFile);

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
