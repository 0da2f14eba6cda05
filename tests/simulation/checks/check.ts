import type { StoredEvent } from '../../../src/platform/events/event.ts';
import type { JsonObject } from '../../../src/platform/json.ts';
import type { LedgerEntry } from '../../../src/platform/ledger/entry.ts';
import type { EndpointRoute } from '../../../src/platform/ports/routes.ts';
import type { WorkEnd, WorkSpec } from '../../../src/platform/ports/work.ts';
import type { ResourceKey } from '../../../src/platform/resource-key.ts';
import type { Commit, Row } from '../../../src/platform/store/port.ts';
import type { SimDisk } from '../sim-disk.ts';

/** What checks look at besides the commits: all of it as it is now, without a fault between. */
export interface Watched {
  readonly disk: SimDisk;
  readonly approval: 'required' | 'open';
  /** What all jobs together may reserve, in hosts. */
  readonly jobHostsMax: number;
  /** Contents by digest. */
  readonly blobs: ReadonlyMap<string, unknown>;
  /** What the machine has of each work, until it is released. */
  readonly works: ReadonlyMap<string, WatchedWork>;
  nowMs(): number;
  /** How many faults there were. */
  faults(): number;
  /** What the router sends to. */
  routes(): readonly EndpointRoute[];
}

export interface WatchedWork {
  readonly spec: Pick<WorkSpec, 'kind' | 'hosts'>;
  readonly phase: 'staged' | 'preparing' | 'running' | 'ended';
  /** A service that answers. */
  readonly ready: boolean;
  readonly end: Pick<WorkEnd, 'reason' | 'exitCode' | 'endedAtMs'> | undefined;
}

/** One row that a commit wrote or removed. */
export interface RowChange {
  readonly key: ResourceKey;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

export interface SeenCommit {
  readonly commit: Commit;
  readonly changes: readonly RowChange[];
  /** As they stand on the disk. */
  readonly events: readonly StoredEvent[];
  readonly ledger: readonly LedgerEntry[];
}

/** The machine really began a work, or it ended there. */
export interface SeenWork {
  readonly id: string;
  readonly phase: 'running' | 'ended';
  readonly work: WatchedWork;
}

/** A call that a client outside saw succeed. */
export interface SeenAnswer {
  readonly operation: string;
  readonly input: JsonObject;
  readonly output: JsonObject;
  /** How many commits there were when the client sent it. */
  readonly askedAt: number;
  /** A call with the same token was sent before, whatever became of it. */
  readonly isRepeated: boolean;
}

/** A promise of the product, as something that can be seen to be broken. Each returns what is wrong, in words with the values. */
export interface Check {
  /** The promise, as a sentence. */
  readonly promise: string;
  onCommit?(seen: SeenCommit): string[];
  onWork?(work: SeenWork): string[];
  onAnswer?(answer: SeenAnswer): string[];
  /** One more thing happened in the world, whatever it was. */
  afterEvent?(): string[];
  /** Faults have stopped, and time passes only when nothing else can happen; or they begin again. */
  onCalm?(isCalm: boolean): string[];
  /** Faults have stopped and nothing moves any more. */
  atRest?(): string[];
}

export type MakeCheck = (watched: Watched) => Check;

export const shown = ({ kind, name }: ResourceKey): string => `${kind} ${name}`;

/** `arn:…:region:account:type/name` of a SageMaker resource, as the key of a row of `kind`. */
export function keyOfArn(arn: string, kind: string): ResourceKey {
  const [, , , region = '', account = '', ...rest] = arn.split(':');
  const resource = rest.join(':');
  return { account, region, kind, name: resource.slice(resource.indexOf('/') + 1) };
}

/** A member of a document by its path; undefined where there is none. */
export function memberOf(document: unknown, ...path: (string | number)[]): unknown {
  let value = document;
  for (const member of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as { readonly [member: string]: unknown })[member];
  }
  return value;
}

export function textOf(document: unknown, ...path: (string | number)[]): string | undefined {
  const value = memberOf(document, ...path);
  return typeof value === 'string' ? value : undefined;
}

export function listOf(document: unknown, ...path: (string | number)[]): readonly unknown[] {
  const value = memberOf(document, ...path);
  return Array.isArray(value) ? value : [];
}
