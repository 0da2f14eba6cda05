import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withServer } from './project/server-rig.ts';
import { packageArnOf } from './references.ts';

test('a version is named by its number, or the newest by its group alone; half a name is neither', () =>
  withServer(
    {
      ListModelPackages: () => ({
        ModelPackageSummaryList: [2, 1].map((version) => ({ ModelPackageArn: `arn/${version}`, ModelPackageVersion: version })),
      }),
    },
    async (connection) => {
      assert.equal(await packageArnOf(connection, 'tumour'), 'arn/2');
      assert.equal(await packageArnOf(connection, 'tumour/1'), 'arn/1');
      await assert.rejects(packageArnOf(connection, 'tumour/3'), /has no version 3/);
      // what a script writes whose variable is empty: `approve tumour/$VERSION`
      for (const half of ['tumour/', '/1', '', 'tumour/1/2'])
        await assert.rejects(packageArnOf(connection, half), { name: 'CliExit', code: 2, message: /GROUP\/N/ }, half);
    },
  ));
