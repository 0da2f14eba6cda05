import { digestName } from '../../platform/serving/pinned-image.ts';
import type {
  DescribeEndpointConfigOutput,
  DescribeEndpointOutput,
  DescribeModelOutput,
  EndpointSummary,
  PendingProductionVariantSummary,
  ProductionVariantSummary,
} from '../../contract/generated/sagemaker.ts';
import type { EventInput } from '../../platform/events/event.ts';
import type { EndpointRoute } from '../../platform/ports/routes.ts';
import type { WorkAddress } from '../../platform/ports/work.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import {
  containerName,
  containersOf,
  type EndpointConfigDocument,
  type EndpointDocument,
  type Fleet,
  type ModelDocument,
  type PinnedModel,
  type PinnedVariant,
  type ServerlessPlan,
} from './resources.ts';
import type { JsonObject } from '../../platform/json.ts';
import { eventStatus } from '../../platform/serving/event-status.ts';

export function describeModel(document: ModelDocument): DescribeModelOutput {
  const { requestId: _request, ...shown } = document;
  return { ...shown, EnableNetworkIsolation: document.EnableNetworkIsolation ?? false };
}

export function describeEndpointConfig(document: EndpointConfigDocument): DescribeEndpointConfigOutput {
  const { requestId: _request, ...shown } = document;
  return shown;
}

const deployedImages = ({ model }: PinnedVariant, fleet: Fleet) =>
  containersOf(model).map(({ image, digest }) => ({
    SpecifiedImage: image,
    ResolvedImage: digestName(image, digest),
    ResolutionTime: fleet.startedAtMs,
  }));

/** While an update runs, the endpoint reads as what serves; the update shows as the pending deployment. */
export function describeEndpoint(document: EndpointDocument): DescribeEndpointOutput {
  const { serving, deploying } = document;
  return {
    EndpointName: document.EndpointName,
    EndpointArn: document.EndpointArn,
    EndpointConfigName: document.configName,
    ProductionVariants: serving?.variants.map((variant) => variantSummary(variant, serving, deploying)),
    EndpointStatus: document.EndpointStatus,
    FailureReason: document.FailureReason,
    CreationTime: document.CreationTime,
    LastModifiedTime: document.LastModifiedTime,
    LastDeploymentConfig: serving?.deploymentConfig,
    AsyncInferenceConfig: serving?.asyncConfig,
    PendingDeploymentSummary: serving &&
      deploying && {
        EndpointConfigName: deploying.configName,
        ProductionVariants: deploying.variants.map((variant) => pendingSummary(variant, deploying)),
        StartTime: deploying.startedAtMs,
      },
  };
}

function variantSummary(variant: PinnedVariant, serving: Fleet, deploying: Fleet | undefined): ProductionVariantSummary {
  const wanted = deploying?.variants.find(({ name }) => name === variant.name);
  return {
    VariantName: variant.name,
    DeployedImages: deployedImages(variant, serving),
    CurrentWeight: variant.weight,
    DesiredWeight: wanted?.weight ?? variant.weight,
    ...(variant.serverless
      ? {
          CurrentServerlessConfig: serverlessConfig(variant.serverless),
          DesiredServerlessConfig: serverlessConfig(wanted?.serverless ?? variant.serverless),
        }
      : {
          CurrentInstanceCount: variant.instances.length,
          DesiredInstanceCount: wanted?.instances.length ?? variant.instances.length,
        }),
    VariantStatus: deploying && [{ Status: 'Updating', StartTime: deploying.startedAtMs }],
  } as ProductionVariantSummary;
}

const serverlessConfig = ({ memoryMiB, maxConcurrency, provisionedConcurrency }: ServerlessPlan) => ({
  MemorySizeInMB: memoryMiB,
  MaxConcurrency: maxConcurrency,
  ...(provisionedConcurrency > 0 && { ProvisionedConcurrency: provisionedConcurrency }),
});

function pendingSummary(variant: PinnedVariant, fleet: Fleet): PendingProductionVariantSummary {
  return {
    VariantName: variant.name,
    DeployedImages: deployedImages(variant, fleet),
    DesiredWeight: variant.weight,
    CurrentWeight: 0,
    ...(variant.serverless
      ? { DesiredServerlessConfig: serverlessConfig(variant.serverless) }
      : { DesiredInstanceCount: variant.instances.length, CurrentInstanceCount: 0, InstanceType: variant.instanceType }),
    VariantStatus: [{ Status: 'Creating', StartTime: fleet.startedAtMs }],
  } as PendingProductionVariantSummary;
}

export const summarizeEndpoint = (document: EndpointDocument): EndpointSummary => ({
  EndpointName: document.EndpointName,
  EndpointArn: document.EndpointArn,
  CreationTime: document.CreationTime,
  LastModifiedTime: document.LastModifiedTime,
  EndpointStatus: document.EndpointStatus,
});

function multiModelPlaces(model: PinnedModel): { readonly multiModel?: readonly number[] } {
  const places = containersOf(model).flatMap(({ multiModel }, place) => (multiModel ? [place] : []));
  return places.length > 0 ? { multiModel: places } : {};
}

/** What the router sends to for an endpoint with this fleet. */
export const endpointRoute = (
  document: EndpointDocument,
  place: Place,
  fleet: Fleet,
  awake: ReadonlySet<string>,
  address: (workId: string) => WorkAddress,
): EndpointRoute => ({
  account: place.account,
  region: place.region,
  name: document.EndpointName,
  arn: document.EndpointArn,
  ...(fleet.asyncConfig && { asynchronous: true }),
  variants: fleet.variants.map(({ name, weight, model, instances, serverless }) => ({
    name,
    weight,
    ...(model.following && {
      containers: { mode: model.direct ? 'Direct' : 'Serial', names: containersOf(model).map(containerName) },
    }),
    ...multiModelPlaces(model),
    ...(serverless && { serverless: { maxConcurrency: serverless.maxConcurrency } }),
    instances: (serverless && !awake.has(name) ? [] : instances).map(({ workId, following }) => ({
      id: workId,
      address: address(workId),
      ...(following && { following: following.map(address) }),
    })),
  })),
});

/**
 * The events of a change, as "Events that SageMaker sends to EventBridge" shows them: the endpoint's, and while one fleet replaces another that
 * of the deployment.
 */
export function endpointEvents(document: EndpointDocument, place: Place, nowMs: number): EventInput[] {
  const { PendingDeploymentSummary, ...described } = describeEndpoint(document);
  const event = (detailType: string, more: object = {}): EventInput => ({
    source: 'aws.sagemaker',
    detailType,
    account: place.account,
    region: place.region,
    timeMs: nowMs,
    resources: [document.EndpointArn],
    detail: {
      EndpointName: document.EndpointName,
      EndpointArn: document.EndpointArn,
      EndpointConfigName: described.EndpointConfigName,
      ...(described.ProductionVariants && { ProductionVariants: described.ProductionVariants as unknown as JsonObject[] }),
      EndpointStatus: eventStatus(document.EndpointStatus),
      ...(document.FailureReason !== undefined && { FailureReason: document.FailureReason }),
      CreationTime: document.CreationTime,
      LastModifiedTime: document.LastModifiedTime,
      Tags: {},
      ...more,
    },
  });
  const state = event('SageMaker Endpoint State Change');
  return PendingDeploymentSummary
    ? [state, event('SageMaker Endpoint Deployment State Change', { PendingDeploymentSummary })]
    : [state];
}
