import { absentError, type Place } from '../../platform/resources/declaration.ts';
import type { ActionDeclaration, PipelineDeclaration } from '../../contract/generated/codepipeline.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import type { Store } from '../../platform/store/port.ts';
import { type Read, readRow } from '../../platform/store/typed-rows.ts';
import {
  type ActionRecord,
  DELIVERY_PIPELINE,
  incarnationIn,
  type LineDocument,
  lineKey,
  type PipelineDocument,
  pipelineKey,
  type VersionDocument,
  versionKey,
} from './resources.ts';

type Reads = Pick<Store, 'get'>;

export async function readPipeline(store: Reads, place: Place, name: string): Promise<Read<PipelineDocument>> {
  const row = await readRow<PipelineDocument>(store, pipelineKey(place, name));
  if (!row) throw absentError(DELIVERY_PIPELINE, place, name);
  return row;
}

export const EMPTY_LINE: LineDocument = { stages: {}, transitions: {}, started: 0 };

export async function readLine(
  store: Reads,
  place: Place,
  incarnation: string,
): Promise<{ readonly key: ResourceKey; readonly version: number; readonly document: LineDocument }> {
  const key = lineKey(place, incarnation);
  const row = await readRow<LineDocument>(store, key);
  return { key, version: row?.version ?? 0, document: row?.document ?? EMPTY_LINE };
}

/** The structure of a version; it never changes. */
export async function readStructure(
  store: Reads,
  execution: ResourceKey,
  version: number,
): Promise<PipelineDeclaration | undefined> {
  const row = await readRow<VersionDocument>(store, versionKey(execution, incarnationIn(execution), version));
  return row?.document.declaration;
}

/** What the structure says of an action. */
export const declarationOf = (
  structure: PipelineDeclaration,
  { stage, name }: Pick<ActionRecord, 'stage' | 'name'>,
): ActionDeclaration | undefined => structure.stages.find((one) => one.name === stage)?.actions.find((one) => one.name === name);

/** Where a pipeline's artifacts of a region go. */
export const bucketOf = ({ artifactStore, artifactStores }: PipelineDeclaration, region: string): string =>
  artifactStore?.location ?? artifactStores?.[region]?.location ?? '';
