import { containersOf, type PinnedModel } from './resources.ts';
import { invalid, missing, type Rejection } from '../../platform/errors/rejection.ts';
import type {
  AsyncInferenceConfig,
  CreateEndpointConfigInput,
  DeploymentConfig,
  ProductionVariant,
} from '../../contract/generated/sagemaker.ts';

/** AWS gives a container four minutes to answer its first ping. */
export const STARTUP_TIMEOUT_SECONDS = 240;

/** What an endpoint config asks for that nothing here would do is refused when it is made, not when it is used. */
export function checkConfig(input: CreateEndpointConfigInput): Rejection | undefined {
  const { ProductionVariants: variants } = input;
  const names = variants.map(({ VariantName }) => VariantName);
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) return invalid(`Production variant ${twice} is there twice. Each needs a VariantName of its own.`);
  if (input.ShadowProductionVariants?.length)
    return missing('Shadow variants (ShadowProductionVariants) are not implemented yet.');
  if (input.AsyncInferenceConfig) {
    const rejection = checkAsync(input.AsyncInferenceConfig);
    if (rejection) return rejection;
  }
  if (input.ExplainerConfig) return missing('Online explanations (ExplainerConfig) are not implemented yet.');
  if (input.DataCaptureConfig && input.DataCaptureConfig.EnableCapture !== false) {
    return missing('Data capture (DataCaptureConfig) is not implemented yet. Leave it out, or set EnableCapture to false.');
  }
  if (input.EnableNetworkIsolation) return invalid('EnableNetworkIsolation belongs to the model here: set it in CreateModel.');
  if (input.AsyncInferenceConfig && variants.some(({ ServerlessConfig }) => ServerlessConfig))
    return invalid('A serverless variant cannot answer asynchronously: give AsyncInferenceConfig or ServerlessConfig, not both.');
  for (const variant of variants) {
    const rejection = checkVariant(variant);
    if (rejection) return rejection;
  }
  return undefined;
}

function checkAsync({ OutputConfig }: AsyncInferenceConfig): Rejection | undefined {
  const { SuccessTopic, ErrorTopic } = OutputConfig.NotificationConfig ?? {};
  if (SuccessTopic !== undefined || ErrorTopic !== undefined)
    return missing(
      'Notifications of asynchronous endpoints (NotificationConfig) are not implemented yet, as there is no SNS here. Leave it out; results and failures are in S3.',
    );
  if (OutputConfig.KmsKeyId !== undefined)
    return missing('Results encrypted with a key (AsyncInferenceConfig.OutputConfig.KmsKeyId) are not implemented yet.');
  return undefined;
}

/** An asynchronous request names neither a container nor a model, and results are written by the model's role. */
export function checkAsyncModel(model: PinnedModel): Rejection | undefined {
  if (model.executionRoleArn === undefined)
    return invalid(
      `Model ${model.ModelName} of an asynchronous endpoint needs an ExecutionRoleArn that may read inputs and write results.`,
    );
  if (model.direct || containersOf(model).some(({ multiModel }) => multiModel))
    return invalid(
      `Model ${model.ModelName} cannot stand behind an asynchronous endpoint: its requests could not name the container or model that is meant.`,
    );
  return undefined;
}

function checkVariant(variant: ProductionVariant): Rejection | undefined {
  if (variant.InstancePools?.length) return missing('Instance pools are not implemented yet. Give InstanceType.');
  if (variant.ManagedInstanceScaling)
    return missing('Managed instance scaling is not implemented yet. Give InitialInstanceCount.');
  if (variant.CoreDumpConfig) return missing('Core dumps of model servers (CoreDumpConfig) are not implemented yet.');
  if (variant.ModelName === undefined)
    return missing(`Production variant ${variant.VariantName} has no ModelName; inference components are not implemented yet.`);
  if (variant.ServerlessConfig) return checkServerless(variant);
  if (variant.InstanceType === undefined) return invalid(`Production variant ${variant.VariantName} needs an InstanceType.`);
  if ((variant.InitialInstanceCount ?? 1) < 1)
    return invalid(`Production variant ${variant.VariantName} needs an InitialInstanceCount of at least 1.`);
  return undefined;
}

function checkServerless({
  VariantName,
  ServerlessConfig,
  InstanceType,
  InitialInstanceCount,
}: ProductionVariant): Rejection | undefined {
  const { MemorySizeInMB = 0, MaxConcurrency = 0, ProvisionedConcurrency = 0 } = ServerlessConfig ?? {};
  if (InstanceType !== undefined || InitialInstanceCount !== undefined)
    return invalid(`Production variant ${VariantName} is serverless: leave InstanceType and InitialInstanceCount out.`);
  if (MemorySizeInMB % 1024 !== 0)
    return invalid(
      `MemorySizeInMB of production variant ${VariantName} is ${MemorySizeInMB}; it has to be 1024, 2048, 3072, 4096, 5120 or 6144.`,
    );
  if (ProvisionedConcurrency > MaxConcurrency)
    return invalid(`ProvisionedConcurrency of production variant ${VariantName} must not exceed its MaxConcurrency.`);
  return undefined;
}

/** Of a deployment only what is done as asked is accepted: all at once, with a pause before the old fleet ends. */
export function checkDeployment(config: DeploymentConfig | undefined): Rejection | undefined {
  if (!config) return undefined;
  if (config.RollingUpdatePolicy)
    return missing(
      'Rolling deployments (RollingUpdatePolicy) are not implemented yet. Leave DeploymentConfig out for an update at once.',
    );
  if (config.AutoRollbackConfiguration?.Alarms?.length)
    return missing(
      'Rollback by alarms (AutoRollbackConfiguration) is not implemented yet. A fleet that does not become healthy is always rolled back.',
    );
  const type = config.BlueGreenUpdatePolicy?.TrafficRoutingConfiguration.Type;
  if (type && type !== 'ALL_AT_ONCE') return missing(`Traffic shifting by ${type} is not implemented yet. Use ALL_AT_ONCE.`);
  return undefined;
}

export const terminationWaitMs = (config: DeploymentConfig | undefined): number =>
  (config?.BlueGreenUpdatePolicy?.TerminationWaitInSeconds ?? 0) * 1000;
