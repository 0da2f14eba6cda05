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
}

export interface VariantRoute {
  readonly name: string;
  /** Relative; 0 takes no traffic unless targeted. */
  readonly weight: number;
  /** Of models with several containers: `Serial`, one answers after the other; `Direct`, the one that the request names. */
  readonly containers?: { readonly mode: 'Serial' | 'Direct'; readonly names: readonly string[] };
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
}
