import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ActionDeclaration, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import { isRejection } from '../../platform/errors/rejection.ts';
import { approval, build, deploy, pipelineOf, source } from './delivery-rig.ts';
import { isPushMeant, matchesGlob } from './decide-sources.ts';
import { checkStructure, parseEnvironment } from './decide-structure.ts';
import { resolveConfiguration } from './decide-variables.ts';
import { checkWebhook, isInRange, parsePath, passesFilters } from './decide-webhook.ts';

const ask: readonly [string, ActionDeclaration[]] = ['Ask', [approval()]];
const V2 = { pipelineType: 'V2' } as const;

const FAULTS: readonly (readonly [what: string, code: string, text: RegExp, PipelineDeclaration])[] = [
  ['one stage', 'InvalidStructureException', /only 1 stage/, pipelineOf([])],
  [
    'no source',
    'InvalidStructureException',
    /only contains source actions \(stages\[0\]\)/,
    pipelineOf([], {
      stages: [
        { name: 'A', actions: [approval()] },
        { name: 'B', actions: [approval()] },
      ],
    }),
  ],
  [
    'a source later',
    'InvalidStructureException',
    /stages\[1\]\.actions\[0\]/,
    pipelineOf([['Late', [source({ name: 'Again', outputArtifacts: [{ name: 'O' }], namespace: 'Other' })]]]),
  ],
  ['a stage twice', 'InvalidStructureException', /Ask is declared twice/, pipelineOf([ask, ask])],
  [
    'an action twice',
    'InvalidStageDeclarationException',
    /Approve is there twice/,
    pipelineOf([['Ask', [approval(), approval()]]]),
  ],
  [
    'an artifact nobody makes',
    'InvalidStructureException',
    /Input artifact Nothing of action B/,
    pipelineOf([['Build', [build('B', { inputArtifacts: [{ name: 'Nothing' }] })]]]),
  ],
  [
    'an artifact made beside it',
    'InvalidStructureException',
    /AOut of action B/,
    pipelineOf([['Build', [build('A'), build('B', { inputArtifacts: [{ name: 'AOut' }] })]]]),
  ],
  [
    'an artifact made twice',
    'InvalidStructureException',
    /must be unique.*Code/,
    pipelineOf([['Build', [build('B', { outputArtifacts: [{ name: 'Code' }] })]]]),
  ],
  [
    'too few inputs',
    'InvalidActionDeclarationException',
    /declares 0 input artifacts which is less than the minimum count \(1\)/,
    pipelineOf([['Build', [build('B', { inputArtifacts: [] })]]]),
  ],
  [
    'a namespace twice',
    'InvalidStructureException',
    /Namespaces must be unique/,
    pipelineOf([['Build', [build('B', { namespace: 'Origin' })]]]),
  ],
  [
    'an unknown provider',
    'InvalidActionDeclarationException',
    /Provider: 'CloudFormation'.*'Up' is not available in region 'US_EAST_1'/,
    pipelineOf([
      [
        'Up',
        [approval({ name: 'Up', actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'CloudFormation', version: '1' } })],
      ],
    ]),
  ],
  [
    'an unknown setting',
    'InvalidActionDeclarationException',
    /unknown configuration 'Nope' \(stages\[1\]\.actions\[0\]\.configuration\)/,
    pipelineOf([['Ask', [approval({ configuration: { Nope: '1' } })]]]),
  ],
  [
    'a lacking setting',
    'InvalidActionDeclarationException',
    /missing required configuration 'ProjectName'/,
    pipelineOf([['Build', [build('B', { configuration: {} })]]]),
  ],
  [
    'a namespace nobody has',
    'InvalidActionDeclarationException',
    /#\{No\.Such\}/,
    pipelineOf([['Ask', [approval({ configuration: { CustomData: '#{No.Such}' } })]]]),
  ],
  [
    'a namespace of the same order',
    'InvalidActionDeclarationException',
    /#\{N\.A\}/,
    pipelineOf([['Build', [build('A', { namespace: 'N' }), approval({ configuration: { CustomData: '#{N.A}' } })]]]),
  ],
  [
    'no reference',
    'InvalidActionDeclarationException',
    /is no variable reference/,
    pipelineOf([['Ask', [approval({ configuration: { CustomData: '#{nothing}' } })]]]),
  ],
  [
    'QUEUED of type V1',
    'InvalidStructureException',
    /only available for pipelines of type V2/,
    pipelineOf([ask], { executionMode: 'QUEUED' }),
  ],
  ['variables of type V1', 'InvalidStructureException', /variables are only/, pipelineOf([ask], { variables: [{ name: 'A' }] })],
  [
    'a variable twice',
    'InvalidStructureException',
    /A is declared twice/,
    pipelineOf([ask], { ...V2, variables: [{ name: 'A' }, { name: 'A' }] }),
  ],
  [
    'another region',
    'InvalidActionDeclarationException',
    /eu-west-1/,
    pipelineOf([['Ask', [approval({ region: 'eu-west-1' })]]]),
  ],
  [
    'a time limit of a build',
    'InvalidActionDeclarationException',
    /only manual approvals/,
    pipelineOf([['Build', [build('B', { timeoutInMinutes: 5 })]]]),
  ],
  [
    'several inputs and no primary',
    'InvalidActionDeclarationException',
    /needs the configuration 'PrimarySource'/,
    pipelineOf([['Build', [build('A'), build('B', { runOrder: 2, inputArtifacts: [{ name: 'Code' }, { name: 'AOut' }] })]]]),
  ],
  [
    'a batch',
    'NotImplementedException',
    /Batch builds/,
    pipelineOf([['Build', [build('B', { configuration: { ProjectName: 'B', BatchEnabled: 'true' } })]]]),
  ],
  [
    'bad variables of a build',
    'InvalidActionDeclarationException',
    /is no JSON/,
    pipelineOf([['Build', [build('B', { configuration: { ProjectName: 'B', EnvironmentVariables: '{' } })]]]),
  ],
  [
    'conditions',
    'NotImplementedException',
    /stages\[1\]\.onSuccess\.conditions/,
    pipelineOf([['Ask', [approval()], { onSuccess: { conditions: [{ result: 'FAIL' }] } }]], V2),
  ],
  [
    'a rollback of the source',
    'InvalidStructureException',
    /source stage cannot be rolled back/,
    pipelineOf([], {
      ...V2,
      stages: [
        { name: 'Source', actions: [source()], onFailure: { result: 'ROLLBACK' } },
        { name: 'Ask', actions: [approval()] },
      ],
    }),
  ],
  [
    'a rollback of type V1',
    'InvalidStructureException',
    /type V1 cannot be rolled back \(stages\[1\]/,
    pipelineOf([['Ask', [approval()], { onFailure: { result: 'ROLLBACK' } }]]),
  ],
  [
    'a rollback in mode PARALLEL',
    'InvalidStructureException',
    /PARALLEL mode cannot be rolled back/,
    pipelineOf([['Ask', [approval()], { onFailure: { result: 'ROLLBACK' } }]], { ...V2, executionMode: 'PARALLEL' }),
  ],
  [
    'a bucket in another region alone',
    'InvalidStructureException',
    /in its own region us-east-1/,
    pipelineOf([ask], { artifactStore: undefined, artifactStores: { 'eu-west-1': { type: 'S3', location: 'b' } } }),
  ],
  ['no bucket', 'InvalidStructureException', /must have an artifactStore/, pipelineOf([ask], { artifactStore: undefined })],
  [
    'a trigger of another source',
    'InvalidStructureException',
    /only CodeStarSourceConnection/,
    pipelineOf([ask], {
      ...V2,
      triggers: [{ providerType: 'CodeStarSourceConnection', gitConfiguration: { sourceActionName: 'Fetch' } }],
    }),
  ],
];

