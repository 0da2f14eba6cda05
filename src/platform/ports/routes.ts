import type { Principal } from '../authorization/principal.ts';
import type { PolicyDocument } from '../authorization/policy.ts';
import type { WorkAddress } from './work.ts';

/** Everything the router needs to answer invocations while the server is away. Whole tables; the newest revision wins. */
export interface RouteSnapshot {
  readonly revision: number;
  readonly endpoints: readonly EndpointRoute[];
  readonly identities: IdentitySnapshot;
}

export interface EndpointRoute {
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly arn: string;
  readonly variants: readonly VariantRoute[];
  /** Takes asynchronous invocations, and no others. */
  readonly asynchronous?: true;
}

export interface VariantRoute {
  readonly name: string;
  /** Relative; 0 takes no traffic unless targeted. */
  readonly weight: number;
  /** Of models with several containers: `Serial`, one answers after the other; `Direct`, the one that the request names. */
  readonly containers?: { readonly mode: 'Serial' | 'Direct'; readonly names: readonly string[] };
  /** Places of the containers that serve many models each; the request names one of those. */
  readonly multiModel?: readonly number[];
  /** Sleeps while nobody asks: its instance is there only while it is awake. */
  readonly serverless?: { readonly maxConcurrency: number };
  readonly instances: readonly InstanceRoute[];
}

export interface InstanceRoute {
  readonly id: string;
  readonly address: WorkAddress;
  /** Of the containers after the first. */
  readonly following?: readonly WorkAddress[];
}

export interface IdentitySnapshot {
  readonly accessKeys: readonly { readonly id: string; readonly secret: string; readonly principal: Principal }[];
  /** Opens session tokens; hex. */
  readonly sealingKey: string;
  /** By unique id (`AIDA…`, `AROA…`): a role made anew under an old name is another one, and its old sessions stay dead. */
  readonly policies: Readonly<Record<string, readonly PolicyDocument[]>>;
}

/** Publishing parts of the snapshot. Resolves only when the router has applied it. */
export interface RoutePublisher {
  publishEndpoints(endpoints: readonly EndpointRoute[]): Promise<void>;
  publishIdentities(identities: IdentitySnapshot): Promise<void>;
  /** For instances no longer routed to: true when none is answering a request any more, false after `timeoutMs`. */
  drained(instances: readonly string[], timeoutMs: number): Promise<boolean>;
  /** When each instance was last busy; those the router does not know, or that it has not sent anything to, are left out. */
  usage(instances: readonly string[]): Promise<Readonly<Record<string, InstanceUsage>>>;
  /** Who answers the router's questions from now on. */
  answer(questions: RouterQuestions): void;
}

export interface InstanceUsage {
  readonly inFlight: number;
  readonly usedAtMs: number;
}

/** Where an endpoint is. */
export interface EndpointPlace {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

/** Why the server does not do what the router asked for, as the router's client hears it. */
export interface QuestionFault {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export type Answered<T> = T | { readonly fault: QuestionFault };

/** A model of a multi-model container. `instance` is the id of the route's instance, `container` the container's place. */
export interface ModelPlace {
  readonly endpoint: EndpointPlace;
  readonly instance: string;
  readonly container: number;
  /** As the request names it: a key below the model's S3 prefix. */
  readonly model: string;
}

export interface AsyncInvocation {
  readonly endpoint: EndpointPlace;
  readonly requestId: string;
  /** Those of the request that matter to the invocation, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface AcceptedInvocation {
  readonly inferenceId: string;
  readonly outputLocation: string;
  readonly failureLocation?: string;
}

/** What only the server can do for an invocation. While it is away the router says so to its client, and answers all others. */
export interface RouterQuestions {
  /** Brings the archive of a model within reach of the instance, unpacked: the folder as the container sees it. */
  placeModel(asked: ModelPlace): Promise<Answered<{ readonly folder: string }>>;
  /** The instance has unloaded the model: its files may go. */
  dropModel(asked: ModelPlace): Promise<Answered<object>>;
  /** Has a sleeping variant's instance started; the routes tell when it is there. */
  wake(asked: { readonly endpoint: EndpointPlace; readonly variant: string }): Promise<Answered<object>>;
  /** Accepts an asynchronous invocation: durable when this resolves. */
  acceptAsync(asked: AsyncInvocation): Promise<Answered<AcceptedInvocation>>;
}
