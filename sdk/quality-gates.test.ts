import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConditionStep } from './control-steps.ts';
import { parseDefinition } from './definition/index.ts';
import { xgboostImage } from './images.ts';
import { Pipeline } from './pipeline.ts';
import { ProcessingStep } from './processing-step.ts';
import { type MetricRule, ProductionComparison, registerByRule } from './quality-gates.ts';

const TARGET = { region: 'us-east-1', bucket: 'bucket', role: 'arn:aws:iam::123456789012:role/R' };
const work = { image: xgboostImage('1.7-1'), instanceType: 'ml.m5.large' };

const evaluate = new ProcessingStep('Evaluate', {
  ...work,
  code: 'evaluate.py',
  outputs: { evaluation: '/opt/ml/processing/evaluation' },
  propertyFiles: { Report: { outputName: 'evaluation', path: 'evaluation.json' } },
});

function compile(rule: MetricRule) {
  const compare = new ProductionComparison('Compare', {
    ...work,
    endpoint: 'production',
    candidate: evaluate.outputs.evaluation,
    test: 's3://bucket/test/',
    metric: 'metrics.rmse.value',
    direction: 'minimize',
    minimumImprovement: 0.1,
  });
  const register = registerByRule('Register', {
    rule,
    report: { step: evaluate, propertyFile: 'Report' },
    image: work.image,
    modelData: 's3://bucket/model.tar.gz',
    modelPackageGroupName: 'models',
    contentTypes: ['text/csv'],
    responseTypes: ['text/csv'],
  });
  const gate = new ConditionStep('Gate', { conditions: [compare.deploys], ifSteps: register });
  return new Pipeline('gates', { steps: [evaluate, compare, gate] }).compile(TARGET);
}

const RULE = { metric: 'metrics.rmse.value', operator: 'LessThan', threshold: 2 };

test('a comparison asks for the metric, its direction and the least improvement, and decides by its verdict', () => {
  const { definition, assets } = compile(RULE);
  const text = JSON.stringify(definition.Steps);
  assert.match(text, /"--metric","metrics.rmse.value","--direction","minimize","--minimum-improvement","0.1"/);
  assert.match(text, /"Type":"In","QueryValue":\{"Std:JsonGet":.*"Path":"verdict"\}\},"Values":\["first","better"\]/);
  assert.deepEqual(assets.map(({ path }) => path).sort(), ['compare_with_production.py', 'evaluate.py']);
  assert.deepEqual(parseDefinition(JSON.stringify(definition)).problems ?? [], []);
});

test('a rule registers as Approved where it holds, as pending elsewhere', () => {
  const gate = compile(RULE).definition.Steps.find(({ Name }) => Name === 'Gate');
  const text = JSON.stringify(gate);
  assert.match(text, /"Name":"RegisterByRule"/);
  assert.match(text, /"Type":"LessThan".*"IfSteps":\[\{"Name":"RegisterApproved".*"ElseSteps":\[\{"Name":"Register"/);
  assert.equal(text.match(/"ModelApprovalStatus":"Approved"/g)?.length, 1);
});

test('a rule that is off, or asks what nobody knows, approves nothing', () => {
  for (const rule of [
    { ...RULE, enabled: false },
    { ...RULE, operator: 'Around' },
  ]) {
    const text = JSON.stringify(compile(rule).definition);
    assert.equal(text.includes('"ModelApprovalStatus":"Approved"'), false);
    assert.equal(text.includes('"ModelApprovalStatus":"PendingManualApproval"'), true);
  }
});
