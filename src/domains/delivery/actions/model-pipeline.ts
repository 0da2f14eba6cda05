import type { Parameter } from '../../../contract/generated/sagemaker.ts';
import { type ActionKind, failed, type Seen, textOf, type Work } from './action-kind.ts';

const ENDED = new Set<unknown>(['Succeeded', 'Failed', 'Stopped']);
const STEPS_PAGE = 100;

/** Starts a SageMaker pipeline and waits for its end; what it registered is told to later actions. */
export const sageMakerPipeline: ActionKind = {
  calls: ['sagemaker:StartPipelineExecution', 'sagemaker:DescribePipelineExecution', 'sagemaker:ListPipelineExecutionSteps'],
  async start({ ports, principal, origin, action, configuration, execution }) {
    const parameters = parseParameters(configuration['PipelineParameters'] ?? '{}');
    if (typeof parameters === 'string')
      return failed('ConfigurationError', `The action ${action.name} cannot start: ${parameters}.`);
    const { PipelineExecutionArn } = await ports.calls.call(principal, origin, 'sagemaker:StartPipelineExecution', {
      PipelineName: configuration['PipelineName'] ?? '',
      ClientRequestToken: action.id,
      PipelineExecutionDescription: `codepipeline/${execution.pipelineName} ${execution.executionId}`,
      ...(parameters.length > 0 && { PipelineParameters: parameters }),
    });
    return { seen: 'begun', changes: { externalExecutionId: PipelineExecutionArn ?? '' } };
  },
  async look(work) {
    const { ports, principal, origin, action } = work;
    const PipelineExecutionArn = action.externalExecutionId ?? '';
    const described = await ports.calls.call(principal, origin, 'sagemaker:DescribePipelineExecution', { PipelineExecutionArn });
    const { PipelineExecutionStatus: status, FailureReason } = described;
    if (!ENDED.has(status)) return undefined;
    if (status === 'Succeeded') return succeeded(work, PipelineExecutionArn);
    const reason = FailureReason ?? `The execution ${PipelineExecutionArn} is ${status}.`;
    return failed('JobFailed', reason, { outputVariables: { PipelineExecutionArn } });
  },
  end: {
    detailType: 'SageMaker Model Building Pipeline Execution Status Change',
    ids: ({ detail }) =>
      ENDED.has(detail['currentPipelineExecutionStatus']) ? [textOf(detail['pipelineExecutionArn']) ?? ''] : [],
  },
};

async function succeeded({ ports, principal, origin }: Work, PipelineExecutionArn: string): Promise<Seen> {
  const registered: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await ports.calls.call(principal, origin, 'sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn,
      SortOrder: 'Ascending',
      MaxResults: STEPS_PAGE,
      ...(NextToken !== undefined && { NextToken }),
    });
    for (const { Metadata } of page.PipelineExecutionSteps ?? []) {
      const arn = Metadata?.RegisterModel?.Arn;
      if (arn !== undefined) registered.push(arn);
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  const last = registered.at(-1);
  const outputVariables = {
    PipelineExecutionArn,
    ...(last !== undefined && { ModelPackageArn: last, ModelPackageArns: registered.join(',') }),
  };
  return { seen: 'succeeded', changes: { outputVariables } };
}

/** `{"name": "value"}` or the list that SageMaker takes; a text says what is wrong. */
function parseParameters(text: string): Parameter[] | string {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return 'PipelineParameters is no JSON';
  }
  if (typeof given !== 'object' || given === null) return 'PipelineParameters must be a JSON object or array';
  const pairs: [unknown, unknown][] = Array.isArray(given)
    ? (given as Partial<Parameter>[]).map((one) => [one?.Name, one?.Value])
    : Object.entries(given);
  if (pairs.some(([name, value]) => typeof name !== 'string' || !['string', 'number', 'boolean'].includes(typeof value))) {
    return 'PipelineParameters must give every parameter a name and a text, number or boolean';
  }
  return pairs.map(([Name, Value]) => ({ Name: String(Name), Value: String(Value) }));
}
