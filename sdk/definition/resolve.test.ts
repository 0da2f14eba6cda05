import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, Json, JsonObject, ParameterDefinition } from './language.ts';
import { coerceParameter, resolveParameters } from './parameters.ts';
import { parseDuration } from './parse-policies.ts';
import { formatPath, parsePath } from './references.ts';
import type { FileReading, Scope } from './resolve.ts';
import { parseFile, resolve, resolveConditions } from './resolve.ts';

const declared = new Map<string, ParameterDefinition>([
  ['Text', { Name: 'Text', Type: 'String' }],
  ['Count', { Name: 'Count', Type: 'Integer', DefaultValue: 5 }],
  ['Rate', { Name: 'Rate', Type: 'Float', DefaultValue: 1 }],
  ['Flag', { Name: 'Flag', Type: 'Boolean', DefaultValue: true }],
]);

const document: JsonObject = {
  ProcessingJobName: 'job',
  ProcessingInputs: [{ InputName: 'code', S3Input: { S3Uri: 's3://b/code' } }],
  FinalMetricDataList: [{ MetricName: 'validation:auc', Value: 0.9 }],
  ProcessingOutputConfig: {
    Outputs: [
      { OutputName: 'train', S3Output: { S3Uri: 's3://b/train' } },
      { OutputName: 'report', S3Output: { S3Uri: 's3://b/report/' } },
    ],
  },
};

function scope(files: Record<string, FileReading> = {}): Scope {
  return {
    parameters: new Map<string, string | number | boolean>([
      ['Text', 'abc'],
      ['Count', 5],
      ['Rate', 1],
      ['Flag', true],
    ]),
    declared,
    execution: { PipelineExecutionId: 'abc123' },
    step: (name) => (name === 'P' ? document : undefined),
    propertyFile: (step, name) =>
      step === 'P' && name === 'F' ? { PropertyFileName: 'F', OutputName: 'report', FilePath: 'dir/e.json' } : undefined,
    file: (uri) => files[uri],
  };
}

const get = (text: string) => ({ Get: text });
const join = (on: string, ...values: Json[]): Json => ({ 'Std:Join': { On: on, Values: values } });
const jsonGet = (path: string): Json => ({
  'Std:JsonGet': { PropertyFile: get('Steps.P.PropertyFiles.F'), Path: path },
});

test('values keep their declared type, and nulls are dropped', () => {
  const resolved = resolve(
    {
      a: get('Parameters.Count'),
      b: [get('Parameters.Flag'), 'x'],
      c: null,
      d: { e: get('Parameters.Text'), f: null },
    },
    scope(),
  );
  assert.deepEqual(resolved.value, { a: 5, b: [true, 'x'], d: { e: 'abc' } });
});

test('a join writes integers without a fraction, floats with one, and booleans in lower case', () => {
  const value = join(
    '/',
    's3:/',
    get('Parameters.Count'),
    get('Parameters.Rate'),
    get('Parameters.Flag'),
    join('', 7, 0.25),
    get('Execution.PipelineExecutionId'),
  );
  assert.deepEqual(resolve(value, scope()), { value: 's3://5/1.0/true/70.25/abc123' });
});

