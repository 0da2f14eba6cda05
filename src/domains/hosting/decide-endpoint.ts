import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import type {
  AsyncInferenceConfig,
  DeploymentConfig,
  DesiredWeightAndCapacity,
  ProductionVariant,
  ProductionVariantServerlessConfig,
} from '../../contract/generated/sagemaker.ts';
import { STARTUP_TIMEOUT_SECONDS, terminationWaitMs } from './decide-config.ts';
import {
  containersOf,
  type EndpointDocument,
  type Fleet,
  fleetInstances,
  type InstancePlan,
  type PinnedModel,
  type PinnedVariant,
  type Retiring,
  type ServerlessPlan,
  worksOf,
} from './resources.ts';

/** FailureReason on the wire. */
const REASON_LENGTH_MAX = 1024;

/** Names an instance by endpoint, deployment, variant and place; injected, since hashing is not pure Node-free code. */
export type NameInstance = (fleet: number, variant: string, index: number, containers: number) => InstancePlan;

export interface FleetFacts {
  readonly number: number;
  readonly configName: string;
  readonly nowMs: number;
  readonly deploymentConfig?: DeploymentConfig;
  readonly asyncConfig?: AsyncInferenceConfig;
  readonly nameInstance: NameInstance;
}

/** The fleet a config asks for, each variant with its pinned model. */
export function planFleet(
  variants: readonly { readonly asked: ProductionVariant; readonly model: PinnedModel }[],
  facts: FleetFacts,
): Fleet {
  return {
    number: facts.number,
    configName: facts.configName,
    startedAtMs: facts.nowMs,
    ...(facts.deploymentConfig && { deploymentConfig: facts.deploymentConfig }),
    ...(facts.asyncConfig && { asyncConfig: facts.asyncConfig }),
    variants: variants.map(({ asked, model }) => ({
      name: asked.VariantName,
      weight: asked.InitialVariantWeight ?? 1,
      instanceType: asked.InstanceType ?? '',
      instances: Array.from({ length: asked.InitialInstanceCount ?? 1 }, (_, index) =>
        facts.nameInstance(facts.number, asked.VariantName, index, containersOf(model).length),
      ),
      model,
      ...(asked.ServerlessConfig && { serverless: serverlessPlan(asked.ServerlessConfig) }),
      pinnedIn: facts.number,
      // bringing the model data has a time of its own, before the container is asked whether it is healthy
      startupTimeoutSeconds:
        (asked.ContainerStartupHealthCheckTimeoutInSeconds ?? STARTUP_TIMEOUT_SECONDS) +
        (asked.ModelDataDownloadTimeoutInSeconds ?? 0),
    })),
  };
}

const serverlessPlan = (config: ProductionVariantServerlessConfig): ServerlessPlan => ({
  memoryMiB: config.MemorySizeInMB,
  maxConcurrency: config.MaxConcurrency,
  provisionedConcurrency: config.ProvisionedConcurrency ?? 0,
});

/** Keeps what RetainAllVariantProperties asks to keep of the fleet that serves. */
export function retainProperties(
  fleet: Fleet,
  serving: Fleet | undefined,
  excluded: readonly string[],
  nameInstance: NameInstance,
): Fleet {
  return {
    ...fleet,
    variants: fleet.variants.map((variant) => {
      const before = serving?.variants.find(({ name }) => name === variant.name);
      if (!before) return variant;
      // a serverless variant has one instance, whatever it had before
      const keepsCount = !variant.serverless && !before.serverless && !excluded.includes('DesiredInstanceCount');
      const count = keepsCount ? before.instances.length : variant.instances.length;
      return {
        ...variant,
        weight: excluded.includes('DesiredWeight') ? variant.weight : before.weight,
        instances: Array.from({ length: count }, (_, index) =>
          nameInstance(fleet.number, variant.name, index, containersOf(variant.model).length),
        ),
      };
    }),
  };
}

/** The serving fleet with the weights asked for: they hold at once, counts when their model servers answer. */
export const withWeights = (serving: Fleet, desired: readonly DesiredWeightAndCapacity[]): Fleet => ({
  ...serving,
  variants: serving.variants.map((variant) => ({
    ...variant,
    weight: desired.find(({ VariantName }) => VariantName === variant.name)?.DesiredWeight ?? variant.weight,
  })),
});

