import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckOptions } from './check.ts';
import { parseDefinition, unsupportedSteps } from './parse.ts';

type Loose = Record<string, unknown>;

function work(name: string, extra: Loose = {}): Loose {
  return { Name: name, Type: 'Training', Arguments: {}, ...extra };
}

function processing(name: string, outputs: string[], extra: Loose = {}): Loose {
  const list = outputs.map((output) => ({ OutputName: output, S3Output: { S3Uri: `s3://b/${output}` } }));
  return { Name: name, Type: 'Processing', Arguments: { ProcessingOutputConfig: { Outputs: list } }, ...extra };
}

function condition(name: string, ifSteps: unknown[], elseSteps: unknown[], extra: Loose = {}): Loose {
  const Conditions = [{ Type: 'Equals', LeftValue: 1, RightValue: 1 }];
  return { Name: name, Type: 'Condition', Arguments: { Conditions, IfSteps: ifSteps, ElseSteps: elseSteps }, ...extra };
}

function definition(steps: unknown[], extra: Loose = {}): Loose {
  return { Version: '2020-12-01', Steps: steps, ...extra };
}

function problems(source: unknown, options?: CheckOptions): string[] {
  return (parseDefinition(source, options).problems ?? []).map(
    ({ path, step, message }) => `${path} | ${step ?? ''} | ${message}`,
  );
}

/** Exactly one problem, at the path, matching the text. */
function refuses(source: unknown, path: string, text: RegExp, options?: CheckOptions): void {
  const found = parseDefinition(source, options).problems ?? [];
  assert.equal(found.length, 1, JSON.stringify(found, null, 1));
  assert.equal(found[0]!.path, path);
  assert.match(found[0]!.message, text);
}

test('a correct definition parses, as text and as JSON, and comes back unchanged', () => {
  const source = definition([work('A'), work('B', { DependsOn: ['A'] })], {
    Metadata: {},
    PipelineExperimentConfig: null,
    MlflowConfig: null,
  });
  assert.equal(parseDefinition(source).definition, source);
  assert.deepEqual(parseDefinition(JSON.stringify(source)).definition, source);
});

test('text that is no JSON, and JSON that is no definition', () => {
  refuses('{"Version":', '', /no valid JSON: .*Correct the text/);
  refuses('[]', '', /must be an object, but is a list/);
  refuses('null', '', /but is nothing/);
  refuses({ Version: '2020-12-01' }, '', /lacks 'Steps'/);
  refuses({ Version: '2019-01-01', Steps: [work('A')] }, 'Version', /"2019-01-01" is not known\. Write "2020-12-01"/);
  refuses(definition([]), 'Steps', /empty/);
});

test('hostile nesting is refused, not followed', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  refuses(
    `{"Version":"2020-12-01","Steps":[{"Name":"A","Type":"Training","Arguments":{"x":${deep}}}]}`,
    '',
    /nested more than 200 levels/,
  );
});

test('unknown keys are refused in the words of AWS, with the nearest known key', () => {
  refuses(definition([work('A')], { Stpes: [] }), 'Stpes', /Cannot parse object, unknown property 'Stpes'/);
  refuses(
    definition([work('A', { DependOn: [] })]),
    'Steps[0].DependOn',
    /unknown property 'DependOn' in a step of type Training.*Did you mean 'DependsOn'/,
  );
  refuses(definition([work('A', { PropertyFiles: [] })]), 'Steps[0].PropertyFiles', /unknown property/);
});

test('all problems of a definition come at once', () => {
  const found = problems(
    definition(
      [
        work('A', { DependsOn: ['Nobody'], CacheConfig: { Enabled: true } }),
        { Name: 'B', Type: 'Trainin', Arguments: {} },
        work('C', {
          Arguments: { x: { Get: 'Parameters.Missing' }, y: [{ Get: 'Steps.A.Foo' }, { Get: 'Execution.Nope' }] },
        }),
      ],
      { Parameters: [{ Name: 'N', Type: 'Integer', DefaultValue: 'x' }] },
    ),
    { propertyExists: () => false },
  );
  assert.equal(found.length, 7, found.join('\n'));
  for (const path of [
    'Parameters[0].DefaultValue',
    'Steps[0].CacheConfig',
    'Steps[0].DependsOn[0]',
    'Steps[1].Type',
    'Steps[2].Arguments.x',
    'Steps[2].Arguments.y[0]',
    'Steps[2].Arguments.y[1]',
  ])
    assert.ok(
      found.some((text) => text.startsWith(`${path} |`)),
      `${path} in\n${found.join('\n')}`,
    );
});

