import {
  type Act,
  cluster,
  fact,
  hasStarted,
  IMAGE,
  json,
  objectsBelow,
  processingOutput,
  putObject,
  shell,
  starts,
  URI,
} from './act.ts';
import { lambda, sagemaker, sqs } from './call.ts';
import type { Witness } from './witness.ts';
import { ACCOUNT, ROLE, SERVING_IMAGE } from './workload.ts';

const GRAPH = 'graph';
const SERVICES = 'services';
const GROUP = 'by-graph';
/** Of the pipeline with a function and a callback. */
export const STEP_FUNCTION = 'step';
export const STEP_QUEUE = 'callbacks';
export const queueUrl = (client: Witness, name: string): string => `${client.aws.options.url}/${ACCOUNT}/${name}`;

export const parameter = (name: string) => ({ Get: `Parameters.${name}` });
export const joined = (...values: unknown[]) => ({ 'Std:Join': { On: '', Values: values } });

function graph(): string {
  const prepare = {
    Name: 'Prepare',
    Type: 'Processing',
    Arguments: {
      RoleArn: ROLE,
      AppSpecification: {
        ImageUri: IMAGE,
        ContainerEntrypoint: shell(
          `echo rows > /opt/ml/processing/out/rows; echo '{"quality": 0.75}' > /opt/ml/processing/out/report.json`,
        ).entrypoint,
      },
      ProcessingResources: { ClusterConfig: cluster },
      ProcessingOutputConfig: { Outputs: [processingOutput('out', joined(`${URI}/acts/`, parameter('Label'), '/prepared'))] },
    },
    PropertyFiles: [{ PropertyFileName: 'Report', OutputName: 'out', FilePath: 'report.json' }],
  };
  const channel = (ChannelName: string, S3Uri: unknown) => ({
    ChannelName,
    DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3DataDistributionType: 'FullyReplicated', S3Uri } },
  });
  const script =
    'end=$(cat /opt/ml/input/data/end/*); [ $end = hold ] && exec sleep 600; cp /opt/ml/input/data/rows/rows /opt/ml/model/m; exit $end';
  const train = {
    Name: 'Train',
    Type: 'Training',
    Arguments: {
      RoleArn: ROLE,
      AlgorithmSpecification: { TrainingImage: IMAGE, TrainingInputMode: 'File', ContainerEntrypoint: shell(script).entrypoint },
      InputDataConfig: [
        channel('rows', { Get: "Steps.Prepare.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" }),
        channel('end', joined(`${URI}/acts/`, parameter('Label'), '/end')),
      ],
      OutputDataConfig: { S3OutputPath: joined(`${URI}/acts/`, parameter('Label'), '/trained') },
      StoppingCondition: { MaxRuntimeInSeconds: 600 },
      ResourceConfig: cluster,
    },
  };
  const register = {
    Name: 'Register',
    Type: 'RegisterModel',
    Arguments: {
      ModelPackageGroupName: GROUP,
      ModelApprovalStatus: 'PendingManualApproval',
      CustomerMetadataProperties: { label: parameter('Label') },
      InferenceSpecification: {
        Containers: [{ Image: SERVING_IMAGE, ModelDataUrl: { Get: 'Steps.Train.ModelArtifacts.S3ModelArtifacts' } }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    },
  };
  const quality = { 'Std:JsonGet': { PropertyFile: { Get: 'Steps.Prepare.PropertyFiles.Report' }, Path: 'quality' } };
  const check = {
    Name: 'Check',
    Type: 'Condition',
    DependsOn: ['Train'],
    Arguments: {
      Conditions: [{ Type: 'GreaterThanOrEqualTo', LeftValue: quality, RightValue: 0.5 }],
      IfSteps: [register],
      ElseSteps: [],
    },
  };
  return definition([prepare, train, check]);
}

function services(): string {
  const ask = {
    Name: 'Ask',
    Type: 'Lambda',
    FunctionArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${STEP_FUNCTION}`,
    Arguments: { label: parameter('Label') },
    OutputParameters: [{ OutputName: 'said', OutputType: 'String' }],
  };
  const wait = {
    Name: 'Wait',
    Type: 'Callback',
    SqsQueueUrl: `https://sqs.us-east-1.amazonaws.com/${ACCOUNT}/${STEP_QUEUE}`,
    Arguments: { said: { Get: "Steps.Ask.OutputParameters['said']" } },
    OutputParameters: [{ OutputName: 'agreed', OutputType: 'String' }],
  };
  return definition([ask, wait]);
}

export const definition = (Steps: object[]): string =>
  JSON.stringify({ Version: '2020-12-01', Metadata: {}, Parameters: [{ Name: 'Label', Type: 'String' }], Steps });

/** Pipelines, group, function and queue that executions of these acts share. */
export async function setUpPipelines(client: Witness, functionZip: string): Promise<void> {
  for (const [name, text] of [
    [GRAPH, graph()],
    [SERVICES, services()],
  ] as const) {
    const request = { PipelineName: name, RoleArn: ROLE, PipelineDefinition: text, ClientRequestToken: token(name) };
    const describe = sagemaker('DescribePipeline', { PipelineName: name });
    await client.change(sagemaker('CreatePipeline', request), fact(`pipeline ${name}`, describe));
  }
  const group = { ModelPackageGroupName: GROUP };
  await client.change(sagemaker('CreateModelPackageGroup', group), fact('group', sagemaker('DescribeModelPackageGroup', group)));
  await client.change(
    lambda('POST', '/functions', {
      FunctionName: STEP_FUNCTION,
      Runtime: 'python3.11',
      Role: ROLE,
      Handler: 'app.handler',
      Code: { ZipFile: functionZip },
    }),
    fact('step function', lambda('GET', `/functions/${STEP_FUNCTION}`)),
  );
  await client.change(
    sqs('CreateQueue', { QueueName: STEP_QUEUE, Attributes: { VisibilityTimeout: '1' } }),
    fact('queue', sqs('GetQueueUrl', { QueueName: STEP_QUEUE })),
  );
}

export const token = (name: string): string => `named-points-token-${name}`.padEnd(36, '0');

/** Returns the ARN. */
export async function start(client: Witness, pipeline: string, label: string, turn = label): Promise<string> {
  const request = {
    PipelineName: pipeline,
    PipelineParameters: [{ Name: 'Label', Value: label }],
    ClientRequestToken: token(turn),
  };
  const list = sagemaker('ListPipelineExecutions', { PipelineName: pipeline, MaxResults: 1 });
  const answer = await client.change(sagemaker('StartPipelineExecution', request), fact(`execution ${turn}`, list));
  return answer?.json.PipelineExecutionArn as string; // the token makes a repetition the same call: it is never refused
}

const describe = (arn: string) => sagemaker('DescribePipelineExecution', { PipelineExecutionArn: arn });
export const executions = new Map<string, string>();

export async function end(client: Witness, arn: string): Promise<string> {
  const { json: execution } = await client.until(
    describe(arn),
    ({ json: { PipelineExecutionStatus: status } }) => !['Executing', 'Stopping'].includes(status),
  );
  return execution.PipelineExecutionStatus;
}

export async function lookAtExecution(client: Witness, label: string): Promise<unknown> {
  const arn = executions.get(label) ?? '';
  const id = arn.split('/').at(-1) ?? '';
  const { json: page } = await client.ask(sagemaker('ListPipelineExecutionSteps', { PipelineExecutionArn: arn }));
  const steps = page.PipelineExecutionSteps.sort((a: { StepName: string }, b: { StepName: string }) =>
    a.StepName < b.StepName ? -1 : 1,
  );
  const found = {
    execution: await json(client.ask(describe(arn))),
    steps,
    prepared: await starts(client, '/aws/sagemaker/ProcessingJobs', `pipelines-${id}`),
    trained: await starts(client, '/aws/sagemaker/TrainingJobs', `pipelines-${id}`),
    objects: Object.keys(await objectsBelow(client, `acts/${label}/`)),
  };
  // ids of the execution and of its jobs, the version's number, and what a token or message is called
  const text = JSON.stringify(found)
    .replaceAll(id, 'EXECUTION')
    .replace(/(pipelines-EXECUTION-\w+-)\w+/g, '$1ID')
    .replace(/(model-package\/[\w-]+\/)\d+/g, '$1N')
    .replace(/execution-\d+/g, 'execution-N');
  return JSON.parse(text);
}

export const pipeline: Act = {
  name: 'pipeline',
  async play(client, label) {
    await putObject(client, `acts/${label}/end`, '0');
    const arn = await start(client, GRAPH, label);
    executions.set(label, arn);
    await end(client, arn);
  },
  look: lookAtExecution,
};

export const retried: Act = {
  name: 'retried',
  async play(client, label) {
    await putObject(client, `acts/${label}/end`, '3');
    const arn = await start(client, GRAPH, label);
    executions.set(label, arn);
    await end(client, arn);
    await putObject(client, `acts/${label}/end`, '0');
    const retry = sagemaker('RetryPipelineExecution', { PipelineExecutionArn: arn, ClientRequestToken: token(`retry-${label}`) });
    await client.change(retry, fact(`retry ${label}`, describe(arn)));
    await end(client, arn);
  },
  look: lookAtExecution,
};

export const halted: Act = {
  name: 'halted',
  async play(client, label) {
    await putObject(client, `acts/${label}/end`, 'hold');
    const arn = await start(client, GRAPH, label);
    executions.set(label, arn);
    await hasStarted(client, '/aws/sagemaker/TrainingJobs', `pipelines-${arn.split('/').at(-1)}-Train`);
    const stop = sagemaker('StopPipelineExecution', { PipelineExecutionArn: arn, ClientRequestToken: token(`stop-${label}`) });
    await client.change(stop, fact(`stop ${label}`, describe(arn)));
    await end(client, arn);
  },
  look: lookAtExecution,
};

/** A function's step and one that waits for a word by the queue. */
export const awaited: Act = {
  name: 'awaited',
  async play(client, label) {
    const arn = await start(client, SERVICES, label);
    executions.set(label, arn);
    const QueueUrl = queueUrl(client, STEP_QUEUE);
    const receive = sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 1, WaitTimeSeconds: 1 });
    for (let told = false; !told; ) {
      const { json: page } = await client.ask(receive);
      for (const { Body, ReceiptHandle } of page.Messages ?? []) {
        const message = JSON.parse(Body);
        if (message.pipelineExecutionArn !== arn) continue;
        await client.change(
          sagemaker('SendPipelineExecutionStepSuccess', {
            CallbackToken: message.token,
            OutputParameters: [{ Name: 'agreed', Value: message.arguments.said }],
            ClientRequestToken: token(`told-${label}`),
          }),
          fact(`told ${label}`, describe(arn)),
        );
        await client.change(
          sqs('DeleteMessage', { QueueUrl, ReceiptHandle }),
          fact(`message ${label}`, sqs('GetQueueUrl', { QueueName: STEP_QUEUE })),
        );
        told = true;
      }
    }
    await end(client, arn);
  },
  look: lookAtExecution,
};