/** The serving fleet with other weights and counts; instances that stay are the same ones. */
export function planScaling(
  serving: Fleet,
  desired: readonly DesiredWeightAndCapacity[],
  facts: Omit<FleetFacts, 'configName'>,
): Fleet | Rejection {
  const unknown = desired.find(({ VariantName }) => !serving.variants.some(({ name }) => name === VariantName));
  if (unknown)
    return invalid(
      `The endpoint has no variant "${unknown.VariantName}". Its variants: ${serving.variants.map(({ name }) => name).join(', ')}.`,
    );
  const misfit = desired.find(({ VariantName, DesiredInstanceCount, ServerlessUpdateConfig }) => {
    const isServerless = serving.variants.some(({ name, serverless }) => name === VariantName && serverless);
    return isServerless ? DesiredInstanceCount !== undefined : ServerlessUpdateConfig !== undefined;
  });
  if (misfit) {
    const what = misfit.ServerlessUpdateConfig
      ? 'not serverless: give DesiredInstanceCount instead of ServerlessUpdateConfig'
      : 'serverless: give ServerlessUpdateConfig instead of DesiredInstanceCount';
    return invalid(`Variant ${misfit.VariantName} is ${what}.`);
  }
  if (desired.some(({ DesiredInstanceCount }) => DesiredInstanceCount === 0)) {
    return invalid('DesiredInstanceCount has to be at least 1. Delete the endpoint to stop it.');
  }
  const variants = serving.variants.map((variant) => {
    const wish = desired.find(({ VariantName }) => VariantName === variant.name);
    return wish ? scaled(variant, wish, facts) : variant;
  });
  const { deploymentConfig: _old, ...fleet } = serving;
  return { ...fleet, number: facts.number, startedAtMs: facts.nowMs, variants };
}

function scaled(variant: PinnedVariant, wish: DesiredWeightAndCapacity, facts: Omit<FleetFacts, 'configName'>): PinnedVariant {
  const count = wish.DesiredInstanceCount ?? variant.instances.length;
  const kept = variant.instances.slice(0, count);
  const added = Array.from({ length: count - kept.length }, (_, index) =>
    facts.nameInstance(facts.number, variant.name, kept.length + index, containersOf(variant.model).length),
  );
  const { MaxConcurrency, ProvisionedConcurrency } = wish.ServerlessUpdateConfig ?? {};
  const serverless = variant.serverless && {
    ...variant.serverless,
    ...(MaxConcurrency !== undefined && { maxConcurrency: MaxConcurrency }),
    ...(ProvisionedConcurrency !== undefined && { provisionedConcurrency: ProvisionedConcurrency }),
  };
  return {
    ...variant,
    weight: wish.DesiredWeight ?? variant.weight,
    instances: [...kept, ...added],
    ...(serverless && { serverless }),
  };
}

const without = (instances: readonly InstancePlan[], kept: readonly InstancePlan[]): InstancePlan[] =>
  instances.filter(({ workId }) => !kept.some((other) => other.workId === workId));

const retire = (instances: readonly InstancePlan[], notBeforeMs: number): Retiring[] =>
  instances.map(({ id, workId, following }) => ({ id, workId, ...(following && { following }), notBeforeMs }));

/** The deployment answers its pings and is routed to: it serves, and what it replaces goes. */
export function withSwitched(endpoint: EndpointDocument, nowMs: number): EndpointDocument {
  const { deploying, FailureReason: _reason, awake: _awake, ...rest } = endpoint;
  if (!deploying) return endpoint;
  const replaced = without(fleetInstances(endpoint.serving), fleetInstances(deploying));
  return {
    ...rest,
    serving: deploying,
    ...wokenBy(deploying, nowMs),
    configName: deploying.configName,
    EndpointStatus: 'InService',
    LastModifiedTime: nowMs,
    retiring: [...endpoint.retiring, ...retire(replaced, nowMs + terminationWaitMs(deploying.deploymentConfig))],
  };
}

/** All of a deployment's model servers have just answered: its serverless variants begin awake. */
function wokenBy({ variants }: Fleet, nowMs: number): Pick<EndpointDocument, 'awake'> {
  const awake = variants.flatMap(({ name, serverless }) => (serverless ? [[name, nowMs] as const] : []));
  return awake.length > 0 ? { awake: Object.fromEntries(awake) } : {};
}

