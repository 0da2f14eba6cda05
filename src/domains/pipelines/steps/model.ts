import type { Observation } from '../decide-execution.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, createOrFind, resolveArguments, stopMade, tagsOf, textOf } from './work.ts';

/** CreateModel takes no time: the step ends with the call. */
export const modelStep: StepKind = {
  calls: ['sagemaker:CreateModel', 'sagemaker:DescribeModel'],
  nameMember: 'ModelName',
  async start(work) {
    const input = await resolveArguments(work, 'ModelName');
    const ModelName = work.document.jobName;
    await createOrFind(work, 'sagemaker:CreateModel', { ...input, ModelName, Tags: tagsOf(work, input) });
    return made(work);
  },
  stop: (work) => stopMade(work, made(work)),
};

async function made(work: Work): Promise<Observation> {
  const document = await call(work, 'sagemaker:DescribeModel', { ModelName: work.document.jobName });
  return { kind: 'succeeded', step: work.index, document, metadata: { Model: { Arn: textOf(document, 'ModelArn') ?? '' } } };
}
