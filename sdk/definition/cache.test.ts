import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../models/load.ts';
import {
  cacheAttributesOf,
  cacheExpiryMs,
  cacheRequestOf,
  canonicalText,
  contentUrisOf,
  differingAttributes,
  isFresh,
  withContent,
} from './cache.ts';
import type { Json, JsonObject, Step, StepType } from './language.ts';

/** As the developer guide lists them; written out again, since the table under test must not judge itself. */
const LISTED = {
  Processing: ['AppSpecification', 'Environment', 'ProcessingInputs'],
  Training: [
    'AlgorithmSpecification',
    'CheckpointConfig',
    'DebugHookConfig',
    'DebugRuleConfigurations',
    'Environment',
    'HyperParameters',
    'InputDataConfig',
  ],
  Transform: ['DataProcessing', 'Environment', 'ModelName', 'TransformInput'],
  Tuning: ['HyperParameterTuningJobConfig', 'TrainingJobDefinition', 'TrainingJobDefinitions'],
  AutoML: ['AutoMLJobConfig', 'AutoMLJobObjective', 'InputDataConfig', 'ProblemType'],
} as const;
const SHAPES = {
  Processing: 'CreateProcessingJobRequest',
  Training: 'CreateTrainingJobRequest',
  Transform: 'CreateTransformJobRequest',
  Tuning: 'CreateHyperParameterTuningJobRequest',
  AutoML: 'CreateAutoMLJobRequest',
} as const;

const { model } = loadService('sagemaker');
const membersOf = (shape: string): string[] => {
  const found = model.shapes[shape] as { members?: object } | undefined;
  assert.ok(found?.members, shape);
  return Object.keys(found.members);
};

const stepOf = (type: StepType, args: JsonObject, extra: object = {}): Step =>
  ({ Name: 'S', Type: type, Arguments: args, ...extra }) as unknown as Step;
const keyOf = (step: Step): string => canonicalText(cacheRequestOf(step));

for (const type of Object.keys(SHAPES) as (keyof typeof SHAPES)[]) {
  test(`${type}: every member of the request, changed: the listed ones miss, all others hit`, () => {
    const members = membersOf(SHAPES[type]);
    const listed: readonly string[] = LISTED[type];
    assert.deepEqual(
      listed.filter((name) => !members.includes(name)),
      [],
      'the guide names members of the request',
    );
    // parts of Tuning and AutoML count by some of their members only
    const value = (text: string): JsonObject => ({ Mode: text, AlgorithmSpecification: { TrainingImage: text } });
    const before = Object.fromEntries(members.map((name) => [name, value('before')]));
    const key = keyOf(stepOf(type, before));
    for (const name of members) {
      const changed = keyOf(stepOf(type, { ...before, [name]: value('after') }));
      assert.equal(changed !== key, listed.includes(name), `${name} changed`);
      const { [name]: _gone, ...without } = before;
      assert.equal(keyOf(stepOf(type, without)) !== key, listed.includes(name), `${name} left out`);
    }
    assert.deepEqual(cacheAttributesOf(type), listed);
  });
}

