import { type Act, cluster, fact, IMAGE, processingOutput, shell, starts, URI } from './act.ts';
import { isGone, remove } from './acts-hosting.ts';
import { definition, end, executions, joined, lookAtExecution, parameter, start, token } from './acts-pipelines.ts';
import { sagemaker } from './call.ts';
import type { Witness } from './witness.ts';
import { ROLE, SERVING_IMAGE } from './workload.ts';

const DEPLOY = 'deploy';
const FAN = 'fan';

function deploy(): string {
  const model = {
    Name: 'Make',
    Type: 'Model',
    Arguments: {
      ExecutionRoleArn: ROLE,
      PrimaryContainer: { Image: SERVING_IMAGE, ModelDataUrl: `${URI}/models/first.tar.gz` },
    },
  };
  const config = {
    Name: 'Configure',
    Type: 'EndpointConfig',
    Arguments: {
      EndpointConfigName: parameter('Label'),
      ProductionVariants: [
        { VariantName: 'All', ModelName: { Get: 'Steps.Make.ModelName' }, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
      ],
    },
  };
  const endpoint = {
    Name: 'Serve',
    Type: 'Endpoint',
    Arguments: { EndpointName: parameter('Label'), EndpointConfigName: { Get: 'Steps.Configure.EndpointConfigName' } },
  };
  return definition([model, config, endpoint]);
}

/** A step that may come from the cache, three at once for as many items, and what is cleaned up behind them. */
function fan(): string {
  const job = (Name: string, script: string, place: unknown) => ({
    Name,
    Type: 'Processing',
    Arguments: {
      RoleArn: ROLE,
      AppSpecification: { ImageUri: IMAGE, ContainerEntrypoint: shell(script).entrypoint },
      ProcessingResources: { ClusterConfig: cluster },
      Environment: { LABEL: parameter('Label') }, // so that it comes from the cache of its own act only
      ProcessingOutputConfig: { Outputs: [processingOutput('out', place)] },
    },
  });
  const at = (...more: unknown[]) => joined(`${URI}/acts/`, parameter('Label'), ...more);
  const cached = {
    ...job('Cached', 'echo cached > /opt/ml/processing/out/x', at('/cached')),
    CacheConfig: { Enabled: true, ExpireAfter: 'P1D' },
  };
  const child = job('Fit', 'echo fitted > /opt/ml/processing/out/x', at('/', { Get: 'ForEach.CurrentItem' }));
  const each = {
    Name: 'Each',
    Type: 'ForEach',
    DependsOn: ['Cached'],
    Arguments: { IterableItems: ['a', 'b'], MaxConcurrency: 2, ForEachBody: [child] },
  };
  return definition([cached, each]);
}

export async function setUpSteps(client: Witness): Promise<void> {
  for (const [name, text] of [
    [DEPLOY, deploy()],
    [FAN, fan()],
  ] as const) {
    const request = { PipelineName: name, RoleArn: ROLE, PipelineDefinition: text, ClientRequestToken: token(name) };
    const describe = sagemaker('DescribePipeline', { PipelineName: name });
    await client.change(sagemaker('CreatePipeline', request), fact(`pipeline ${name}`, describe));
  }
}

export const deployed: Act = {
  name: 'deployed',
  heavy: true,
  async play(client, label) {
    const arn = await start(client, DEPLOY, label);
    executions.set(label, arn);
    await end(client, arn);
    await remove(client, 'Endpoint', label);
    await isGone(client, label);
  },
  look: lookAtExecution,
};

export const fanned: Act = {
  name: 'fanned',
  async play(client, label) {
    for (const turn of ['first', 'second']) {
      const arn = await start(client, FAN, label, `${label}-${turn}`);
      executions.set(`${label}-${turn}`, arn);
      await end(client, arn);
    }
  },
  async look(client, label) {
    const found: object[] = [];
    for (const turn of ['first', 'second']) {
      const arn = executions.get(`${label}-${turn}`) ?? '';
      const { json: execution } = await client.ask(sagemaker('DescribePipelineExecution', { PipelineExecutionArn: arn }));
      const { json: page } = await client.ask(sagemaker('ListPipelineExecutionSteps', { PipelineExecutionArn: arn }));
      const steps = page.PipelineExecutionSteps.map(
        (step: { StepName: string; StepStatus: string; CacheHitResult?: object; AttemptCount?: number }) =>
          `${step.StepName} ${step.StepStatus} ${step.AttemptCount} ${step.CacheHitResult ? 'cached' : ''}`,
      ).sort();
      const counts = Object.values(await starts(client, '/aws/sagemaker/ProcessingJobs', `pipelines-${arn.split('/').at(-1)}`));
      found.push({ status: execution.PipelineExecutionStatus, steps, starts: counts });
    }
    return { turns: found };
  },
};
