import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { connectionOf } from './kill-rig.ts';
import { processesOf, ServerProcess } from './server-process.ts';

/** What a server does with a database file that a disk gave back shorter; `damage.test.ts` of the store goes through it byte by byte. */
suite('a damaged database', () => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-damaged-'));
  const whole = join(root, 'whole');
  const group = (n: number) => `group-${n}`;
  let copies = 0;

  before(async () => {
    const server = new ServerProcess(whole);
    await server.url();
    const aws = new AwsClient(connectionOf(whole));
    for (let n = 0; n < 5; n += 1) await aws.call('sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: group(n) });
    const { routerPid } = JSON.parse(readFileSync(join(whole, 'server.json'), 'utf8')) as { routerPid: number };
    await server.end('SIGKILL');
    process.kill(routerPid, 'SIGKILL');
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  /** A copy, changed, and a server on it: its exit code and what it said, or what it knows. */
  const startOn = async (change: (folder: string) => void) => {
    copies += 1;
    const folder = join(root, `copy-${copies}`);
    cpSync(whole, folder, { recursive: true });
    change(folder);
    const audit = await slipway(['audit', 'verify', '--data', folder]);
    const server = new ServerProcess(folder);
    const url = await server.listening;
    if (url === undefined) return { code: await server.ended(), log: server.log(), audit, folder };
    const { ModelPackageGroupSummaryList = [] } = await new AwsClient(connectionOf(folder)).call(
      'sagemaker:ListModelPackageGroups',
      {},
    );
    assert.equal(await server.end('SIGTERM'), 0);
    return { groups: ModelPackageGroupSummaryList.length, audit, folder };
  };

  const cutLog = (folder: string) => {
    const log = join(folder, 'slipway.db-wal');
    truncateSync(log, statSync(log).size - 5_000);
  };

  test('whole: everything is there', async () => {
    const { groups, audit } = await startOn(() => undefined);
    assert.equal(groups, 5);
    assert.equal(audit.code, 0);
  });

  test('the end of its log is cut off: refused with exit code 2, saying what is lost and what to do', async () => {
    const { code, log, audit, folder } = await startOn(cutLog);
    assert.equal(code, 2, log);
    assert.match(log ?? '', /has lost changes that were acknowledged: its ledger ends with entry \d+, but entry \d+ had been/);
    assert.match(log ?? '', /slipway restore/);
    assert.equal(audit.code, 1);
    assert.match(audit.stderr, /had been acknowledged/);
    assert.deepEqual(processesOf(folder), []);
  });

  test('… and whoever removes the mark goes on with what is left, whose ledger is whole', async () => {
    const { groups, audit } = await startOn((folder) => {
      cutLog(folder);
      rmSync(join(folder, 'slipway.db-head'));
    });
    assert.ok(groups !== undefined && groups < 5, `${groups} groups`);
    assert.equal(audit.code, 0);
  });

  test('the file itself is cut off: refused with exit code 2', async () => {
    const { code, log } = await startOn((folder) => {
      rmSync(join(folder, 'slipway.db-wal'));
      truncateSync(join(folder, 'slipway.db'), 0);
    });
    assert.equal(code, 2, log);
    assert.match(log ?? '', /slipway restore/);
  });
});