test('parameters: type of default and enumeration, names, limits', () => {
  const withParameter = (parameter: Loose) => definition([work('A')], { Parameters: [parameter] });
  refuses(
    withParameter({ Name: 'N', Type: 'Integer', DefaultValue: 1.5 }),
    'Parameters[0].DefaultValue',
    /1\.5 is not of type Integer/,
  );
  refuses(
    withParameter({ Name: 'N', Type: 'Boolean', DefaultValue: 'True' }),
    'Parameters[0].DefaultValue',
    /Write true or false/,
  );
  refuses(withParameter({ Name: 'N', Type: 'Strin' }), 'Parameters[0].Type', /Did you mean 'String'/);
  refuses(withParameter({ Name: 'a b', Type: 'String' }), 'Parameters[0].Name', /letters, digits/);
  refuses(withParameter({ Type: 'String' }), 'Parameters[0]', /lacks 'Name'/);
  refuses(
    withParameter({ Name: 'N', Type: 'String', DefaultValue: 'c', EnumValues: ['a', 'b'] }),
    'Parameters[0].DefaultValue',
    /not one of EnumValues/,
  );
  refuses(
    withParameter({ Name: 'N', Type: 'Float', EnumValues: [1, 'b'] }),
    'Parameters[0].EnumValues[1]',
    /"b" is not of type Float/,
  );
  refuses(
    definition([work('A')], {
      Parameters: [
        { Name: 'N', Type: 'Float' },
        { Name: 'N', Type: 'Float' },
      ],
    }),
    'Parameters[1]',
    /declared twice/,
  );
  const many = Array.from({ length: 201 }, (_, i) => ({ Name: `P${i}`, Type: 'String' }));
  refuses(definition([work('A')], { Parameters: many }), 'Parameters', /201 parameters; at most 200/);
});

test('step names', () => {
  refuses(definition([work('A'), work('A')]), 'Steps[1]', /'A' is used twice, first at Steps\[0\]/);
  refuses(
    definition([work('A'), condition('C', [work('A')], [])]),
    'Steps[1].Arguments.IfSteps[0]',
    /both in the top list and inside a Condition/,
  );
  refuses(definition([work('a.b')]), 'Steps[0].Name', /"a\.b" must consist of/);
  refuses(definition([work('x'.repeat(65))]), 'Steps[0].Name', /65 characters; at most 64/);
  refuses(definition([work('A', { DisplayName: 'x'.repeat(257) })]), 'Steps[0].DisplayName', /at most 256/);
  refuses(definition([work('A', { Description: 'x'.repeat(3073) })]), 'Steps[0].Description', /at most 3072/);
});

test('cycles are named, also those through a Condition', () => {
  refuses(definition([work('A', { DependsOn: ['B'] }), work('B', { DependsOn: ['A'] })]), 'Steps[0]', /cycle: A -> B -> A/);
  refuses(definition([work('A', { DependsOn: ['A'] })]), 'Steps[0].DependsOn[0]', /depends on itself/);
  const byProperty = work('A', { Arguments: { x: { Get: 'Steps.B.TrainingJobName' } } });
  refuses(definition([byProperty, work('B', { DependsOn: ['A'] })]), 'Steps[0]', /cycle: A -> B -> A/);
  refuses(definition([condition('C', [work('A', { DependsOn: ['C'] })], [])]), 'Steps[0]', /cycle: C -> A -> C/);
  refuses(definition([condition('C', [work('A')], [], { DependsOn: ['A'] })]), 'Steps[0]', /cycle: C -> A -> C/);
  const across = [condition('C', [work('A', { DependsOn: ['D'] })], []), work('D', { DependsOn: ['C'] })];
  refuses(definition(across), 'Steps[0]', /cycle: C -> D -> A -> C/);
});

