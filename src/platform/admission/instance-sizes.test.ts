import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInstanceLimits, instanceSize } from './instance-sizes.ts';

test("sizes of instance types are AWS's", () => {
  const gib = (type: string) => {
    const size = instanceSize(type);
    return size && [size.cpus, size.memoryMiB / 1024];
  };
  assert.deepEqual(gib('ml.m5.xlarge'), [4, 16]);
  assert.deepEqual(gib('ml.m5.large'), [2, 8]);
  assert.deepEqual(gib('ml.c5.2xlarge'), [8, 16]);
  assert.deepEqual(gib('ml.r5.24xlarge'), [96, 768]);
  assert.deepEqual(gib('ml.t3.medium'), [2, 4]);
  assert.deepEqual(gib('ml.g4dn.xlarge'), [4, 16]);
  assert.equal(gib('local'), undefined);
});

test("limits: the operator's entry first, clipped to the host, said when clipped", () => {
  const limits = createInstanceLimits({ 'ml.m5.large': { cpus: 1, memoryMiB: 512 } }, { cpus: 2, memoryMiB: 10_240 });
  assert.deepEqual(limits('ml.m5.large'), { cpus: 1, memoryMiB: 512 });
  assert.deepEqual(limits('ml.t3.medium'), { cpus: 2, memoryMiB: 4096 });
  assert.deepEqual(limits('ml.m5.xlarge'), {
    cpus: 2,
    memoryMiB: 9216,
    note: 'instance type ml.m5.xlarge (4 cores and 16 GiB) is clipped to 2 cores and 9 GiB of this machine',
  });
  assert.match(limits('ml.unheard.of').note ?? '', /not known here/);
});
