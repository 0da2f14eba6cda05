import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../models/load.ts';
import { type Fault, maxFaults, printFaults } from './fault.ts';
import { createService } from './services.ts';
import { compileConstraints, compileInput } from './validate.ts';

const sagemaker = loadService('sagemaker');

function faultsOf(operationName: string, body: unknown): readonly Fault[] {
  const check = compileInput(sagemaker, operationName)(body);
  assert.equal(check.outcome, 'invalid', JSON.stringify(check));
  return check.outcome === 'invalid' ? check.faults : [];
}

const trainingJob = {
  TrainingJobName: 'job',
  AlgorithmSpecification: { TrainingInputMode: 'File' },
  RoleArn: 'arn:aws:iam::123456789012:role/r',
  OutputDataConfig: { S3OutputPath: 's3://bucket/out' },
};

test('all faults of a request come in one message, in AWS wording', () => {
  const body = {
    ...trainingJob,
    TrainingJobName: 'foo_bar',
    RoleArn: undefined,
    InputDataConfig: [{ ChannelName: 'train', DataSource: { S3DataSource: { S3DataType: 'Nope', S3Uri: 's3://b/k' } } }],
  };
  assert.equal(
    printFaults(faultsOf('CreateTrainingJob', body)),
    "3 validation errors detected: Value 'foo_bar' at 'trainingJobName' failed to satisfy constraint: Member must satisfy " +
      "regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}; Value null at 'roleArn' failed to satisfy constraint: " +
      "Member must not be null; Value 'Nope' at 'inputDataConfig.1.member.dataSource.s3DataSource.s3DataType' failed to satisfy " +
      'constraint: Member must satisfy enum value set: [ManifestFile, S3Prefix, AugmentedManifestFile, Converse]',
  );
});

test('one fault is one validation error', () => {
  const message = printFaults(faultsOf('CreateTrainingJob', { ...trainingJob, TrainingJobName: '' }));
  assert.equal(
    message,
    "1 validation error detected: Value '' at 'trainingJobName' failed to satisfy constraint: Member must have length greater " +
      'than or equal to 1',
  );
});

test('a text that is too long is not tried against its pattern', () => {
  const faults = faultsOf('CreateTrainingJob', { ...trainingJob, TrainingJobName: '_'.repeat(64) });
  assert.deepEqual(
    faults.map((fault) => fault.constraint),
    ['Member must have length less than or equal to 63'],
  );
});

test('map entries are reported for the whole map, printed as Java prints it, with every constraint', () => {
  const HyperParameters = { a: '1', b: 'x'.repeat(2501) };
  const [fault] = faultsOf('CreateTrainingJob', { ...trainingJob, HyperParameters });
  assert.equal(fault?.path, 'hyperParameters');
  assert.ok(fault?.value.startsWith("'{a=1, b=xxx"));
  assert.ok(fault.value.length < 1100, 'a long value is cut');
  assert.equal(
    fault.constraint,
    'Map value must satisfy constraint: [Member must have length less than or equal to 2500, Member must have length greater ' +
      'than or equal to 0, Member must satisfy regular expression pattern: .*]',
  );
});

test('lists of texts are reported for the whole list', () => {
  const VpcConfig = { Subnets: ['subnet-1', 'a b'], SecurityGroupIds: ['sg-1'] };
  const [fault] = faultsOf('CreateTrainingJob', { ...trainingJob, VpcConfig });
  assert.equal(fault?.path, 'vpcConfig.subnets');
  assert.equal(fault.value, "'[subnet-1, a b]'");
  assert.ok(fault.constraint.startsWith('Member must satisfy constraint: [Member must have length less than or equal to 32'));
});

test('a value of the wrong JSON type is a serialization error in the words of AWS', () => {
  const texts = [
    [{ TrainingJobName: 1 }, 'NUMBER_VALUE cannot be converted to String'],
    [{ TrainingJobName: true }, 'TRUE_VALUE cannot be converted to String'],
    [{ TrainingJobName: [] }, 'Start of list found where not expected'],
    [{ TrainingJobName: {} }, 'Start of structure or map found where not expected.'],
    [{ Tags: 'x' }, 'Expected list or null'],
    [{ EnableNetworkIsolation: 'yes' }, 'STRING_VALUE cannot be converted to Boolean'],
    [{ StoppingCondition: { MaxRuntimeInSeconds: 1.5 } }, 'NUMBER_VALUE cannot be converted to Integer'],
    [[], 'Start of list found where not expected'],
  ] as const;
  for (const [body, message] of texts) {
    assert.deepEqual(compileInput(sagemaker, 'CreateTrainingJob')(body), { outcome: 'unreadable', message });
  }
});

