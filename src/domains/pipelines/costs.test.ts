import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, describe, endAll, processing, start, world } from '../../../tests/pipelines/programs.ts';
import type { World } from '../../../tests/pipelines/world.ts';

/** What an execution asks of the store. Counts, not times: they are the same on every machine. */
interface Costs {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly commits: number;
  readonly chars: number;
}

/** Counts from now on; rows of the step at hand are read and written, never those of the steps before it. */
function countCosts({ store }: World): () => Costs {
  const costs = { rowsRead: 0, rowsWritten: 0, commits: 0, chars: 0 };
  const { get, getMany, list, commit } = store;
  const counted: Partial<typeof store> = {
    get: (key) => {
      costs.rowsRead += 1;
      return get(key);
    },
    getMany: (keys) => {
      costs.rowsRead += keys.length;
      return getMany(keys);
    },
    list: async (query) => {
      const page = await list(query);
      costs.rowsRead += page.rows.length;
      return page as never;
    },
    commit: (one) => {
      costs.commits += 1;
      costs.rowsWritten += (one.write ?? []).length + (one.remove ?? []).length;
      costs.chars += JSON.stringify(one).length;
      return commit(one);
    },
  };
  Object.assign(store, counted);
  return () => costs;
}

async function costsOf(shape: (count: number) => object[], count: number): Promise<Costs> {
  const at = await world();
  const costs = countCosts(at);
  await at.restart(); // the server takes the store as it is now
  await create(at, shape(count));
  const before = { ...costs() };
  const arn = await start(at);
  await endAll(at);
  assert.equal((await describe(at, arn)).PipelineExecutionStatus, 'Succeeded');
  const after = costs();
  const per = (name: keyof Costs) => (after[name] - before[name]) / count;
  return { rowsRead: per('rowsRead'), rowsWritten: per('rowsWritten'), commits: per('commits'), chars: per('chars') };
}

const name = (n: number) => `Step${String(n).padStart(4, '0')}`;
const chain = (count: number) =>
  Array.from({ length: count }, (_, n) => processing(name(n), n > 0 ? { DependsOn: [name(n - 1)] } : {}));
const wide = (count: number) => {
  const middle = Array.from({ length: count - 2 }, (_, n) => name(n + 1));
  return [
    processing(name(0)),
    ...middle.map((step) => processing(step, { DependsOn: [name(0)] })),
    processing('Last', { DependsOn: middle }),
  ];
};

for (const [shape, steps] of Object.entries({ chain, wide })) {
  test(`a step of a long execution asks no more of the store than one of a short execution: ${shape}`, async () => {
    const [short, long] = [await costsOf(steps, 50), await costsOf(steps, 200)];
    for (const what of ['rowsRead', 'rowsWritten', 'commits', 'chars'] as const)
      assert.ok(long[what] <= short[what] * 1.05, `${what} of a step: ${short[what]} of 50 steps, ${long[what]} of 200`);
    assert.ok(long.commits <= 4 && long.rowsWritten <= 4 && long.rowsRead <= 4, JSON.stringify(long));
  });
}