test('references to what is not there', () => {
  const reading = (value: unknown) => definition([processing('P', ['train']), work('A', { Arguments: { x: value } })]);
  const at = 'Steps[1].Arguments.x';
  refuses(reading({ Get: 'Steps.Q.ProcessingJobName' }), at, /no step 'Q'\. Did you mean 'P'/);
  refuses(
    reading({ Get: "Steps.P.ProcessingOutputConfig.Outputs['trian'].S3Output.S3Uri" }),
    at,
    /no output named 'trian'\. Did you mean 'train'/,
  );
  refuses(reading({ Get: 'Steps.P' }), at, /none of its properties/);
  refuses(reading({ Get: 'Steps.P.a[x]' }), at, /\[index\] or \['key'\] is expected/);
  refuses(reading({ Get: 'Nonsense' }), at, /no known kind/);
  refuses(reading({ Get: 'Steps.A.TrainingJobName' }), at, /its own property/);
  refuses(reading({ 'Std:Jion': {} }), at, /no function 'Std:Jion'\. Did you mean 'Std:Join'/);
  refuses(
    reading({ 'Std:Join': { On: '/', Values: ['a', { 'Std:Join': { On: 1, Values: [] } }] } }),
    `${at}['Std:Join'].Values[1]['Std:Join'].On`,
    /On must be a string/,
  );
  refuses(reading({ 'Std:Join': { Values: [null] } }), `${at}['Std:Join'].Values[0]`, /expected here, but it is nothing/);
  assert.deepEqual(problems(reading({ Get: "Steps.P.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri" })), []);
  assert.deepEqual(problems(reading({ Get: 'not a reference', Other: 'x' })), [], 'a map that has Get among other keys is a map');
});

test('property paths are checked by the given function', () => {
  const options: CheckOptions = {
    propertyExists: (type, path) => type === 'Training' && 'member' in path[0]! && path[0].member === 'TrainingJobName',
  };
  const reading = (text: string) => definition([work('A'), work('B', { Arguments: { x: { Get: text } } })]);
  assert.deepEqual(problems(reading('Steps.A.TrainingJobName'), options), []);
  refuses(
    reading('Steps.A.TrainingJobNam'),
    'Steps[1].Arguments.x',
    /A Training step has no property 'TrainingJobNam' \(of step 'A'\)/,
    options,
  );
});

test('property files', () => {
  const file = { PropertyFileName: 'F', OutputName: 'report', FilePath: 'r.json' };
  const get = (name: string) => ({ 'Std:JsonGet': { PropertyFile: { Get: name }, Path: 'a.b' } });
  const program = (files: unknown[], name = 'Steps.P.PropertyFiles.F') =>
    definition([processing('P', ['report'], { PropertyFiles: files }), work('T'), work('A', { Arguments: { x: get(name) } })]);
  assert.deepEqual(problems(program([file])), []);
  const where = "Steps[2].Arguments.x['Std:JsonGet'].PropertyFile";
  refuses(program([file], 'Steps.P.PropertyFiles.G'), where, /declares no property file 'G'\. Did you mean 'F'/);
  refuses(program([]), where, /declares none/);
  assert.match(problems(program([{ ...file, PropertyFileName: 5 }])).join('\n'), /declares no property file 'F'/);
  refuses(program([file], 'Steps.T.PropertyFiles.F'), where, /'T' is a Training step; only a Processing step/);
  refuses(program([file], 'Steps.P.Foo'), where, /is no property file/);
  refuses(program([file, file]), 'Steps[0].PropertyFiles[1]', /declared twice/);
  refuses(
    program([{ ...file, OutputName: 'repot' }]),
    'Steps[0].PropertyFiles[0].OutputName',
    /'repot', which the step does not have\. Did you mean 'report'/,
  );
});

test('a JsonGet takes exactly one source and a path', () => {
  const reading = (get: unknown) => definition([work('A', { Arguments: { x: { 'Std:JsonGet': get } } })]);
  const at = "Steps[0].Arguments.x['Std:JsonGet']";
  refuses(reading({ Path: 'a' }), at, /exactly one of PropertyFile and S3Uri/);
  refuses(reading({ S3Uri: 's3://b/k' }), at, /lacks 'Path'/);
  refuses(reading({ S3Uri: 's3://b/k', Path: 'a..b' }), `${at}.Path`, /a name is missing after the dot/);
  assert.deepEqual(problems(reading({ S3Uri: { 'Std:Join': { On: '/', Values: ['s3:/', 'b'] } }, Path: 'a' })), []);
});

