import type { JsonObject } from '../../../sdk/definition/index.ts';
import type { InputOf, OperationName, OutputOf } from '../../../src/contract/operations.ts';
import type { ObservedExecution } from './check-execution.ts';
import { isObject } from './expressions.ts';

export interface Asking {
  call<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>>;
}

const DESCRIBES: Readonly<Record<string, readonly [OperationName, string]>> = {
  ProcessingJob: ['sagemaker:DescribeProcessingJob', 'ProcessingJobName'],
  TrainingJob: ['sagemaker:DescribeTrainingJob', 'TrainingJobName'],
  TransformJob: ['sagemaker:DescribeTransformJob', 'TransformJobName'],
  Model: ['sagemaker:DescribeModel', 'ModelName'],
  RegisterModel: ['sagemaker:DescribeModelPackage', 'ModelPackageName'],
  EndpointConfig: ['sagemaker:DescribeEndpointConfig', 'EndpointConfigName'],
  Endpoint: ['sagemaker:DescribeEndpoint', 'EndpointName'],
};

/** Asks the API for all of an execution that the oracle looks at. What was deleted meanwhile is left out. */
export async function observeExecution(client: Asking, PipelineExecutionArn: string): Promise<ObservedExecution> {
  const execution = plain(await client.call('sagemaker:DescribePipelineExecution', { PipelineExecutionArn }));
  const { PipelineDefinition } = await client.call('sagemaker:DescribePipelineDefinitionForExecution', { PipelineExecutionArn });
  const steps: JsonObject[] = [];
  const parameters: { Name: string; Value: string }[] = [];
  let NextToken: string | undefined;
  do {
    const page: OutputOf<'sagemaker:ListPipelineExecutionSteps'> = await client.call('sagemaker:ListPipelineExecutionSteps', {
      PipelineExecutionArn,
      NextToken,
      MaxResults: 100,
    });
    steps.push(...(page.PipelineExecutionSteps ?? []).map(plain));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  do {
    const page: OutputOf<'sagemaker:ListPipelineParametersForExecution'> = await client.call(
      'sagemaker:ListPipelineParametersForExecution',
      {
        PipelineExecutionArn,
        NextToken,
        MaxResults: 50,
      },
    );
    parameters.push(...(page.PipelineParameters ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  const documents = new Map<string, JsonObject>();
  for (const { StepName, Metadata } of steps) {
    const [type, made] = isObject(Metadata) ? (Object.entries(Metadata)[0] ?? []) : [];
    const asked = DESCRIBES[type ?? ''];
    const arn = isObject(made) ? made['Arn'] : undefined;
    if (!asked || typeof arn !== 'string') continue;
    const document = await describe(client, asked, arn);
    if (document) documents.set(String(StepName), document);
  }
  const definition = JSON.parse(PipelineDefinition ?? '{}') as JsonObject;
  return { execution, definition, parameters, steps, documents };
}

async function describe(
  client: Asking,
  [operation, member]: readonly [OperationName, string],
  arn: string,
): Promise<JsonObject | undefined> {
  const name = member === 'ModelPackageName' ? arn : arn.slice(arn.indexOf('/') + 1);
  try {
    return plain(await client.call(operation, { [member]: name } as never));
  } catch (error) {
    // a resource that a client has deleted
    if (/[Cc]ould not find|does not exist/.test(String(error))) return undefined;
    throw error;
  }
}

/** As it travels: without undefined members. */
const plain = (answer: object): JsonObject => JSON.parse(JSON.stringify(answer)) as JsonObject;
