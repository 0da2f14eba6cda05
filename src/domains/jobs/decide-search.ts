import type { DescribeTrainingJobResponse, SearchRequest } from '../../contract/generated/sagemaker.ts';

export type SearchPlan =
  | { readonly problem: string }
  | { readonly problem?: undefined; readonly jobName: string | undefined; readonly filters: readonly EqualsFilter[] };

export interface EqualsFilter {
  /** Members from the job's description downwards. */
  readonly path: readonly string[];
  readonly value: string;
}

const NAMING = ['TrainingJobName', 'TrainingJobArn', 'ModelArtifacts.S3ModelArtifacts'] as const;

/**
 * A search for training jobs that names its job: by name, by ARN, or by the artefact, whose key ends
 * `<job>/output/model.tar.gz`. Everything else is refused with a reason rather than answered with too little.
 */
export function planSearch(expression: SearchRequest['SearchExpression']): SearchPlan {
  const { Filters = [], NestedFilters, SubExpressions, Operator } = expression ?? {};
  if (NestedFilters?.length || SubExpressions?.length) {
    return { problem: 'NestedFilters and SubExpressions are not implemented in Search. Use Filters with the operator Equals.' };
  }
  if (Operator === 'Or' && Filters.length > 1)
    return { problem: 'The operator Or is not implemented in Search. Search once per filter.' };
  const other = Filters.find((filter) => (filter.Operator ?? 'Equals') !== 'Equals');
  if (other) return { problem: `The operator ${other.Operator} on ${other.Name} is not implemented in Search. Use Equals.` };
  const naming = Filters.find(({ Name }) => NAMING.some((name) => name === Name));
  if (!naming) return { problem: `Search needs a filter that names the training job, by one of: ${NAMING.join(', ')}.` };
  return {
    jobName: jobNameOf(naming.Name, naming.Value ?? ''),
    filters: Filters.map(({ Name, Value }) => ({ path: Name.split('.'), value: Value ?? '' })),
  };
}

function jobNameOf(filter: string, value: string): string | undefined {
  if (filter === 'TrainingJobName') return value || undefined;
  if (filter === 'TrainingJobArn') return /:training-job\/([^/]+)$/.exec(value)?.[1];
  return /\/([^/]+)\/output\/model\.tar\.gz$/.exec(value)?.[1];
}

export const matchesFilters = (job: DescribeTrainingJobResponse, filters: readonly EqualsFilter[]): boolean =>
  filters.every(({ path, value }) => {
    let found: unknown = job;
    for (const member of path) found = (found as Record<string, unknown> | undefined)?.[member];
    return (typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean') && String(found) === value;
  });