test('cache and retry policies', () => {
  const cached = (config: unknown) => definition([work('A', { CacheConfig: config })]);
  for (const expiry of ['P30D', 'PT1H', '30d', 'T16m', 'p4DT12h'])
    assert.deepEqual(problems(cached({ Enabled: true, ExpireAfter: expiry })), []);
  refuses(cached({ Enabled: true }), 'Steps[0].CacheConfig', /enabled without 'ExpireAfter'/);
  for (const expiry of ['tomorrow', 'P', 'PT', 'P1DT', 30, 'P0D'])
    refuses(cached({ Enabled: true, ExpireAfter: expiry }), 'Steps[0].CacheConfig.ExpireAfter', /is no duration/);
  assert.deepEqual(problems(cached({ Enabled: false, ExpireAfter: 'nonsense' })), [], 'ignored when disabled');
  const retried = (policy: Loose) =>
    definition([work('A', { RetryPolicies: [{ ExceptionType: ['Step.THROTTLING'], ...policy }] })]);
  const at = 'Steps[0].RetryPolicies[0]';
  assert.deepEqual(problems(retried({ MaxAttempts: 0, IntervalSeconds: 43_200, BackoffRate: 1.5 })), []);
  refuses(retried({ MaxAttempts: 3, ExpireAfterMin: 3 }), at, /MaxAttempts or ExpireAfterMin, not both/);
  refuses(retried({ MaxAttempts: 21 }), `${at}.MaxAttempts`, /from 0 to 20, but is 21/);
  refuses(retried({ IntervalSeconds: 43_201 }), `${at}.IntervalSeconds`, /from 0 to 43200/);
  refuses(retried({ ExpireAfterMin: 14_401 }), `${at}.ExpireAfterMin`, /from 0 to 14400/);
  refuses(retried({ ExceptionType: ['Step.THROTTLE'] }), `${at}.ExceptionType[0]`, /Did you mean 'Step.THROTTLING'/);
});

test('conditions', () => {
  const asking = (one: unknown) =>
    definition([{ Name: 'C', Type: 'Condition', Arguments: { Conditions: [one], IfSteps: [work('A')], ElseSteps: [] } }]);
  const at = 'Steps[0].Arguments.Conditions[0]';
  const equals = { Type: 'Equals', LeftValue: 1, RightValue: 2 };
  assert.deepEqual(
    problems(
      asking({
        Type: 'Or',
        Conditions: [
          { Type: 'Not', Condition: equals },
          { Type: 'In', QueryValue: 1, Values: [1] },
        ],
      }),
    ),
    [],
  );
  refuses(asking({ Type: 'Not', Condition: equals, Expression: {} }), `${at}.Expression`, /unknown property 'Expression'/);
  refuses(asking({ Type: 'Equal', LeftValue: 1, RightValue: 2 }), `${at}.Type`, /Did you mean 'Equals'/);
  refuses(asking({ Type: 'Equals', LeftValue: 1 }), at, /lacks 'RightValue'/);
  refuses(asking({ Type: 'Equals', LeftValue: [1], RightValue: 2 }), `${at}.LeftValue`, /must be one value/);
  refuses(asking({ Type: 'In', QueryValue: 1, Values: [] }), `${at}.Values`, /can never hold/);
  refuses(
    asking({ Type: 'Or', Conditions: [{ Type: 'Equals', LeftValue: { Get: 'Parameters.X' }, RightValue: 1 }] }),
    `${at}.Conditions[0].LeftValue`,
    /no parameter 'X'/,
  );
  const empty = { Name: 'C', Type: 'Condition', Arguments: { Conditions: [], IfSteps: [] } };
  refuses(definition([empty]), 'Steps[0].Arguments.Conditions', /empty/);
});

test('a Fail step has no dependants', () => {
  const fail = { Name: 'F', Type: 'Fail', Arguments: { ErrorMessage: 'no' } };
  refuses(definition([fail, work('A', { DependsOn: ['F'] })]), 'Steps[1].DependsOn[0]', /'F' is a Fail step/);
  refuses(
    definition([fail, work('A', { Arguments: { x: { Get: 'Steps.F.ErrorMessage' } } })]),
    'Steps[1].Arguments.x',
    /'F' is a Fail step/,
  );
});

