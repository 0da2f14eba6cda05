import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkStatus } from '../../platform/ports/work.ts';
import { parseFilter } from './decide-transform-filter.ts';
import { decideTransform, driverFailure, findCause } from './decide-transform-hosts.ts';
import { checkTransformRequest, type TransformRequest } from './decide-transform-request.ts';

test('filters are parsed as AWS documents them', () => {
  const cases: readonly [string, unknown][] = [
    ['$', []],
    [' $ ', []],
    ['$.id', [{ kind: 'names', names: ['id'] }]],
    [
      '$.a.b-c_1',
      [
        { kind: 'names', names: ['a'] },
        { kind: 'names', names: ['b-c_1'] },
      ],
    ],
    ['$.id.*', [{ kind: 'names', names: ['id'] }, { kind: 'all' }]],
    ['$[*]', [{ kind: 'all' }]],
    ["$['id','SageMakerOutput']", [{ kind: 'names', names: ['id', 'SageMakerOutput'] }]],
    [
      "$.field1.['child 1', 'child2']",
      [
        { kind: 'names', names: ['field1'] },
        { kind: 'names', names: ['child 1', 'child2'] },
      ],
    ],
    ['$[1]', [{ kind: 'indexes', indexes: [1] }]],
    ['$[1,3, -1]', [{ kind: 'indexes', indexes: [1, 3, -1] }]],
    ['$[2:5]', [{ kind: 'slice', start: 2, end: 5 }]],
    ['$[:5]', [{ kind: 'slice', start: null, end: 5 }]],
    ['$[-2:]', [{ kind: 'slice', start: -2, end: null }]],
  ];
  for (const [path, steps] of cases) assert.deepEqual(parseFilter(path), { steps }, path);
  for (const path of [
    '',
    'id',
    '$id',
    '$..id',
    '$[?(@.a)]',
    '$[',
    '$[a]',
    "$['a'",
    '$[1:2:3]',
    '$.',
    "$['a','b'].c",
    '$.a b',
    '$[(1)]',
  ])
    assert.ok('problem' in parseFilter(path), path);
});

const request = (more: object = {}): TransformRequest => ({
  TransformJobName: 'job',
  ModelName: 'model',
  TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
  ...more,
  TransformInput: {
    DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 's3://b/in/' } },
    ContentType: 'text/csv',
    SplitType: 'Line',
    ...('TransformInput' in more ? (more.TransformInput as object) : {}),
  },
  TransformOutput: {
    S3OutputPath: 's3://b/out',
    AssembleWith: 'Line',
    ...('TransformOutput' in more ? (more.TransformOutput as object) : {}),
  },
});

test('requests that AWS documents are accepted, what cannot be is refused with the reason', () => {
  const json = {
    TransformInput: { ContentType: 'application/json; charset=utf-8' },
    TransformOutput: { Accept: 'application/jsonlines' },
  };
  const accepted = [
    {},
    { MaxPayloadInMB: 0, MaxConcurrentTransforms: 0 },
    { MaxPayloadInMB: 100 },
    { MaxPayloadInMB: 25, MaxConcurrentTransforms: 4 },
    { DataProcessing: { InputFilter: '$[1:]', JoinSource: 'Input', OutputFilter: '$[0,-1]' } },
    { ...json, DataProcessing: { InputFilter: '$.features', JoinSource: 'Input', OutputFilter: "$['id','SageMakerOutput']" } },
    {
      TransformInput: { SplitType: 'RecordIO', ContentType: 'application/x-recordio-protobuf' },
      DataProcessing: { InputFilter: '$' },
    },
    { DataCaptureConfig: { DestinationS3Uri: 's3://b/capture', GenerateInferenceId: true } },
  ];
  for (const more of accepted) assert.equal(checkTransformRequest(request(more)), undefined, JSON.stringify(more));
  const refused: readonly [object, RegExp][] = [
    [{ MaxPayloadInMB: 101 }, /MaxPayloadInMB is 101\. It must be at most 100/],
    [
      { MaxPayloadInMB: 51, MaxConcurrentTransforms: 2 },
      /MaxConcurrentTransforms \(2\) times MaxPayloadInMB \(51\) must not exceed 100 MB/,
    ],
    [
      { TransformInput: { DataSource: { S3DataSource: { S3DataType: 'AugmentedManifestFile', S3Uri: 's3://b/x' } } } },
      /AugmentedManifestFile is not supported/,
    ],
    [
      { TransformInput: { DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: 'https://b/x' } } } },
      /S3 URI of TransformInput/,
    ],
    [{ TransformOutput: { S3OutputPath: 'b/x' } }, /S3 URI of TransformOutput/],
    [{ DataProcessing: { InputFilter: '$..id' } }, /InputFilter "\$\.\.id" is not a supported JSONPath/],
    [{ DataProcessing: { InputFilter: '$.id' } }, /does not fit CSV/],
    [{ DataProcessing: { OutputFilter: '$[1][2]' } }, /OutputFilter "\$\[1\]\[2\]" does not fit CSV/],
    [
      { TransformInput: { ContentType: 'image/png' }, DataProcessing: { InputFilter: '$[1]' } },
      /needs TransformInput\.ContentType to be text\/csv/,
    ],
    [
      { TransformInput: { ContentType: undefined }, DataProcessing: { JoinSource: 'Input' } },
      /JoinSource Input needs TransformInput\.ContentType/,
    ],
    [
      { TransformOutput: { Accept: 'application/json' }, DataProcessing: { JoinSource: 'Input' } },
      /of one format; they are application\/json and text\/csv/,
    ],
    [
      { TransformInput: { SplitType: 'None' }, DataProcessing: { JoinSource: 'Input' } },
      /SplitType and AssembleWith to be the same.* they are None and Line/,
    ],
    [
      {
        TransformInput: { SplitType: undefined },
        TransformOutput: { AssembleWith: undefined },
        DataProcessing: { JoinSource: 'Input' },
      },
      /on text\/csv needs SplitType and AssembleWith to be Line/,
    ],
    [{ DataCaptureConfig: { DestinationS3Uri: 'https://b' } }, /DataCaptureConfig\.DestinationS3Uri/],
    [
      { TransformOutput: { Accept: 'image/png' }, DataCaptureConfig: { DestinationS3Uri: 's3://b', GenerateInferenceId: true } },
      /GenerateInferenceId needs/,
    ],
    [{ TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 500 } }, /InstanceCount 500 is not implemented yet/],
  ];
  for (const [more, message] of refused)
    assert.match(checkTransformRequest(request(more))?.message ?? '', message, JSON.stringify(more));
});