export const withWoken = (endpoint: EndpointDocument, variant: string, nowMs: number): EndpointDocument => ({
  ...endpoint,
  awake: { ...endpoint.awake, [variant]: nowMs },
});

export function withAsleep(endpoint: EndpointDocument, variants: readonly string[]): EndpointDocument {
  const awake = Object.entries(endpoint.awake ?? {}).filter(([name]) => !variants.includes(name));
  return { ...endpoint, awake: Object.fromEntries(awake) };
}

/** The deployment will not serve: an endpoint that served goes on as it was, a new one has failed. */
export function withFailed(endpoint: EndpointDocument, reason: string, nowMs: number): EndpointDocument {
  const { deploying, ...rest } = endpoint;
  const abandoned = without(fleetInstances(deploying), fleetInstances(endpoint.serving));
  const retiring = [...endpoint.retiring, ...retire(abandoned, nowMs)];
  // where fewer of the same were to serve there is nothing to go back from
  const failed = retiring.length > 0 ? 'RollingBack' : 'InService';
  return {
    ...rest,
    EndpointStatus: endpoint.serving ? failed : 'Failed',
    FailureReason: reason.slice(0, REASON_LENGTH_MAX),
    LastModifiedTime: nowMs,
    retiring,
  };
}

/** Retired instances are gone; a rollback ends with the last of them. */
export function withRetired(endpoint: EndpointDocument, gone: ReadonlySet<string>, nowMs: number): EndpointDocument {
  const retiring = endpoint.retiring.filter((instance) => !worksOf(instance).every((workId) => gone.has(workId)));
  const rolledBack = endpoint.EndpointStatus === 'RollingBack' && retiring.length === 0;
  return { ...endpoint, retiring, ...(rolledBack && { EndpointStatus: 'InService', LastModifiedTime: nowMs }) };
}

/** Whether an update may begin; AWS lets one run at a time, and none on an endpoint that failed. */
export function checkUpdatable(endpoint: EndpointDocument): string | undefined {
  switch (endpoint.EndpointStatus) {
    case 'InService':
      return undefined;
    case 'Failed':
      return `Cannot update failed endpoint "${endpoint.EndpointArn}". Delete it and create it again.`;
    default:
      return `Cannot update in-progress endpoint "${endpoint.EndpointArn}".`;
  }
}

/** What is known of one model server at one look. */
export interface ServerSight {
  readonly variant: string;
  /** As AWS calls it: `primary` where there is one. */
  readonly container: string;
  readonly status: 'healthy' | 'starting' | 'waiting';
  /** Ends since the deployment began. */
  readonly crashes: number;
  /** The last end in words, e.g. `exit code 1`; `fatal`: another start would not help. */
  readonly end?: { readonly text: string; readonly fatal: boolean };
  /** Why admission lets it wait. */
  readonly waitingReason?: string;
}

export type DeploymentDecision =
  | { readonly kind: 'wait' }
  | { readonly kind: 'switch' }
  /** `variant`: whose log belongs into the reason. */
  | { readonly kind: 'fail'; readonly variant: string; readonly reason: string };

/** A model server that ends this often before its first ping will not come up. */
export const CRASHES_MAX = 3;

/** What becomes of a deployment: `deadlineMs` is when its time for the first ping is over. */
export function decideDeployment(
  sights: readonly ServerSight[],
  nowMs: number,
  deadlineMs: (variant: string) => number,
): DeploymentDecision {
  if (sights.every(({ status }) => status === 'healthy')) return { kind: 'switch' };
  for (const sight of sights) {
    if (sight.status === 'healthy') continue;
    const { variant, end } = sight;
    const ping = `The ${sight.container} container for production variant ${variant} did not pass the ping health check. Please check CloudWatch logs for this endpoint.`;
    if (end && (end.fatal || sight.crashes >= CRASHES_MAX)) {
      return {
        kind: 'fail',
        variant,
        reason: `${ping} The model server ${end.fatal ? 'could not be started' : `ended ${sight.crashes} times`}: ${end.text}.`,
      };
    }
    if (nowMs >= deadlineMs(variant)) {
      const why =
        sight.status === 'waiting'
          ? `Unable to provision requested compute capacity for production variant ${variant}: ${sight.waitingReason ?? 'none was free'}`
          : ping;
      return { kind: 'fail', variant, reason: end ? `${why} The model server ended before: ${end.text}.` : why };
    }
  }
  return { kind: 'wait' };
}