test('unknown members are ignored and null means absent', () => {
  const check = compileInput(sagemaker, 'CreateTrainingJob')({ ...trainingJob, Tags: null, Bogus: { deep: [1] } });
  assert.deepEqual(check, { outcome: 'valid', value: trainingJob });
  assert.deepEqual(compileInput(sagemaker, 'ListPipelines')(undefined), { outcome: 'valid', value: {} });
});

test('timestamps become epoch milliseconds, from epoch seconds and from ISO 8601', () => {
  for (const CreatedAfter of [1_700_000_000.5, '2023-11-14T22:13:20.500Z']) {
    const check = compileInput(sagemaker, 'ListPipelines')({ CreatedAfter });
    assert.deepEqual(check, { outcome: 'valid', value: { CreatedAfter: 1_700_000_000_500 } });
  }
  assert.equal(compileInput(sagemaker, 'ListPipelines')({ CreatedAfter: 'soon' }).outcome, 'unreadable');
});

test('a sensitive value is not repeated', () => {
  const faults = faultsOf('CreateModelCard', { ModelCardName: 'c', ModelCardStatus: 'Draft', Content: 'secret\u2028' });
  assert.equal(faults[0]?.path, 'content');
  assert.ok(printFaults(faults).includes(": Value at 'content' failed"));
});

test('a union takes exactly one member', () => {
  const body = {
    AutoMLJobName: 'a',
    AutoMLJobInputDataConfig: [{}],
    OutputDataConfig: { S3OutputPath: 's3://b/o' },
    RoleArn: trainingJob.RoleArn,
  };
  const text = { CompletionCriteria: {} };
  for (const AutoMLProblemTypeConfig of [
    {},
    { Unknown: 1 },
    { TextGenerationJobConfig: text, ImageClassificationJobConfig: text },
  ]) {
    const [fault, ...others] = faultsOf('CreateAutoMLJobV2', { ...body, AutoMLProblemTypeConfig });
    assert.equal(fault?.path, 'autoMLProblemTypeConfig');
    assert.ok(fault.constraint.startsWith('Exactly one member must be set: [imageClassificationJobConfig, '));
    assert.deepEqual(others, []);
  }
  const one = { ...body, AutoMLProblemTypeConfig: { ImageClassificationJobConfig: text } };
  assert.equal(compileInput(sagemaker, 'CreateAutoMLJobV2')(one).outcome, 'valid');
});

test('an entry named __proto__ stays an entry', () => {
  const HyperParameters = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  const check = compileInput(sagemaker, 'CreateTrainingJob')({ ...trainingJob, HyperParameters });
  assert.equal(check.outcome, 'valid');
  if (check.outcome === 'valid') {
    assert.equal(
      JSON.stringify((check.value as typeof trainingJob & { HyperParameters: object }).HyperParameters),
      '{"__proto__":"x"}',
    );
  }
});

test('nesting without end is refused, not fatal', () => {
  let SearchExpression: object = { Operator: 'And' };
  for (let i = 0; i < 5000; i += 1) SearchExpression = { SubExpressions: [SearchExpression] };
  const check = compileInput(sagemaker, 'Search')({ Resource: 'TrainingJob', SearchExpression });
  assert.deepEqual(check, { outcome: 'unreadable', message: 'Nesting is deeper than 200 levels' });
});

test('a request with countless faults gets an answer of bounded size', () => {
  const Tags = Array.from({ length: 50_000 }, () => ({ Key: '', Value: '\u2028' }));
  const faults = faultsOf('AddTags', { ResourceArn: 'arn:aws:sagemaker:us-east-1:123456789012:model/m', Tags });
  assert.equal(faults.length, maxFaults);
});

test('lengths count characters, not UTF-16 units', () => {
  const model = {
    source: 'test',
    metadata: sagemaker.model.metadata,
    operations: { Put: { name: 'Put', http: { method: 'POST', requestUri: '/' }, input: { shape: 'PutInput' } } },
    shapes: {
      PutInput: { type: 'structure' as const, members: { Text: { shape: 'Text' } } },
      Text: { type: 'string' as const, min: 2, max: 3 },
    },
  };
  const check = compileConstraints(createService('test', 'test', model), 'Put');
  assert.deepEqual(check({ Text: '🙂🙂🙂' }), []);
  assert.equal(check({ Text: '🙂' }).length, 1);
  assert.equal(check({ Text: '🙂🙂🙂🙂' }).length, 1);
});

test('half of a surrogate pair is refused, in strings and in keys of maps', () => {
  const stream = compileInput(loadService('logs'), 'CreateLogStream');
  assert.equal(stream({ logGroupName: 'a', logStreamName: '\ud800' }).outcome, 'unreadable');
  assert.equal(stream({ logGroupName: 'a', logStreamName: '\ud83d\ude00' }).outcome, 'valid');
  const group = compileInput(loadService('logs'), 'CreateLogGroup');
  assert.equal(group({ logGroupName: 'a', tags: { 'x\udc00': 'y' } }).outcome, 'unreadable');
});
