import type { DeploymentConfig } from '../../../contract/generated/sagemaker.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { Json } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError, keyOf } from '../../../platform/resources/declaration.ts';
import { tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit, Write } from '../../../platform/store/port.ts';
import { type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { accepted, refuse } from '../../../platform/errors/rejection.ts';
import { checkAsyncModel, checkDeployment } from '../decide-config.ts';
import { checkUpdatable, planFleet, planScaling, retainProperties, withWeights } from '../decide-endpoint.ts';
import { endpointEvents } from '../describe-endpoint.ts';
import type { EndpointRoutes } from '../endpoint-routes.ts';
import { instanceNames } from '../instance-names.ts';
import type { PinnedContainer } from '../../../platform/serving/pinned-container.ts';
import { pinModel } from '../pin-model.ts';
import type { HostingPorts } from '../ports.ts';
import { RECONCILER } from '../reconcile-endpoint.ts';
import {
  ENDPOINT,
  ENDPOINT_CONFIG,
  type EndpointConfigDocument,
  type EndpointDocument,
  type Fleet,
  MODEL,
  type ModelDocument,
} from '../resources.ts';
import { endpointWrite } from '../rows.ts';

type FleetPlan = (number: number, endpoint: Pick<EndpointDocument, 'EndpointArn' | 'CreationTime'>) => Fleet;

/** Reads a config and pins every model it names; what comes back makes the fleet once its number is known. */
async function pinConfig(
  ports: HostingPorts,
  context: OperationContext,
  configName: string,
  deploymentConfig: DeploymentConfig | undefined,
): Promise<FleetPlan> {
  const config = await readRow<EndpointConfigDocument>(ports.store, keyOf(ENDPOINT_CONFIG, context, configName));
  if (!config) throw absentError(ENDPOINT_CONFIG, context, configName);
  const variants: Parameters<typeof planFleet>[0][number][] = [];
  for (const asked of config.document.ProductionVariants) {
    const model = await readRow<ModelDocument>(ports.store, keyOf(MODEL, context, asked.ModelName ?? ''));
    if (!model) throw absentError(MODEL, context, asked.ModelName ?? '');
    variants.push({ asked, model: await pinModel(ports, context, model.document) });
  }
  const { AsyncInferenceConfig: asyncConfig } = config.document;
  if (asyncConfig) for (const { model } of variants) refuse(checkAsyncModel(model));
  return (number, { EndpointArn, CreationTime }) =>
    planFleet(variants, {
      number,
      configName,
      nowMs: context.nowMs,
      ...(deploymentConfig && { deploymentConfig }),
      ...(asyncConfig && { asyncConfig }),
      nameInstance: instanceNames(EndpointArn, CreationTime),
    });
}

export const createEndpoint = (ports: HostingPorts) =>
  operation('sagemaker:CreateEndpoint', {
    effect: 'change',
    needs: ({ EndpointName, EndpointConfigName }, context) => [
      {
        action: 'sagemaker:CreateEndpoint',
        resources: [arnOf(ENDPOINT, context, EndpointName), arnOf(ENDPOINT_CONFIG, context, EndpointConfigName)],
      },
    ],
    async handle(input, context) {
      refuse(checkDeployment(input.DeploymentConfig));
      const key = keyOf(ENDPOINT, context, input.EndpointName);
      const EndpointArn = arnOf(ENDPOINT, context, input.EndpointName);
      const fleet = await pinConfig(ports, context, input.EndpointConfigName, input.DeploymentConfig);
      const tags = tagsWrite(EndpointArn, input.Tags, context.nowMs);
      return decideAndCommit(ports.store, async () => {
        const existing = await readRow<EndpointDocument>(ports.store, key);
        if (existing?.document.requestId === context.requestId) return { result: { EndpointArn } };
        if (existing) throw existsError(ENDPOINT, context, input.EndpointName);
        const document: EndpointDocument = {
          EndpointName: input.EndpointName,
          EndpointArn,
          EndpointStatus: 'Creating',
          CreationTime: context.nowMs,
          LastModifiedTime: context.nowMs,
          requestId: context.requestId,
          configName: input.EndpointConfigName,
          fleets: 1,
          deploying: fleet(1, { EndpointArn, CreationTime: context.nowMs }),
          retiring: [],
        };
        return {
          result: { EndpointArn },
          commit: deployment({ key, version: 0 }, undefined, document, context, tags ? [tags] : []),
        };
      });
    },
  });

export const updateEndpoint = (ports: HostingPorts) =>
  operation('sagemaker:UpdateEndpoint', {
    effect: 'change',
    needs: ({ EndpointName, EndpointConfigName }, context) => [
      {
        action: 'sagemaker:UpdateEndpoint',
        resources: [arnOf(ENDPOINT, context, EndpointName), arnOf(ENDPOINT_CONFIG, context, EndpointConfigName)],
      },
    ],
    async handle(input, context) {
      refuse(checkDeployment(input.DeploymentConfig));
      const row = await updatable(ports, context, input.EndpointName);
      const last = row.document.serving?.deploymentConfig;
      const fleet = await pinConfig(
        ports,
        context,
        input.EndpointConfigName,
        input.DeploymentConfig ?? (input.RetainDeploymentConfig ? last : undefined),
      );
      const excluded = (input.ExcludeRetainedVariantProperties ?? []).map(({ VariantPropertyType }) => VariantPropertyType);
      const { EndpointArn } = await startDeployment(ports, context, input.EndpointName, (endpoint) => {
        const number = endpoint.fleets + 1;
        const planned = fleet(number, endpoint);
        const deploying = input.RetainAllVariantProperties
          ? retainProperties(planned, endpoint.serving, excluded, instanceNames(endpoint.EndpointArn, endpoint.CreationTime))
          : planned;
        return { deploying };
      });
      return { EndpointArn };
    },
  });

/** Answered when the router sends by the new weights; model servers come and go afterwards. */
export const updateEndpointWeightsAndCapacities = (ports: HostingPorts, routes: EndpointRoutes) =>
  operation('sagemaker:UpdateEndpointWeightsAndCapacities', {
    effect: 'change',
    needs: ({ EndpointName }, context) => [
      { action: 'sagemaker:UpdateEndpointWeightsAndCapacities', resources: [arnOf(ENDPOINT, context, EndpointName)] },
    ],
    async handle(input, context) {
      const { EndpointName, DesiredWeightsAndCapacities: desired } = input;
      const updating = await startDeployment(ports, context, EndpointName, (endpoint) => {
        if (!endpoint.serving)
          throw new ServiceError('ValidationException', `Cannot update in-progress endpoint "${endpoint.EndpointArn}".`);
        const facts = {
          number: endpoint.fleets + 1,
          nowMs: context.nowMs,
          nameInstance: instanceNames(endpoint.EndpointArn, endpoint.CreationTime),
        };
        const deploying = accepted(planScaling(endpoint.serving, desired, facts));
        return { deploying, serving: withWeights(endpoint.serving, desired) };
      });
      await routes.reweigh(keyOf(ENDPOINT, context, EndpointName), updating);
      return { EndpointArn: updating.EndpointArn };
    },
  });

async function updatable(ports: HostingPorts, context: OperationContext, name: string): Promise<Read<EndpointDocument>> {
  const row = await readRow<EndpointDocument>(ports.store, keyOf(ENDPOINT, context, name));
  if (!row) throw absentError(ENDPOINT, context, name);
  const problem = checkUpdatable(row.document);
  if (problem) throw new ServiceError('ValidationException', problem);
  return row;
}

/** Writes the next fleet beside the serving one; the reconciler brings it up and switches. */
function startDeployment(
  ports: HostingPorts,
  context: OperationContext,
  name: string,
  plan: (endpoint: EndpointDocument) => Pick<EndpointDocument, 'deploying' | 'serving'> & { readonly deploying: Fleet },
): Promise<EndpointDocument> {
  return decideAndCommit(ports.store, async (count) => {
    const stored = await readRow<EndpointDocument>(ports.store, keyOf(ENDPOINT, context, name));
    // our own write, whose answer was lost, reads as an update in progress
    if (count > 0 && stored?.document.requestId === context.requestId) return { result: stored.document };
    const row = await updatable(ports, context, name);
    const planned = plan(row.document);
    const { FailureReason: _reason, ...kept } = row.document;
    const document: EndpointDocument = {
      ...kept,
      EndpointStatus: 'Updating',
      LastModifiedTime: context.nowMs,
      requestId: context.requestId,
      fleets: planned.deploying.number,
      ...planned,
    };
    return { result: document, commit: deployment(row, row.document, document, context, []) };
  });
}

function deployment(
  row: Pick<Read<EndpointDocument>, 'key' | 'version'>,
  before: EndpointDocument | undefined,
  after: EndpointDocument,
  context: OperationContext,
  further: readonly Write[],
): Commit {
  const { key, version } = row;
  return {
    expect: [{ key, version }],
    write: [endpointWrite(key, after), ...further],
    timers: [{ reconciler: RECONCILER, key, dueAtMs: context.nowMs }],
    events: endpointEvents(after, context, context.nowMs),
    ledger: [
      entryOf(context, context.operation, [after.EndpointArn], {
        EndpointStatus: [before?.EndpointStatus ?? null, after.EndpointStatus],
        EndpointConfigName: [before?.serving?.configName ?? null, after.deploying?.configName ?? null],
        ProductionVariants: [fleetJson(before?.serving), fleetJson(after.deploying)],
      }),
    ],
  };
}

/** What serves, as the ledger keeps it: models, packages with their approval, and digests. */
function fleetJson(fleet: Fleet | undefined): Json {
  return (fleet?.variants ?? []).map(({ name, weight, instances, instanceType, model }) => ({
    VariantName: name,
    Weight: weight,
    InstanceCount: instances.length,
    InstanceType: instanceType,
    ModelName: model.ModelName,
    ...containerJson(model),
    ...(model.following && { Following: model.following.map(containerJson) }),
  }));
}

const containerJson = ({ image, modelPackage, artifacts }: PinnedContainer) => ({
  Image: image,
  ...(modelPackage && { ModelPackage: modelPackage.arn, ModelApprovalStatus: modelPackage.approval ?? null }),
  artifacts: artifacts.map(({ uri, objects }) => ({ uri, digests: objects.map(({ digest }) => digest) })),
});
