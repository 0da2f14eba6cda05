import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DescribeTrainingJobResponse } from '../../contract/generated/sagemaker.ts';
import { matchesFilters, planSearch } from './decide-search.ts';

const artifact = 's3://bucket/prefix/my-job-1/output/model.tar.gz';

test('the artefact names its training job', () => {
  const plan = planSearch({ Filters: [{ Name: 'ModelArtifacts.S3ModelArtifacts', Operator: 'Equals', Value: artifact }] });
  assert.equal(plan.problem, undefined);
  assert.equal(plan.problem === undefined && plan.jobName, 'my-job-1');
});

test('a job of that name matches only if the artefact is really its own', () => {
  const job = (uri: string) =>
    ({ TrainingJobName: 'my-job-1', ModelArtifacts: { S3ModelArtifacts: uri } }) as DescribeTrainingJobResponse;
  const filters = [{ path: ['ModelArtifacts', 'S3ModelArtifacts'], value: artifact }];
  assert.equal(matchesFilters(job(artifact), filters), true);
  assert.equal(matchesFilters(job('s3://other/my-job-1/output/model.tar.gz'), filters), false);
});

test('searches that would be answered with too little are refused', () => {
  assert.match(planSearch(undefined).problem ?? '', /filter that names/);
  assert.match(
    planSearch({ Filters: [{ Name: 'TrainingJobName', Operator: 'Contains', Value: 'x' }] }).problem ?? '',
    /Contains on TrainingJobName/,
  );
  assert.match(planSearch({ SubExpressions: [{}] }).problem ?? '', /SubExpressions/);
  const plan = planSearch({
    Filters: [{ Name: 'ModelArtifacts.S3ModelArtifacts', Operator: 'Equals', Value: 's3://b/uploaded.tar.gz' }],
  });
  assert.equal(plan.problem === undefined && plan.jobName, undefined);
});
