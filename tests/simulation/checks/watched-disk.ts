import type { EventInput } from '../../../src/platform/events/event.ts';
import type { JsonObject } from '../../../src/platform/json.ts';
import type { LedgerInput } from '../../../src/platform/ledger/entry.ts';
import type { EndpointRoute } from '../../../src/platform/ports/routes.ts';
import { keyText, type ResourceKey } from '../../../src/platform/resource-key.ts';
import type { Commit } from '../../../src/platform/store/port.ts';
import { createSimDisk, type SimDisk } from '../sim-disk.ts';
import type { MakeCheck, Watched, WatchedWork } from './check.ts';
import { Safety } from './safety.ts';

/** For tests of checks: a disk that is written by hand, and what one check says of it. */
export interface WatchedDisk {
  readonly disk: SimDisk;
  readonly safety: Safety;
  readonly blobs: Map<string, unknown>;
  readonly works: Map<string, WatchedWork>;
  readonly routes: EndpointRoute[];
  /** Writes and removes rows whose version it looks up; returns what is said of it. */
  commit(commit: Partial<Commit> & { readonly rows?: readonly (readonly [ResourceKey, JsonObject | undefined])[] }): string[];
  /** A work as the machine has it now. */
  work(id: string, work: Partial<WatchedWork>): string[];
  /** What was said since it was last asked. */
  said(): string[];
}

export function watchDisk(make: MakeCheck, facts: Partial<Watched> = {}): WatchedDisk {
  const disk = createSimDisk();
  const [blobs, works] = [new Map<string, unknown>(), new Map<string, WatchedWork>()];
  const routes: EndpointRoute[] = [];
  const watched = {
    disk,
    approval: 'required',
    jobHostsMax: 2,
    blobs,
    works,
    nowMs: () => 100,
    faults: () => 0,
    routes: () => routes,
    ...facts,
  } as const;
  const safety = new Safety(watched, [make(watched)]);
  const said = () => safety.problems.splice(0);
  return {
    disk,
    safety,
    blobs,
    works,
    routes,
    said,
    commit({ rows = [], ...commit }) {
      const expect = rows.map(([key]) => ({ key, version: disk.rows.get(key)?.version ?? 0 }));
      const parent = ({ kind, name }: ResourceKey) =>
        kind === 'PipelineExecutionStep' ? { parent: name.slice(0, name.lastIndexOf('/')) } : {};
      const { outcome } = disk.apply({
        expect,
        write: rows.flatMap(([key, document]) =>
          document ? [{ key, document, index: { ...parent(key), createdAtMs: 1, modifiedAtMs: 1 } }] : [],
        ),
        remove: rows.flatMap(([key, document]) => (document ? [] : [key])),
        ...commit,
      });
      if (outcome !== 'done') throw new Error(`the test's commit meets a conflict: ${rows.map(([key]) => keyText(key)).join()}`);
      return said();
    },
    work(id, work) {
      const known = works.get(id) ?? { spec: { kind: 'job', hosts: ['algo-1'] }, phase: 'staged', ready: false, end: undefined };
      works.set(id, { ...known, ...work });
      safety.afterEvent();
      return said();
    },
  };
}

export const key = (kind: string, name: string): ResourceKey => ({ account: '123456789012', region: 'us-east-1', kind, name });

export const arn = (type: string, name: string): string => `arn:aws:sagemaker:us-east-1:123456789012:${type}/${name}`;

export const EXECUTION = key('PipelineExecution', 'p/execution/1');
export const EXECUTION_ARN = arn('pipeline', 'p/execution/1');
export const step = (name: string): ResourceKey => key('PipelineExecutionStep', `p/execution/1/${name}`);

export const execution = (status: string, more: JsonObject = {}): JsonObject => ({
  status,
  arn: EXECUTION_ARN,
  definitionDigest: 'd',
  ...more,
});

export const definition = (...steps: JsonObject[]): readonly [ResourceKey, JsonObject] => [
  key('PipelineDefinition', 'd'),
  { text: JSON.stringify({ Version: '2020-12-01', Steps: steps }) },
];

export const event = (detailType: string, resource: string, detail: JsonObject): EventInput => ({
  source: 'aws.sagemaker',
  detailType,
  account: '123456789012',
  region: 'us-east-1',
  timeMs: 1,
  resources: [resource],
  detail,
});

export const entry = (action: string, resource: string, more: Partial<LedgerInput> = {}): LedgerInput => ({
  timeMs: 1,
  account: '123456789012',
  region: 'us-east-1',
  actor: 'arn:aws:iam::123456789012:user/admin',
  action,
  outcome: 'done',
  resources: [resource],
  ...more,
});
