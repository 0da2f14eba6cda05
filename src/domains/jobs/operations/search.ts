import type { TrainingJob } from '../../../contract/generated/sagemaker.ts';
import { operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { keyOf } from '../../../platform/resources/declaration.ts';
import type { Store } from '../../../platform/store/port.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { matchesFilters, planSearch } from '../decide-search.ts';
import { describeTrainingJob } from '../describe-jobs.ts';
import { TRAINING_JOB, type TrainingJobDocument } from '../resources.ts';

/** Search, as far as registering a model asks it: which training job made this artefact. */
export const search = (store: Store) =>
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
      if (plan.jobName === undefined) return { Results: [] };
      const row = await readRow<TrainingJobDocument>(store, keyOf(TRAINING_JOB, context, plan.jobName));
      const job = row && describeTrainingJob(row.document);
      if (!job || !matchesFilters(job, plan.filters)) return { Results: [] };
      return { Results: [{ TrainingJob: job as TrainingJob }] };
    },
  });
