import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import type { AuthorizationNeed } from '../authorization/policy.ts';
import type { Principal } from '../authorization/principal.ts';
import type { EventInput } from '../events/event.ts';
import type { Reconciler } from '../reconcile/port.ts';
import type { ResourceDeclaration } from '../resources/declaration.ts';
import type { ResourceKey } from '../resource-key.ts';

/** What a handler knows of the call besides its validated input. Handlers never see HTTP. */
export interface OperationContext {
  readonly operation: OperationName;
  readonly principal: Principal;
  readonly account: string;
  readonly region: string;
  readonly requestId: string;
  readonly nowMs: number;
  /** Absent for calls between rooms. */
  readonly client?: ClientOrigin;
}

export interface ClientOrigin {
  readonly sourceIp: string;
  readonly userAgent: string;
  /** The address the client reached us under, e.g. `http://127.0.0.1:7600`: answers that hold URLs hold this one. */
  readonly endpoint?: string;
  /** Aborted when the client went away: whoever waits for something on its behalf need not any more. */
  readonly gone?: AbortSignal;
}

export interface Operation<N extends OperationName = OperationName> {
  readonly name: N;
  /**
   * Changes get a ledger entry in their own commit (made by the handler); reads do not, nor does what only passes a message on (Publish,
   * SendMessage, PutEvents): that changes no resource.
   */
  readonly effect: 'read' | 'change';
  /** What the caller must be allowed to do; evaluated before the handler for clients and rooms alike. */
  needs(input: InputOf<N>, context: OperationContext): AuthorizationNeed[] | Promise<AuthorizationNeed[]>;
  handle(input: InputOf<N>, context: OperationContext): Promise<OutputOf<N>>;
}

/** An operation of any name, for tables; the name ties input and output together again. */
// biome-ignore lint/suspicious/noExplicitAny: the only seam where operations of different types share a table
export type AnyOperation = Operation<any>;

/** Gives an operation its types: `operation('sagemaker:CreateModel', { … })`. */
export function operation<N extends OperationName>(name: N, rest: Omit<Operation<N>, 'name'>): Operation<N> {
  return { name, ...rest };
}

export interface CallOrigin {
  readonly region: string;
  /** Ties the ledger entries of one cause together, e.g. the request id or execution ARN. */
  readonly requestId?: string;
}

/** Calls between rooms: same validation, authorisation and ledger as a client's call. */
export interface Calls {
  call<N extends OperationName>(principal: Principal, origin: CallOrigin, name: N, input: InputOf<N>): Promise<OutputOf<N>>;
}

/** A room as `main` sees it. */
export interface Room {
  readonly name: string;
  readonly operations: readonly AnyOperation[];
  /** The kinds this room owns; tagging finds resources of any room through them. */
  readonly resources: readonly ResourceDeclaration[];
  readonly reconcilers?: readonly Reconciler[];
  /** Operations of other rooms that this one calls; the no-cycle test runs on this list. */
  readonly calls: readonly OperationName[];
  /** Events of other rooms that wake reconcilers here. */
  readonly subscriptions?: readonly Subscription[];
  /** Runs once before requests are answered: rebuild projections, check what must exist. */
  start?(): Promise<void>;
  /** Before a server stops: answers requests that only wait (long polls), so that none holds it up. */
  release?(): void;
  stop?(): Promise<void>;
}

export interface Subscription {
  readonly detailType: string;
  wakes(event: EventInput): { readonly reconciler: string; readonly key: ResourceKey }[];
}
