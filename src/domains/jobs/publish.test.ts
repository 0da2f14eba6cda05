import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { refusals } from './publish.ts';

const published = (code: ConstructorParameters<typeof ServiceError>[0]) =>
  refusals('s3://bucket/key', async () => {
    throw new ServiceError(code, 'no');
  });

test('what S3 refuses fails the job; what may pass is tried again', async () => {
  assert.match(JSON.stringify(await published('NoSuchBucket')), /ClientError: Failed to upload outputs .* NoSuchBucket: no/);
  for (const code of ['ThrottlingException', 'InternalFailure', 'ServiceUnavailable', 'OperationAborted'] as const)
    await assert.rejects(published(code), (error) => error instanceof BackendError && error.retryable, code);
});
