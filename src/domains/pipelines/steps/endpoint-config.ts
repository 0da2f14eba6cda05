import { ServiceError } from '../../../platform/errors/families.ts';
import { isJsonObject } from '../../../../sdk/definition/index.ts';
import type { Observation } from '../decide-execution.ts';
import type { StepKind, Work } from './step-kind.ts';
import { call, createOrFind, resolveArguments, stopMade, tagsOf, textOf, unlessAbsent } from './work.ts';

/**
 * CreateEndpointConfig takes no time: the step ends with the call. The name is the one the definition gives, which others may have taken, so
 * what is there counts as ours only by its tags; without a name it gets one of the step's own.
 */
export const endpointConfigStep: StepKind = {
  calls: ['sagemaker:CreateEndpointConfig', 'sagemaker:DescribeEndpointConfig', 'sagemaker:ListTags'],
  async start(work) {
    const input = await resolveArguments(work, undefined);
    const EndpointConfigName = nameIn(work, textOf(input, 'EndpointConfigName'));
    const request = { ...input, EndpointConfigName, Tags: tagsOf(work, input) };
    await createOrFind(work, 'sagemaker:CreateEndpointConfig', request);
    const made = await findMade(work, EndpointConfigName);
    if (made) return made;
    const remedy = 'Delete it, or give a name that is new in every execution, for instance with Execution.PipelineExecutionId';
    throw new ServiceError(
      'ValidationException',
      `Cannot create already existing endpoint configuration "${EndpointConfigName}". ${remedy}.`,
    );
  },
  async stop(work) {
    const input = await resolveArguments(work, undefined);
    return stopMade(work, findMade(work, nameIn(work, textOf(input, 'EndpointConfigName'))));
  },
};

const nameIn = (work: Work, given: string | undefined): string => given ?? work.document.jobName ?? '';

/** The config of this name, if this step of this execution made it. */
async function findMade(work: Work, EndpointConfigName: string): Promise<Observation | undefined> {
  const document = await unlessAbsent(call(work, 'sagemaker:DescribeEndpointConfig', { EndpointConfigName }));
  const Arn = textOf(document, 'EndpointConfigArn');
  if (!document || Arn === undefined) return undefined;
  const { Tags } = await call(work, 'sagemaker:ListTags', { ResourceArn: Arn });
  const own = tagsOf(work, {}) as { Key: string; Value: string }[];
  const has = ({ Key, Value }: { Key: string; Value: string }) =>
    Array.isArray(Tags) && Tags.some((tag) => isJsonObject(tag) && tag['Key'] === Key && tag['Value'] === Value);
  if (!own.every(has)) return undefined;
  return { kind: 'succeeded', step: work.index, document, metadata: { EndpointConfig: { Arn } } };
}
