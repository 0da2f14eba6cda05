import type { Place } from '../../platform/resources/declaration.ts';
import type { Commit, Store } from '../../platform/store/port.ts';
import { listRows, writeOf } from '../../platform/store/typed-rows.ts';
import { type Watched, watchedSources } from './decide-sources.ts';
import {
  incarnationOf,
  type PipelineDocument,
  SOURCE_KIND,
  SOURCE_RECONCILER,
  type SourceDocument,
  sourceKey,
  sourcePlaceKey,
} from './resources.ts';

const SOURCES_MAX = 100;

export const watchedPlace = (watched: Watched): string =>
  watched.kind === 'git' ? `git/${watched.repository}` : `s3/${watched.bucket}/${watched.objectKey}`;

/** Rows and timers that make the sources of a pipeline watched as its structure says, from no row or any. */
export async function sourceChanges(
  store: Store,
  place: Place,
  pipeline: PipelineDocument,
  nowMs: number,
  baseline?: string,
): Promise<Partial<Commit>> {
  const incarnation = incarnationOf(pipeline);
  const before = await listRows<SourceDocument>(store, {
    account: place.account,
    region: place.region,
    kind: SOURCE_KIND,
    namePrefix: `${incarnation}/`,
    sortBy: 'name',
    order: 'ascending',
    limit: SOURCES_MAX,
  });
  const wanted = watchedSources(pipeline.declaration);
  const gone = before.rows.filter(({ document }) => !wanted.some(({ action }) => action === document.watched.action));
  const changed = wanted.flatMap((watched) => {
    const row = before.rows.find(({ document }) => document.watched.action === watched.action);
    if (row && JSON.stringify(row.document.watched) === JSON.stringify(watched)) return [];
    const key = sourceKey(place, incarnation, watched.action);
    const document: SourceDocument = {
      pipelineName: pipeline.name,
      incarnation,
      watched,
      ...(baseline !== undefined && { baseline }),
    };
    const write = writeOf(key, document, { parent: watchedPlace(watched), createdAtMs: nowMs, modifiedAtMs: nowMs });
    return [{ key, version: row?.version ?? 0, write }];
  });
  const keys = [...new Set(wanted.map(watchedPlace))].map((watched) => sourcePlaceKey(place, watched));
  const rows = await store.getMany(keys);
  return {
    expect: [
      ...[...gone, ...changed].map(({ key, version }) => ({ key, version })),
      ...keys.map((key, nth) => ({ key, version: rows[nth]?.version ?? 0 })),
    ],
    remove: gone.map(({ key }) => key),
    // the row of a place is written anew: whoever is just about to take its timer away, since nothing watched it, sees that it is watched
    write: [
      ...changed.map(({ write }) => write),
      ...keys.map((key) => writeOf(key, {}, { createdAtMs: nowMs, modifiedAtMs: nowMs })),
    ],
    timers: keys.map((key) => ({ reconciler: SOURCE_RECONCILER, key, dueAtMs: nowMs })),
  };
}