test('lists of a document are indexed by position and by name', () => {
  const at = (path: string) => resolve(get(`Steps.P.${path}`), scope());
  assert.deepEqual(at("ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"), { value: 's3://b/train' });
  assert.deepEqual(at("FinalMetricDataList['validation:auc'].Value"), { value: 0.9 });
  assert.deepEqual(at('ProcessingOutputConfig.Outputs[1].S3Output.S3Uri'), { value: 's3://b/report/' });
  assert.deepEqual(at("ProcessingInputs['code'].S3Input.S3Uri"), { value: 's3://b/code' });
  assert.match(
    at("ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri").problem!,
    /no element is named 'x' at 'ProcessingOutputConfig\.Outputs'/,
  );
  assert.match(at('ProcessingOutputConfig.Outputs[2].S3Output').problem!, /there are only 2 elements/);
  assert.match(at('ExitMessage').problem!, /there is no 'ExitMessage' \(there are: ProcessingJobName/);
  assert.match(resolve(get('Steps.Q.X'), scope()).problem!, /The step 'Q' has not succeeded/);
});

test('a property file is asked for, then read', () => {
  assert.deepEqual(resolve([jsonGet('a.b'), jsonGet('c')], scope()), { files: ['s3://b/report/dir/e.json'] });
  const files = { 's3://b/report/dir/e.json': parseFile('x', '{"metrics":{"acc uracy":[0.5,{"v":0.93}]}}') };
  assert.deepEqual(resolve(jsonGet("metrics['acc uracy'][1].v"), scope(files)), { value: 0.93 });
  assert.match(
    resolve(jsonGet('metrics.f1'), scope(files)).problem!,
    /s3:\/\/b\/report\/dir\/e\.json has nothing at the path 'metrics\.f1': there is no 'f1' \(there are: acc uracy\) at 'metrics'/,
  );
  const bad = { 's3://b/report/dir/e.json': parseFile('s3://b/report/dir/e.json', '{"metrics":') };
  assert.match(resolve(jsonGet('metrics'), scope(bad)).problem!, /e\.json is not valid JSON/);
});

test('a faulty value gives every fault, not only the first', () => {
  const resolved = resolve({ a: get('Execution.TrainingJobName'), b: get('Steps.Q.X') }, scope());
  assert.match(resolved.problem!, /TrainingJobName.*'Q'/);
});

test('comparisons', () => {
  const cases: [Condition, boolean | RegExp][] = [
    [{ Type: 'Equals', LeftValue: get('Parameters.Count'), RightValue: 5 }, true],
    [{ Type: 'Equals', LeftValue: 'a', RightValue: 'b' }, false],
    [{ Type: 'Equals', LeftValue: get('Parameters.Flag'), RightValue: true }, true],
    [{ Type: 'GreaterThan', LeftValue: 5, RightValue: 5 }, false],
    [{ Type: 'GreaterThanOrEqualTo', LeftValue: 5, RightValue: get('Parameters.Rate') }, true],
    [{ Type: 'LessThan', LeftValue: 'a', RightValue: 'b' }, true],
    [{ Type: 'LessThanOrEqualTo', LeftValue: 1.5, RightValue: 1 }, false],
    [{ Type: 'In', QueryValue: get('Parameters.Text'), Values: ['x', 'abc'] }, true],
    [{ Type: 'In', QueryValue: '5', Values: [5] }, false],
    [{ Type: 'Not', Condition: { Type: 'Equals', LeftValue: 1, RightValue: 1 } }, false],
    [
      {
        Type: 'Or',
        Conditions: [
          { Type: 'Equals', LeftValue: 1, RightValue: 2 },
          { Type: 'Equals', LeftValue: 1, RightValue: 1 },
        ],
      },
      true,
    ],
    [{ Type: 'GreaterThan', LeftValue: '5', RightValue: 4 }, /cannot compare "5" \(a string\) and 4 \(an integer\)/],
    [{ Type: 'LessThan', LeftValue: true, RightValue: false }, /cannot compare/],
  ];
  for (const [condition, expected] of cases) {
    const outcome = resolveConditions([condition], scope());
    if (expected instanceof RegExp) assert.match(outcome.problem!, expected);
    else assert.deepEqual(outcome, { value: expected }, JSON.stringify(condition));
  }
  const yes: Condition = { Type: 'Equals', LeftValue: 1, RightValue: 1 };
  const no: Condition = { Type: 'Equals', LeftValue: 1, RightValue: 2 };
  assert.deepEqual(resolveConditions([yes, no], scope()), { value: false });
  const report: Condition = { Type: 'GreaterThan', LeftValue: jsonGet('a'), RightValue: 0.8 };
  assert.deepEqual(resolveConditions([no, { Type: 'Not', Condition: report }], scope()), {
    files: ['s3://b/report/dir/e.json'],
  });
});

test('the text of a parameter is coerced by its declared type', () => {
  assert.equal(coerceParameter('1', 'Integer'), 1);
  assert.equal(coerceParameter('-3', 'Integer'), -3);
  for (const text of ['1.0', '', 'x', '1e3', '99999999999999999', ' 1'])
    assert.equal(coerceParameter(text, 'Integer'), undefined, text);
  assert.equal(coerceParameter('0.5', 'Float'), 0.5);
  assert.equal(coerceParameter('1', 'Float'), 1);
  assert.equal(coerceParameter('1e-05', 'Float'), 1e-5);
  for (const text of ['nan', 'Infinity', '1e9999', '.', '0x10', ''])
    assert.equal(coerceParameter(text, 'Float'), undefined, text);
  assert.equal(coerceParameter('True', 'Boolean'), true);
  assert.equal(coerceParameter('false', 'Boolean'), false);
  assert.equal(coerceParameter('1', 'Boolean'), undefined);
  assert.equal(coerceParameter('', 'String'), '');
});

test('start parameters: defaults, unknown, repeated, missing, mistyped and outside the enumeration', () => {
  assert.deepEqual(
    [
      ...resolveParameters(declared, [
        { Name: 'Text', Value: 'x' },
        { Name: 'Flag', Value: 'False' },
      ]).values!,
    ].sort(),
    [
      ['Count', 5],
      ['Flag', false],
      ['Rate', 1],
      ['Text', 'x'],
    ],
  );
  const messages = (given: { Name: string; Value: string }[]) =>
    (resolveParameters(declared, given).problems ?? []).map((one) => one.message);
  assert.deepEqual(messages([]), ["The parameter 'Text' of type String has no default value. Give it a value."]);
  assert.deepEqual(
    messages([
      { Name: 'Text', Value: 'x' },
      { Name: 'Coun', Value: '1' },
    ]),
    ["Unknown parameter 'Coun'. Did you mean 'Count'?"],
  );
  assert.deepEqual(
    messages([
      { Name: 'Text', Value: 'x' },
      { Name: 'Count', Value: 'many' },
    ]),
    ['The value "many" of parameter \'Count\' is not of type Integer.'],
  );
  assert.match(
    messages([
      { Name: 'Text', Value: 'x' },
      { Name: 'Text', Value: 'y' },
    ])[0]!,
    /given twice/,
  );
  const listed = new Map([['E', { Name: 'E', Type: 'String' as const, EnumValues: ['a'] }]]);
  assert.match(
    resolveParameters(listed, [{ Name: 'E', Value: 'b' }]).problems![0]!.message,
    /"b" of parameter 'E' is not one of \["a"\]/,
  );
});

test('paths survive being written and read again', () => {
  let seed = 7;
  const random = (limit: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  for (let round = 0; round < 500; round++) {
    const path = Array.from({ length: 1 + random(6) }, (_, depth) => {
      const kind = depth === 0 ? 0 : random(3);
      if (kind === 0) return { member: `M${random(100)}` };
      return kind === 1 ? { index: random(1000) } : { key: `k.${random(9)}[${random(9)}` };
    });
    assert.deepEqual(parsePath(formatPath(path)).value, path);
  }
  assert.deepEqual(parsePath('$.a[0]').value, [{ member: 'a' }, { index: 0 }]);
  for (const bad of ['', '$', '.', 'a.', 'a[', "a['x", 'a[]', 'a[1.5]', 'a]b.'])
    if (bad !== 'a]b.') assert.ok(parsePath(bad).problem, bad);
});

test('durations', () => {
  assert.equal(parseDuration('P30D'), 30 * 86_400_000);
  assert.equal(parseDuration('PT1H30M'), 5_400_000);
  assert.equal(parseDuration('T16m'), 960_000);
  assert.equal(parseDuration('30d'), 30 * 86_400_000);
  assert.equal(parseDuration('P1Y2M3W4DT5H6M7.5S'), (365 + 60 + 21 + 4) * 86_400_000 + 5 * 3_600_000 + 6 * 60_000 + 7500);
});

test('a long value named thousands of times is a problem, not a text of gigabytes', () => {
  const long: Scope = {
    ...scope(),
    parameters: new Map([['Text', 'x'.repeat(400_000)]]),
    step: () => ({ Long: 'x'.repeat(400_000) }),
  };
  for (const expression of [get('Parameters.Text'), get('Steps.P.Long'), { Get: 'Steps.P.Long' }]) {
    const many = Array.from({ length: 1_000 }, () => expression);
    for (const value of [many, join('', ...many), many.map((one) => join('', one, one))])
      assert.match(resolve(value as Json, long).problem ?? '', /^The expressions give more than 16000000 characters together\.$/);
  }
  const separated = join('-'.repeat(100_000), ...Array.from({ length: 1_000 }, () => 'x'));
  assert.match(resolve(separated as Json, long).problem ?? '', /more than 16000000/);
  assert.equal(
    String(resolve(join('', ...Array.from({ length: 10 }, () => get('Parameters.Text'))) as Json, long).value).length,
    4_000_000,
  );
});
