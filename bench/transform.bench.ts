import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { callJson, defaultRoleArn, getObject, putObject } from '../src/cli/client.ts';
import { type Connection, connect } from '../src/cli/connection.ts';
import type { InputOf } from '../src/contract/operations.ts';
import { startServer } from '../tests/harness/server.ts';
import { findRuntime } from '../toolchain/python.mjs';
import { report } from './figure.ts';

/**
 * Batch transform of 200,000 rows of 20 features through XGBoost's own container, many records a request: as it is, with ids joined and
 * filtered by the driver, and a job of one row. The floor is the container's own code called in one process, without HTTP or sandbox.
 */

const ROWS = 200_000;
const BUCKET = 'sagemaker-us-east-1-123456789012';
const IMAGE = '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1';
const PYTHON = join(findRuntime('ml')?.path ?? '', 'bin/python3');

const PREPARE = `
import sys, tarfile, numpy as np, xgboost as xgb
folder, rows = sys.argv[1], int(sys.argv[2])
r = np.random.default_rng(0); X = r.normal(size=(5000, 20)); y = (X[:, 0] + X[:, 1] ** 2 > .5).astype(int)
xgb.XGBClassifier(n_estimators=100, max_depth=4, n_jobs=1).fit(X, y).get_booster().save_model(folder + '/xgboost-model')
tarfile.open(folder + '/model.tar.gz', 'w:gz').add(folder + '/xgboost-model', 'xgboost-model')
np.savetxt(folder + '/rows.csv', r.normal(size=(rows, 20)), '%.4f', ',')
`;

const FLOOR = `
import os, sys, time
os.environ.update(OMP_NUM_THREADS='1', SAGEMAKER_BATCH='true')
sys.path.insert(0, sys.argv[2])
from slipway_entry.http_server import Request
from slipway_entry.image_profile import ImageProfile
from slipway_entry.xgboost_scoring import XgboostApplication
from slipway_transform.records import line_batches_of
os.makedirs(sys.argv[1] + '/model', exist_ok=True)
os.replace(sys.argv[1] + '/xgboost-model', sys.argv[1] + '/model/xgboost-model')
application = XgboostApplication(ImageProfile.of_environment(), sys.argv[1] + '/model', 6 << 20)
start = time.perf_counter()
with open(sys.argv[1] + '/rows.csv', 'rb') as rows, open(sys.argv[1] + '/rows.out', 'wb') as out:
    for batch in line_batches_of(rows, 6 << 20):
        out.write(application.invoke(Request('POST', '/invocations', {'content-type': 'text/csv'}, batch.body)).body)
print(time.perf_counter() - start)
`;

const PROFILE = JSON.stringify({
  framework: 'xgboost',
  release: '1.7-1',
  answers: 'newline',
  modelFile: 'native',
  ensemble: true,
});

const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const server = await startServer();
try {
  execFileSync(PYTHON, ['-c', PREPARE, folder, String(ROWS)]);
  const connection = await connect(server.folder);
  await prepare(connection);
  const floor = Number(
    execFileSync(PYTHON, ['-c', FLOOR, folder, resolve(import.meta.dirname, '../runtimes/entry')], {
      env: { ...process.env, SLIPWAY_IMAGE_PROFILE: PROFILE },
    }),
  );
  const plain = await transform(connection, 'plain', 'bench/rows.csv', {});
  const same = (await getObject(connection, BUCKET, 'out/plain/rows.csv.out')).equals(readFileSync(join(folder, 'rows.out')));
  if (!same) throw new Error('The job answers other numbers than the container does.');
  const note = `${Math.round(ROWS / plain)} rows/s; the container's own code ${Math.round(ROWS / floor)}`;
  report({ name: 'transform of 200,000 rows, start to end of the job', value: plain, unit: 's', floor, note });
  const joined = await transform(connection, 'joined', 'bench/rows.csv', {
    DataProcessing: { JoinSource: 'Input', InputFilter: '$[0:]', OutputFilter: '$[0,-1]' },
  });
  report({
    name: 'the same with filters and join',
    value: joined,
    unit: 's',
    floor,
    note: `${Math.round(ROWS / joined)} rows/s`,
  });
  report({
    name: 'transform of one row, call to seen Completed',
    value: await wall(() => transform(connection, 'one', 'bench/one.csv', {})),
    unit: 's',
  });
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function prepare(connection: Connection): Promise<void> {
  await putObject(connection, BUCKET, 'bench/model.tar.gz', readFileSync(join(folder, 'model.tar.gz')));
  const rows = readFileSync(join(folder, 'rows.csv'));
  await putObject(connection, BUCKET, 'bench/rows.csv', rows);
  await putObject(connection, BUCKET, 'bench/one.csv', rows.subarray(0, rows.indexOf(10)));
  await callJson(connection, 'sagemaker:CreateModel', {
    ModelName: 'bench',
    ExecutionRoleArn: await defaultRoleArn(connection),
    PrimaryContainer: { Image: IMAGE, ModelDataUrl: `s3://${BUCKET}/bench/model.tar.gz` },
  });
}

/** Seconds from the start of the job's driver to the job's end. */
async function transform(
  connection: Connection,
  name: string,
  key: string,
  more: Partial<InputOf<'sagemaker:CreateTransformJob'>>,
): Promise<number> {
  await callJson(connection, 'sagemaker:CreateTransformJob', {
    TransformJobName: name,
    ModelName: 'bench',
    TransformInput: {
      DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${BUCKET}/${key}` } },
      ContentType: 'text/csv',
      SplitType: 'Line',
    },
    TransformOutput: { S3OutputPath: `s3://${BUCKET}/out/${name}`, AssembleWith: 'Line', Accept: 'text/csv' },
    TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
    ...more,
  });
  for (;;) {
    const job = await callJson(connection, 'sagemaker:DescribeTransformJob', { TransformJobName: name });
    if (job.TransformJobStatus === 'Completed') return (job.TransformEndTime ?? 0) - (job.TransformStartTime ?? 0);
    if (job.TransformJobStatus === 'Failed') throw new Error(job.FailureReason);
    await new Promise((again) => setTimeout(again, 20));
  }
}

async function wall(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return (performance.now() - start) / 1000;
}