for (const [what, code, text, pipeline] of FAULTS) {
  test(`refused: ${what}`, () => {
    const rejection = checkStructure(pipeline, 'us-east-1');
    assert.ok(isRejection(rejection));
    assert.equal(rejection.code, code, rejection.message);
    assert.match(rejection.message, text);
  });
}

test('accepted: what a user of the CDK has it write', () => {
  const role = (name: string) => `arn:aws:iam::123456789012:role/Stack-${name}`;
  const pipeline: PipelineDeclaration = {
    name: 'SeedPipeline',
    roleArn: role('PipelineRole'),
    pipelineType: 'V2',
    artifactStore: {
      type: 'S3',
      location: 'stack-artifacts',
      encryptionKey: { type: 'KMS', id: 'arn:aws:kms:us-east-1:123456789012:key/1' },
    },
    stages: [
      {
        name: 'Source',
        actions: [
          source({
            namespace: 'Source_Variables',
            roleArn: role('SourceRole'),
            runOrder: 1,
            configuration: { RepositoryName: 'repo', BranchName: 'main', PollForSourceChanges: 'false' },
          }),
        ],
      },
      { name: 'Build', actions: [build('Train', { roleArn: role('BuildRole'), runOrder: 1, region: 'us-east-1' })] },
      {
        name: 'Deploy',
        actions: [
          approval({ runOrder: 1, roleArn: role('ApprovalRole'), timeoutInMinutes: 60 }),
          deploy({
            runOrder: 2,
            inputArtifacts: [{ name: 'TrainOut' }],
            configuration: { EndpointName: 'e', ModelPackageArn: 'TrainOut::arn.txt', ExecutionRoleArn: role('ModelRole') },
          }),
        ],
      },
    ],
  };
  assert.equal(checkStructure(pipeline, 'us-east-1'), undefined);
});

