import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Project } from './environments.ts';
import { chainOf, planDelivery } from './plan-delivery.ts';

const endpoint = (name: string) => ({ endpoint: name, instanceType: 'ml.m5.large', instanceCount: 1 });
const smokeTest = { contentType: 'text/csv', body: 'row.csv', expect: [{ path: '0', operator: 'LessThan' as const, value: 1 }] };
const PROJECT: Project = {
  project: 'Tumour',
  modelPackageGroup: 'Tumour',
  folder: '/nowhere',
  environments: {
    production: { ...endpoint('live'), policy: { after: 'staging', confirm: true } },
    dev: endpoint('dev'),
    staging: { ...endpoint('staging'), smokeTest },
  },
  retrain: { attempts: 2 },
};
const PLACE = { account: '123456789012', region: 'us-east-1', url: 'http://localhost:7600', approvesByRule: false };

test('the release goes through the environments in their order, tests where there is a test, and asks where it must', () => {
  assert.deepEqual(
    chainOf(PROJECT).map(([name]) => name),
    ['staging', 'production'],
  );
  const [model, release] = planDelivery(PROJECT, PLACE).pipelines;
  const actionsOf = (stage: { actions: { name: string }[] } | undefined) => stage?.actions.map(({ name }) => name);
  assert.deepEqual(
    model?.stages?.map(({ name }) => name),
    ['Source', 'Build', 'Train'],
  );
  assert.deepEqual(actionsOf(release?.stages?.[1]), ['Deploy', 'SmokeTest']);
  assert.deepEqual(actionsOf(release?.stages?.[2]), ['Confirm', 'Deploy']);
});

test('nothing of the delivery may approve, unless the rule is on; and builds never may', () => {
  const rolesOf = (approvesByRule: boolean) =>
    planDelivery(PROJECT, { ...PLACE, approvesByRule }).roles.map((role) => JSON.stringify(role));
  const approving = (roles: string[]) =>
    roles.map((role) => role.includes('UpdateModelPackage') || role.includes('"sagemaker:*"'));
  assert.deepEqual(approving(rolesOf(false)), [false, false]);
  assert.deepEqual(approving(rolesOf(true)), [false, true]);
});

test('as many rules as retrainings: each hears of the attempt before, and starts the next', () => {
  const rules = planDelivery(PROJECT, PLACE).rules.filter(({ name }) => name.includes('-retrain-'));
  assert.deepEqual(
    rules.map(({ target }) => target.SageMakerPipelineParameters?.PipelineParameterList),
    [[{ Name: 'RetrainAttempt', Value: '1' }], [{ Name: 'RetrainAttempt', Value: '2' }]],
  );
  assert.match(
    JSON.stringify(rules[1]?.pattern),
    /"RetrainAttempt":\["1"\].*"prefix":"RetrainAttempt 1 ".*"retrainAttempt":\["1"\]/,
  );
});

test('where no environment follows another there is no release: versions are moved by hand', () => {
  const environments = { production: endpoint('live'), dev: endpoint('dev') };
  const { pipelines, rules, roles } = planDelivery({ ...PROJECT, environments }, PLACE);
  assert.deepEqual(
    pipelines.map(({ name }) => name),
    ['Tumour'],
  );
  assert.deepEqual(
    rules.map(({ name }) => name).filter((name) => !name.includes('retrain')),
    ['Tumour-push', 'Tumour-review'],
  );
  assert.equal(roles.length, 2);
});