const absent: WorkStatus = { phase: 'absent' };
const running: WorkStatus = { phase: 'running', startedAtMs: 5, isolation: 'bubblewrap' };
const ended = (exitCode: number, reason: 'exited' | 'stopped' | 'lost' = 'exited', endedAtMs = 9): WorkStatus => ({
  phase: 'ended',
  reason,
  exitCode,
  startedAtMs: 5,
  endedAtMs,
  isolation: 'bubblewrap',
});

test('what is done with a transform job follows from its works', () => {
  const one = (driver: WorkStatus, server: WorkStatus) => [{ driver, servers: [server] }];
  assert.deepEqual(decideTransform(one(absent, absent), false), { step: 'begin' });
  assert.deepEqual(decideTransform(one(absent, running), false), { step: 'begin' });
  assert.deepEqual(decideTransform(one({ phase: 'preparing' }, running), false), { step: 'run' });
  assert.deepEqual(decideTransform(one(running, running), false), { step: 'run', startedAtMs: 5 });
  assert.deepEqual(decideTransform(one(ended(0), running), false), { step: 'stop' });
  assert.deepEqual(decideTransform(one(ended(0), ended(143, 'stopped')), false), { step: 'ended' });
  assert.deepEqual(decideTransform(one(running, ended(1)), false), { step: 'stop' });
  assert.deepEqual(decideTransform(one(ended(1), ended(1)), false), { step: 'ended' });
  assert.deepEqual(decideTransform(one(running, running), true), { step: 'stop' });
  assert.deepEqual(decideTransform(one(absent, absent), true), { step: 'ended' });
  // a bad record on one host lets the other go on, a lost driver does not
  const two = (driver: WorkStatus) => [...one(driver, running), ...one(running, running)];
  assert.equal(decideTransform(two(ended(1)), false).step, 'run');
  assert.equal(decideTransform(two(ended(0, 'lost')), false).step, 'stop');
});

test('a model server that ended by itself is the cause; works that were stopped are none', () => {
  const stopped = ended(143, 'stopped');
  assert.equal(findCause([{ driver: ended(0), servers: [ended(1)] }]), undefined);
  assert.equal(findCause([{ driver: ended(1), servers: [stopped] }])?.server, undefined);
  assert.equal(findCause([{ driver: stopped, servers: [ended(3)] }])?.server, 0);
  const second = findCause([
    { driver: stopped, servers: [stopped] },
    { driver: ended(1), servers: [stopped] },
  ]);
  assert.equal(second?.host, 1);
});

test('a driver that ran out of its time is no fault of ours, which a retry policy would answer with another 28 days', () => {
  const why = (reason: 'max-runtime' | 'lost' | 'stopped') =>
    driverFailure({ phase: 'ended', reason, endedAtMs: 2, isolation: 'none' }, { lastLines: [], memoryMiB: 1, stopping: false });
  assert.match(why('max-runtime'), /^ClientError: .* 28 days/);
  assert.match(why('lost'), /^InternalServerError: /);
  assert.match(why('stopped'), /^InternalServerError: /);
});
