import type { DescribeTrainingJobResponse, TrainingJob } from '../../../contract/generated/sagemaker.ts';
import { type Calls, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { matchesFilters, planSearch } from '../decide-search.ts';

/** Search, as far as registering a model asks it: which training job made this artefact. */
export const search = (calls: Calls) =>
  operation('sagemaker:Search', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:Search', resources: ['*'] }],
    async handle(input, context) {
      if (input.Resource !== 'TrainingJob') {
        throw new ServiceError(
          'NotImplementedException',
          `Search for ${input.Resource} is not implemented yet. Use the List operations.`,
        );
      }
      const plan = planSearch(input.SearchExpression);
      if (plan.problem !== undefined) throw new ServiceError('ValidationException', plan.problem);
      const job = plan.jobName === undefined ? undefined : await describeJob(calls, context, plan.jobName);
      if (!job || !matchesFilters(job, plan.filters)) return { Results: [] };
      return { Results: [{ TrainingJob: job as TrainingJob }] };
    },
  });

async function describeJob(
  calls: Calls,
  context: OperationContext,
  name: string,
): Promise<DescribeTrainingJobResponse | undefined> {
  const origin = { region: context.region, requestId: context.requestId };
  try {
    return await calls.call(context.principal, origin, 'sagemaker:DescribeTrainingJob', { TrainingJobName: name });
  } catch (error) {
    // the job is absent, or the name taken from a URI is none: nothing matches
    if (error instanceof ServiceError && ['ValidationException', 'ResourceNotFound'].includes(error.code)) return undefined;
    throw error;
  }
}