test('variables: every reference is replaced, and one without a value is named', () => {
  const namespaces = new Map([['N', { A: '1', 'b-c': '$&' }]]);
  assert.deepEqual(resolveConfiguration({ x: '#{N.A}-#{N.b-c}', y: 'plain' }, namespaces), {
    resolved: { x: '1-$&', y: 'plain' },
  });
  assert.deepEqual(resolveConfiguration({ x: '#{N.toString}' }, namespaces), { unresolved: '#{N.toString}' });
  const message = new Map([['N', { M: 'say "hi"\n\nand more\\', J: '[{"name":"A","value":"b"}]' }]]);
  const { resolved } = resolveConfiguration(
    { EnvironmentVariables: '[{"name":"M","value":"#{N.M}"}]', CustomData: '#{N.M}', PipelineParameters: ' #{N.J}' },
    message,
  );
  assert.deepEqual(parseEnvironment(resolved?.['EnvironmentVariables'] ?? ''), [
    { name: 'M', value: 'say "hi"\n\nand more\\', type: 'PLAINTEXT' },
  ]);
  assert.equal(resolved?.['CustomData'], 'say "hi"\n\nand more\\');
  assert.deepEqual(JSON.parse(resolved?.['PipelineParameters'] ?? ''), [{ name: 'A', value: 'b' }]);
  assert.deepEqual(parseEnvironment('[{"name":"A","value":"b"}]'), [{ name: 'A', value: 'b', type: 'PLAINTEXT' }]);
});

test('globs of triggers', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['main', 'main', true],
    ['main', 'mains', false],
    ['feature/*', 'feature/a', true],
    ['feature/*', 'feature/a/b', false],
    ['feature/**', 'feature/a/b', true],
    ['**/src/**', 'src/a.py', true],
    ['**/src/**', 'x/src/a.py', true],
    ['*.{py,ts}', 'a.ts', true],
    ['*.{py,ts}', 'a.js', false],
    ['v?.0', 'v1.0', true],
    ['v?.0', 'v1x0', false],
    ['a+b(c)[d]', 'a+b(c)[d]', true],
    ['{a', 'a', false],
    // in time that grows with the text alone
    ['**/'.repeat(80), `${'a/'.repeat(100)}b`, false],
    ['**a'.repeat(80), 'a'.repeat(250), true],
  ];
  for (const [pattern, name, expected] of cases) assert.equal(matchesGlob(pattern, name), expected, `${pattern} ${name}`);
  const push = [{ branches: { includes: ['main'] }, filePaths: { includes: ['src/**'], excludes: ['**/*.md'] } }];
  assert.equal(isPushMeant(push, 'main', ['src/a.py']), true);
  assert.equal(isPushMeant(push, 'main', ['src/readme.md']), false);
  assert.equal(isPushMeant(push, 'other', ['src/a.py']), false);
});

test('webhooks: paths, filters, and what is wrong with a definition', () => {
  assert.deepEqual(parsePath("$.a[0]['b c'].d"), ['a', 0, 'b c', 'd']);
  assert.equal(parsePath('$..a'), undefined);
  assert.equal(parsePath('$.a[*]'), undefined);
  assert.equal(
    passesFilters({ filters: [{ jsonPath: '$.list.length' }] }, { list: [1] }, {}),
    false,
    'members of the document alone',
  );
  const filters = [{ jsonPath: '$.ref', matchEquals: 'refs/heads/{Branch}' }, { jsonPath: '$.commits[0].id' }];
  const payload = { ref: 'refs/heads/main', commits: [{ id: 1 }] };
  assert.equal(passesFilters({ filters }, payload, { Branch: 'main' }), true);
  assert.equal(passesFilters({ filters }, payload, { Branch: 'other' }), false);
  assert.equal(passesFilters({ filters }, { ...payload, commits: [] }, { Branch: 'main' }), false);
  assert.equal(passesFilters({ filters: [{ jsonPath: '$.__proto__' }] }, payload, {}), false);
  const definition = { name: 'w', targetPipeline: 'P', targetAction: 'A', filters };
  const check = (authentication: 'GITHUB_HMAC' | 'IP' | 'UNAUTHENTICATED', authenticationConfiguration: object) =>
    checkWebhook({ ...definition, authentication, authenticationConfiguration })?.code;
  assert.equal(check('GITHUB_HMAC', { SecretToken: 's' }), undefined);
  assert.equal(check('GITHUB_HMAC', {}), 'InvalidWebhookAuthenticationParametersException');
  assert.equal(check('IP', { AllowedIPRange: '10.0.0.0/8' }), undefined);
  assert.equal(check('IP', { AllowedIPRange: 'everyone' }), 'InvalidWebhookAuthenticationParametersException');
  assert.equal(check('UNAUTHENTICATED', { SecretToken: 's' }), 'InvalidWebhookAuthenticationParametersException');
  assert.equal(isInRange('10.1.2.3', '10.0.0.0/8'), true);
  assert.equal(isInRange('::ffff:10.1.2.3', '10.0.0.0/8'), true);
  assert.equal(isInRange('11.1.2.3', '10.0.0.0/8'), false);
});
