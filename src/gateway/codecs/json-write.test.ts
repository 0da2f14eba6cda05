import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../../models/load.ts';
import { jsonCodec } from './json.ts';

const sagemaker = loadService('sagemaker');

/** What an operation's handler gives to other rooms in this process, as a client gets it. */
function onTheWire(name: string, output: Record<string, unknown>): unknown {
  const operation = sagemaker.operations.get(name);
  assert.ok(operation);
  return JSON.parse(String(jsonCodec.encode(sagemaker, operation, output, 'request').body));
}

test('members that rooms pass to each other never reach a client', () => {
  const described = {
    ModelPackageName: 'group',
    ModelPackageArn: 'arn:aws:sagemaker:us-east-1:123456789012:model-package/group/1',
    InferenceSpecification: { Containers: [{ Image: 'image', digest: 'internal' }] },
    artifacts: [{ uri: 's3://bucket/model.tar.gz', form: 'object', objects: [{ digest: 'ab' }] }],
    evidence: [],
    requestId: 'internal',
  };
  assert.deepEqual(onTheWire('DescribeModelPackage', described), {
    ModelPackageName: 'group',
    ModelPackageArn: 'arn:aws:sagemaker:us-east-1:123456789012:model-package/group/1',
    InferenceSpecification: { Containers: [{ Image: 'image' }] },
  });
});