test('step types that are known and not executed are named; triggers are read', () => {
  const tuning = { Name: 'Tune', Type: 'Tuning', Arguments: {} };
  const parsed = parseDefinition(definition([tuning, work('A'), work('B', { DependsOn: [{ Step: 'A', Trigger: 'Failed' }] })]));
  assert.ok(parsed.graph, JSON.stringify(parsed.problems));
  assert.deepEqual(
    unsupportedSteps(parsed.graph).map(({ message }) => message.replace(/ \(.*/, '')),
    ['step Tune of type Tuning is not implemented yet'],
  );
  assert.equal(parsed.graph.triggers.get(1)?.get(2), 'Failed');
  refuses(
    definition([work('A'), work('B', { DependsOn: [{ Step: 'A', Trigger: 'Never' }] })]),
    'Steps[1].DependsOn[0].Trigger',
    /no trigger/,
  );
  const both = { DependsOn: ['A', { Step: 'A', Trigger: 'Failed' }] };
  refuses(definition([work('A'), work('B', both)]), 'Steps[1]', /waits for 'A' with triggers that exclude each other/);
});

test('a ForEach step: its arguments, its body, and who sees what of it', () => {
  const item = { Get: 'ForEach.CurrentItem.path' };
  const each = (args: object = {}, body: object[] = [processing('Fit', ['model'], { Arguments: { x: item } })]) => ({
    Name: 'Each',
    Type: 'ForEach',
    Arguments: { IterableItems: ['a', { Get: 'Execution.PipelineName' }], MaxConcurrency: 2, ForEachBody: body, ...args },
  });
  const reads = (path: string) => work('After', { Arguments: { x: { Get: `Steps.Each.${path}` } } });
  const selector = { Selector: { Pick: 'MaxBy', Field: { Get: 'IterationOutput.Fit.Score.Value' } } };
  assert.deepEqual(problems(definition([each(selector), reads('Selected.Model')])), []);
  assert.deepEqual(problems(definition([each(), reads("IterationOutputs[3].Fit['x']"), work('B', { DependsOn: ['Each'] })])), []);
  const at = 'Steps[0].Arguments';
  refuses(definition([each({ MaxConcurrency: 51 })]), `${at}.MaxConcurrency`, /from 1 to 50, but is 51/);
  refuses(definition([each({ IterableItems: [] })]), `${at}.IterableItems`, /has 0 items; 1 to 100/);
  refuses(definition([each({ IterableItems: 'a' })]), `${at}.IterableItems`, /must be a list of items, or a reference/);
  refuses(definition([each({ IterableItems: [['a']] })]), `${at}.IterableItems[0]`, /must be one value or a reference/);
  refuses(definition([each({}, [])]), `${at}.ForEachBody`, /is empty/);
  const nested = { Name: 'N', Type: 'Fail', Arguments: { ErrorMessage: 'no' } };
  refuses(definition([each({}, [nested])]), `${at}.ForEachBody[0].Type`, /of type Fail cannot stand in a ForEachBody/);
  refuses(
    definition([each({ Selector: { ...selector.Selector, Pick: 'Max' } })]),
    `${at}.Selector.Pick`,
    /"Max" is no way to pick. Write MaxBy or MinBy/,
  );
  const other = { Selector: { Pick: 'MaxBy', Field: { Get: 'IterationOutput.Fitt.Score' } } };
  refuses(definition([each(other)]), `${at}.Selector.Field`, /no step of the body of 'Each'.*Did you mean 'Fit'/);
  const after = 'Steps[1].Arguments.x';
  refuses(definition([each(), reads('IterationOutputs[0].Fitt.x')]), after, /one of the steps Fit/);
  refuses(definition([each(), reads('Selected.x')]), after, /has no Selector/);
  refuses(definition([each(), reads('Stauts')]), after, /no property 'Stauts'.*Did you mean 'Status'/);
  const outside = (path: string) => work('After', { Arguments: { x: { Get: path } } });
  refuses(
    definition([each(), outside('Steps.Fit.x')]),
    after,
    /not seen outside of it. Read Steps\.Each\.IterationOutputs\[INDEX\]\.Fit/,
  );
  refuses(definition([each(), work('B', { DependsOn: ['Fit'] })]), 'Steps[1].DependsOn[0]', /depend on 'Each'/);
  refuses(definition([each(), outside('ForEach.CurrentItem')]), after, /only inside a ForEach step/);
  refuses(definition([each(), outside('IterationOutput.Fit.x')]), after, /only in the Selector/);
  refuses(definition([each(), work('Fit-7')]), 'Steps[1]', /'Fit-7' is taken: the children of 'Fit' are called Fit-0/);
  const within = [work('Fit', { Arguments: { x: { Get: 'Steps.Each.Status' } } })];
  refuses(definition([each({}, within)]), `${at}.ForEachBody[0].Arguments.x`, /the body cannot wait for it/);
  const waiting = [work('Fit', { DependsOn: ['After'] })];
  refuses(definition([each({}, waiting), reads('Status')]), 'Steps[0]', /in a cycle: Each -> After -> Each/);
});

test('junk in any place is reported, never thrown', () => {
  const valid = definition(
    [
      processing('P', ['o'], {
        PropertyFiles: [{ PropertyFileName: 'F', OutputName: 'o', FilePath: 'f' }],
        CacheConfig: { Enabled: true, ExpireAfter: 'P1D' },
      }),
      condition('C', [work('A', { DependsOn: ['P'], RetryPolicies: [{ ExceptionType: ['Step.THROTTLING'] }] })], [], {
        Arguments: {
          Conditions: [
            { Type: 'Or', Conditions: [{ Type: 'In', QueryValue: { Get: 'Parameters.N' }, Values: [1] }] },
            { Type: 'Not', Condition: { Type: 'Equals', LeftValue: 1, RightValue: 2 } },
          ],
          IfSteps: [work('A')],
          ElseSteps: [],
        },
      }),
    ],
    {
      Parameters: [{ Name: 'N', Type: 'Integer', DefaultValue: 1, EnumValues: [1] }],
      PipelineExperimentConfig: { ExperimentName: 'a' },
    },
  );
  assert.deepEqual(problems(valid), []);
  const junk: unknown[] = [
    null,
    0,
    'x',
    true,
    [],
    {},
    [null],
    { Get: 'Steps.P.x' },
    { Get: '' },
    [[]],
    { 'Std:Join': null },
    { 'Std:JsonGet': [] },
  ];
  let places = 0;
  const visit = (node: Loose | unknown[]) => {
    for (const key of Object.keys(node)) {
      const holder = node as Loose;
      const original = holder[key];
      for (const value of junk) {
        holder[key] = value;
        parseDefinition(valid);
        places++;
      }
      delete holder[key];
      parseDefinition(valid);
      holder[key] = original;
      if (typeof original === 'object' && original !== null) visit(original as Loose);
    }
  };
  visit(valid);
  assert.ok(places > 500);
  assert.deepEqual(problems(valid), []);
});

test('reading, checking and graph of ten thousand steps cost work in proportion', () => {
  const chain = (count: number) =>
    JSON.stringify(
      definition(
        Array.from({ length: count }, (_, i) =>
          processing(`S${i}`, ['o'], i === 0 ? {} : { DependsOn: [`S${i - 1}`], PropertyFiles: [] }),
        ),
      ),
    );
  const parsed = parseDefinition(chain(10_000));
  assert.equal(parsed.graph?.steps.length, 10_000);
  assert.equal(parsed.graph?.waitsFor.flat().length, 9_999);
});

test('much that is wrong at once costs no more than its reading: no name is compared with every other, no path read twice', () => {
  const lambda = (Name: string, given: Loose) => ({
    Name,
    Type: 'Lambda',
    FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
    Arguments: given,
  });
  const problemsOf = (steps: object[]) =>
    parseDefinition({ Version: '2020-12-01', Metadata: {}, Parameters: [], Steps: steps }).problems ?? [];
  const names = Array.from({ length: 500 }, (_, n) => `S${n}${'x'.repeat(230)}`);
  const unknown = Array.from({ length: 3_000 }, (_, n) => ({ Get: `Steps.S${'y'.repeat(230)}${n}.OutputParameters['x']` }));
  assert.ok(problemsOf([...names.map((name) => lambda(name, {})), lambda('Reader', { all: unknown })]).length >= 1_000);
  const path = `Steps.A.OutputParameters${"['x']".repeat(150_000)}`;
  assert.equal(problemsOf([lambda('A', {}), lambda('B', { a: { Get: path } })]).length, 1);
});

test('a definition of nonsense is given up after a thousand problems, and one of too many values before it is read', () => {
  const nonsense = (Steps: unknown[]) =>
    parseDefinition({ Version: '2020-12-01', Metadata: {}, Parameters: [], Steps }).problems ?? [];
  for (const step of [{}, 1, { Name: 'S', Type: 'Lambda' }])
    assert.equal(nonsense(Array.from({ length: 100_000 }, () => step)).length, 1_000);
  assert.match(
    nonsense([work('A', { DependsOn: Array.from({ length: 100_000 }, () => 1) })]).at(-1)?.message ?? '',
    /must be a step's name/,
  );
  assert.match(nonsense(Array.from({ length: 4_000_001 }, () => 1))[0]?.message ?? '', /more than 4000000 values/);
});
