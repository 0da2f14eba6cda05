import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOutputs } from './decide-outputs.ts';

test('an output that no document can hold a thousand times is refused with its length', () => {
  const declared = [{ OutputName: 'report', OutputType: 'String' }] as const;
  assert.deepEqual(readOutputs(declared, { report: 'x'.repeat(65_536) }).values?.['report'], 'x'.repeat(65_536));
  assert.match(
    readOutputs(declared, { report: 'x'.repeat(65_537) }).problem ?? '',
    /'report' has 65537 characters; put more than 65536 into S3/,
  );
});