test('a listed attribute counts down to its last leaf, in whatever order it is written', () => {
  const spec: JsonObject = {
    ImageUri: 'image',
    ContainerArguments: ['--a', '1'],
    ContainerEntrypoint: ['python3', 'a.py'],
    Nested: { list: [{ deep: [1, 2, { deeper: true }] }] },
  };
  const key = keyOf(stepOf('Processing', { AppSpecification: spec }));
  let leaves = 0;
  const visit = (value: Json, set: (changed: Json) => JsonObject): void => {
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) visit(item, (changed) => set(value.with(at, changed)));
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) visit(item, (changed) => set({ ...value, [name]: changed }));
    } else {
      leaves++;
      const changed = typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value}x`;
      assert.notEqual(keyOf(stepOf('Processing', { AppSpecification: set(changed) })), key, `${value}`);
    }
  };
  visit(spec, (changed) => changed as JsonObject);
  assert.equal(leaves, 8);
  const reversed = Object.fromEntries(Object.entries(spec).reverse());
  assert.equal(keyOf(stepOf('Processing', { AppSpecification: reversed })), key);
});

test('of a tuning definition and an AutoML configuration only the documented members count', () => {
  const parts = {
    Tuning: ['TrainingJobDefinition', 'HyperParameterTrainingJobDefinition'],
    AutoML: ['AutoMLJobConfig', 'AutoMLJobConfig'],
  } as const;
  const counted = {
    Tuning: ['AlgorithmSpecification', 'HyperParameterRanges', 'InputDataConfig', 'StaticHyperParameters', 'TuningObjective'],
    AutoML: ['CompletionCriteria', 'CandidateGenerationConfig', 'DataSplitConfig', 'Mode'],
  } as const;
  for (const type of ['Tuning', 'AutoML'] as const) {
    const [attribute, shape] = parts[type];
    const members = membersOf(shape);
    const before = Object.fromEntries(members.map((name) => [name, 'before']));
    const key = keyOf(stepOf(type, { [attribute]: before }));
    for (const name of members) {
      const changed = keyOf(stepOf(type, { [attribute]: { ...before, [name]: 'after' } }));
      assert.equal(changed !== key, (counted[type] as readonly string[]).includes(name), `${attribute}.${name}`);
    }
  }
});

test('Lambda and Callback steps: all that the function or queue is told counts, and which one it is', () => {
  const step = stepOf('Lambda', { a: 1 }, { FunctionArn: 'f', OutputParameters: [{ OutputName: 'o', OutputType: 'String' }] });
  for (const change of [{ FunctionArn: 'g' }, { Arguments: { a: 2 } }, { Arguments: { a: 1, b: 1 } }, { OutputParameters: [] }]) {
    assert.notEqual(keyOf({ ...step, ...change } as Step), keyOf(step), JSON.stringify(change));
  }
  assert.equal(keyOf({ ...step, DisplayName: 'other', CacheConfig: { Enabled: true, ExpireAfter: '1d' } } as Step), keyOf(step));
});

test('caching is asked for by the step, and only some types are cached', () => {
  const with_ = (type: StepType, CacheConfig: object | undefined) => cacheExpiryMs(stepOf(type, {}, { CacheConfig }));
  assert.equal(with_('Training', { Enabled: true, ExpireAfter: 'PT1H' }), 3_600_000);
  assert.equal(with_('Processing', { Enabled: true, ExpireAfter: '30d' }), 30 * 86_400_000);
  assert.equal(with_('Transform', { Enabled: true, ExpireAfter: 'T16m' }), 16 * 60_000);
  assert.equal(with_('Lambda', { Enabled: true, ExpireAfter: '30dT5h' }), (30 * 24 + 5) * 3_600_000);
  assert.equal(with_('Training', { Enabled: false, ExpireAfter: 'PT1H' }), undefined);
  assert.equal(with_('Training', undefined), undefined);
  for (const type of ['Model', 'RegisterModel', 'Condition', 'Fail'] as const) {
    assert.equal(with_(type, { Enabled: true, ExpireAfter: 'PT1H' }), undefined, type);
  }
  assert.equal(isFresh(1_000, 500, 1_499), true);
  assert.equal(isFresh(1_000, 500, 1_500), false);
});

test('what differs is named by attribute', () => {
  const one = { Environment: { A: '1' }, HyperParameters: { x: '1' }, AlgorithmSpecification: { TrainingImage: 'i' } };
  const other = { Environment: { A: '1' }, HyperParameters: { x: '2' }, InputDataConfig: [] };
  assert.deepEqual(differingAttributes(one, other), ['HyperParameters', 'AlgorithmSpecification', 'InputDataConfig']);
  assert.deepEqual(differingAttributes(one, { ...one }), []);
});

test('content mode: data counts by its content alone, code and other addresses by both, what a run writes by its address', () => {
  const request: JsonObject = {
    InputDataConfig: [{ ChannelName: 'train', DataSource: { S3DataSource: { S3Uri: 's3://b/train', S3DataType: 'S3Prefix' } } }],
    HyperParameters: { sagemaker_submit_directory: '"s3://b/code.tar.gz"', depth: '3' },
    CheckpointConfig: { S3Uri: 's3://b/checkpoints' },
  };
  assert.deepEqual(contentUrisOf(request).uris, ['s3://b/train', 's3://b/code.tar.gz']);
  const at = (train: string, code: string) =>
    withContent(
      request,
      new Map([
        ['s3://b/train', train],
        ['s3://b/code.tar.gz', code],
      ]),
    );
  assert.deepEqual(differingAttributes(at('1', '1'), at('2', '1')), ['InputDataConfig']);
  assert.deepEqual(differingAttributes(at('1', '1'), at('1', '2')), ['HyperParameters']);
  const moved = {
    ...request,
    InputDataConfig: JSON.parse(JSON.stringify(request['InputDataConfig']).replace('b/train', 'b/other')),
  };
  const movedContent = withContent(moved as JsonObject, new Map([['s3://b/other', '1']]));
  assert.deepEqual(differingAttributes(movedContent, withContent(request, new Map([['s3://b/train', '1']]))), []);
  const manifest: JsonObject = { InputDataConfig: [{ S3DataSource: { S3Uri: 's3://b/list', S3DataType: 'ManifestFile' } }] };
  assert.equal(contentUrisOf(manifest).manifest, 's3://b/list');
});
