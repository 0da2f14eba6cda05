import type {
  AsyncInferenceConfig,
  CreateEndpointConfigInput,
  CreateModelInput,
  DeploymentConfig,
  EndpointStatus,
} from '../../contract/generated/sagemaker.ts';
import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { PinnedObject } from '../../platform/objects/pin.ts';
import { containerBlobs, type PinnedContainer } from '../../platform/serving/pinned-container.ts';

export const MODEL: ResourceDeclaration = {
  kind: 'Model',
  service: 'sagemaker',
  arnType: 'model',
  absent: { code: 'ValidationException', message: (_name, arn) => `Could not find model "${arn}".` },
  exists: { code: 'ValidationException', message: (_name, arn) => `Cannot create already existing model "${arn}".` },
};

export const ENDPOINT_CONFIG: ResourceDeclaration = {
  kind: 'EndpointConfig',
  service: 'sagemaker',
  arnType: 'endpoint-config',
  absent: { code: 'ValidationException', message: (_name, arn) => `Could not find endpoint configuration "${arn}".` },
  exists: {
    code: 'ValidationException',
    message: (_name, arn) => `Cannot create already existing endpoint configuration "${arn}".`,
  },
};

export const ENDPOINT: ResourceDeclaration = {
  kind: 'Endpoint',
  service: 'sagemaker',
  arnType: 'endpoint',
  absent: { code: 'ValidationException', message: (_name, arn) => `Could not find endpoint "${arn}".` },
  exists: { code: 'ValidationException', message: (_name, arn) => `Cannot create already existing endpoint "${arn}".` },
};

/** What every document of this room says of its own making. */
interface Made {
  readonly CreationTime: number;
  /** Recognises our own write when a commit's answer was lost. */
  readonly requestId: string;
}

export interface ModelDocument extends Omit<CreateModelInput, 'Tags'>, Made {
  readonly ModelArn: string;
  /** Names of images of this data folder, to the same with the digest that they had when the model was made. */
  readonly pinnedImages?: Readonly<Record<string, string>>;
}

export interface EndpointConfigDocument extends Omit<CreateEndpointConfigInput, 'Tags'>, Made {
  readonly EndpointConfigArn: string;
}

/** A model as it is served: its first container, and those after it if it has several. */
export interface PinnedModel extends PinnedContainer {
  readonly ModelName: string;
  readonly networkIsolation: boolean;
  readonly executionRoleArn?: string;
  readonly following?: readonly PinnedContainer[];
  /** Each request is for one of the containers, which it names. Otherwise they answer one after the other. */
  readonly direct?: true;
}

export const containersOf = (model: PinnedModel): readonly PinnedContainer[] => [model, ...(model.following ?? [])];

/** What a container is called where several are told apart. */
export const containerName = ({ hostname }: PinnedContainer, place: number): string => hostname ?? `container-${place + 1}`;

/** The model servers of one instance, one per container. All names are derived, so that starting one twice starts one. */
export interface InstancePlan {
  /** As the log stream shows it: `i-…`. */
  readonly id: string;
  readonly workId: string;
  /** Of the containers after the first. */
  readonly following?: readonly string[];
}

export const worksOf = ({ workId, following }: InstancePlan): readonly string[] => [workId, ...(following ?? [])];

export interface ServerlessPlan {
  readonly memoryMiB: number;
  readonly maxConcurrency: number;
  /** Above 0 it never sleeps. */
  readonly provisionedConcurrency: number;
}

export interface PinnedVariant {
  readonly name: string;
  readonly weight: number;
  readonly instanceType: string;
  readonly instances: readonly InstancePlan[];
  readonly model: PinnedModel;
  readonly startupTimeoutSeconds: number;
  /** Its one instance runs only while it is awake. */
  readonly serverless?: ServerlessPlan;
  /** The deployment in which its models were pinned; scaling keeps it. */
  readonly pinnedIn?: number;
}

/** A whole set of model servers that serves, or is being brought up to serve. */
export interface Fleet {
  /** Counts an endpoint's deployments. */
  readonly number: number;
  readonly configName: string;
  readonly variants: readonly PinnedVariant[];
  readonly startedAtMs: number;
  readonly deploymentConfig?: DeploymentConfig;
  /** The endpoint answers asynchronously. */
  readonly asyncConfig?: AsyncInferenceConfig;
}

/** An instance on its way out: its model servers end when nothing is in flight to it. */
export interface Retiring extends InstancePlan {
  readonly notBeforeMs: number;
}

/**
 * `serving` is what the router sends to, `deploying` what is being brought up; the switch is one commit. A deployment
 * that only scales shares instances with what serves.
 */
export interface EndpointDocument extends Made {
  readonly EndpointName: string;
  readonly EndpointArn: string;
  readonly EndpointStatus: EndpointStatus;
  readonly FailureReason?: string;
  readonly LastModifiedTime: number;
  /** The config that serves, or that a failed creation was to serve. */
  readonly configName: string;
  readonly fleets: number;
  readonly serving?: Fleet;
  readonly deploying?: Fleet;
  readonly retiring: readonly Retiring[];
  /** Serverless variants of `serving` that are awake, and since when. */
  readonly awake?: Readonly<Record<string, number>>;
}

/** Whether the variant's model servers are to run. */
export const isAwake = ({ awake }: Pick<EndpointDocument, 'awake'>, { name, serverless }: PinnedVariant): boolean =>
  !serverless || serverless.provisionedConcurrency > 0 || awake?.[name] !== undefined;

export const fleetInstances = (fleet: Fleet | undefined): InstancePlan[] =>
  (fleet?.variants ?? []).flatMap(({ instances }) => instances);

/** Every blob an endpoint's model servers are, or may be, started from. */
export const endpointBlobs = ({ serving, deploying }: Pick<EndpointDocument, 'serving' | 'deploying'>): string[] => [
  ...new Set(
    [serving, deploying]
      .flatMap((fleet) => fleet?.variants ?? [])
      .flatMap(({ model }) => containersOf(model))
      .flatMap(containerBlobs),
  ),
];

/** A model of a multi-model container: pinned when it was first asked for, the same bytes for as long as that deployment serves. */
export interface HostedModelDocument {
  readonly EndpointArn: string;
  readonly variant: string;
  /** As requests name it. */
  readonly model: string;
  readonly pinnedIn: number;
  readonly object: PinnedObject;
}

/** Its rows have the endpoint's ARN as parent. */
export const HOSTED_MODEL_KIND = 'HostedModel';
