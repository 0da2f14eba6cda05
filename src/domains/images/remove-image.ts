import type { OperationContext } from '../../platform/calls/operation.ts';
import { entryOf } from '../../platform/ledger/entry-of.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Row } from '../../platform/store/port.ts';
import { placeOf } from '../../platform/resources/declaration.ts';
import type { ImagesPorts } from './ports.ts';
import { tagsOf } from './repository-access.ts';
import { digestOf, type ImageDocument, LAYER_SWEEP, repositoryArn, repositoryKey } from './resources.ts';

/** Takes an image away with all its tags; its layers go when nothing refers to them any more. */
export async function removeImage(
  { store }: Pick<ImagesPorts, 'store'>,
  context: OperationContext,
  image: Row<ImageDocument>,
): Promise<string[]> {
  const { repository, digest } = image.document;
  const place = placeOf(context);
  return decideAndCommit(store, async () => {
    const row = await store.get<ImageDocument>(image.key);
    if (!row) return { result: [] };
    const tags = await tagsOf(store, place, repository, digest);
    const names = tags.map(({ document }) => document.tag);
    return {
      commit: {
        expect: [row, ...tags].map(({ key, version }) => ({ key, version })),
        remove: [row.key, ...tags.map(({ key }) => key)],
        timers: [{ reconciler: LAYER_SWEEP, key: repositoryKey(place, repository), dueAtMs: context.nowMs }],
        ledger: [
          entryOf(context, 'ecr:BatchDeleteImage', [repositoryArn(place, repository)], {
            imageDigest: [digestOf(digest), null],
            imageTags: [names, null],
          }),
        ],
      },
      result: names,
    };
  });
}
