import { drawnParents, type GraphNode } from './definition-graph.ts';

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 50;
const LANE_WIDTH = 20;
const GAP_X = 26;
const GAP_Y = 48;
const ORDER_SWEEPS = 12;
const PLACE_SWEEPS = 60;

export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Layout {
  /** Upper left corners by step name. */
  readonly corners: ReadonlyMap<string, Point>;
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly label?: string;
    readonly points: readonly Point[];
  }[];
  readonly width: number;
  readonly height: number;
}

/** A step, or a lane in which a long edge passes the steps of a layer. */
interface Cell {
  readonly name?: string;
  readonly layer: number;
  readonly width: number;
  readonly above: Cell[];
  readonly below: Cell[];
  x: number;
}

/** Layers by the longest path from the roots; long edges get lanes of their own, so that no edge runs behind a step. */
export function layoutOf(nodes: readonly GraphNode[]): Layout {
  const layers = layersOf(nodes);
  const cells = new Map(nodes.map((node) => [node.name, cellOf(layers.get(node.name) ?? 0, node.name)]));
  const rows: Cell[][] = Array.from({ length: 1 + Math.max(-1, ...layers.values()) }, () => []);
  for (const cell of cells.values()) rows[cell.layer]?.push(cell);
  const parentsOf = drawnParents(nodes);
  const edges = nodes.flatMap((node) =>
    (parentsOf.get(node.name) ?? []).flatMap((parent) => {
      const [from, to] = [cells.get(parent.name), cells.get(node.name)];
      return from && to && from.layer < to.layer
        ? [{ from: parent.name, to: node.name, label: parent.label, way: route(from, to, rows) }]
        : [];
    }),
  );
  order(rows);
  place(rows);
  const all = rows.flat();
  const left = Math.min(0, ...all.map((cell) => cell.x - cell.width / 2));
  const pointOf = (cell: Cell): Point => ({ x: cell.x - left, y: cell.layer * (NODE_HEIGHT + GAP_Y) });
  return {
    corners: new Map([...cells].map(([name, cell]) => [name, { ...pointOf(cell), x: pointOf(cell).x - cell.width / 2 }])),
    edges: edges.map(({ way, ...edge }) => ({ ...edge, points: way.map(pointOf) })),
    width: Math.max(0, ...all.map((cell) => cell.x + cell.width / 2)) - left,
    height: Math.max(0, rows.length * (NODE_HEIGHT + GAP_Y) - GAP_Y),
  };
}

const cellOf = (layer: number, name?: string): Cell => ({
  name,
  layer,
  width: name === undefined ? LANE_WIDTH : NODE_WIDTH,
  above: [],
  below: [],
  x: 0,
});

function layersOf(nodes: readonly GraphNode[]): Map<string, number> {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const layers = new Map<string, number>();
  const layerOf = (name: string): number => {
    const known = layers.get(name);
    if (known !== undefined) return known;
    layers.set(name, 0); // a cycle cannot come from a checked definition; this only keeps a bad one from hanging the page
    const parents = (byName.get(name)?.parents ?? []).filter((parent) => byName.has(parent.name));
    const layer = Math.max(0, ...parents.map((parent) => 1 + layerOf(parent.name)));
    layers.set(name, layer);
    return layer;
  };
  for (const { name } of nodes) layerOf(name);
  return layers;
}

/** The cells an edge passes, from one step to the other; adds a lane to each layer in between. */
function route(from: Cell, to: Cell, rows: Cell[][]): Cell[] {
  const way = [from];
  for (let layer = from.layer + 1; layer < to.layer; layer++) {
    const lane = cellOf(layer);
    rows[layer]?.push(lane);
    way.push(lane);
  }
  way.push(to);
  for (const [at, cell] of way.entries()) {
    const next = way[at + 1];
    if (!next) continue;
    cell.below.push(next);
    next.above.push(cell);
  }
  return way;
}

/** Orders each row by the mean place of its neighbours, down and up again, which takes out most crossings. */
function order(rows: readonly Cell[][]): void {
  const number = (row: Cell[]): void => {
    for (const [at, cell] of row.entries()) cell.x = at - (row.length - 1) / 2;
  };
  for (const row of rows) number(row);
  for (let sweep = 0; sweep < ORDER_SWEEPS; sweep++) {
    const isDown = sweep % 2 === 0;
    for (const row of isDown ? rows : rows.toReversed()) {
      const wishes = new Map(row.map((cell) => [cell, meanOf(isDown ? cell.above : cell.below, cell.x)]));
      row.sort((a, b) => (wishes.get(a) ?? 0) - (wishes.get(b) ?? 0));
      number(row);
    }
  }
}

/** Gives each cell a place near its neighbours without changing the order or letting two overlap. */
function place(rows: readonly Cell[][]): void {
  for (const row of rows) spread(row, (cell) => cell.x * (NODE_WIDTH + GAP_X));
  for (let sweep = 0; sweep < PLACE_SWEEPS; sweep++) {
    for (const row of sweep % 2 === 0 ? rows : rows.toReversed()) {
      spread(row, (cell) => meanOf([...cell.above, ...cell.below], cell.x));
    }
  }
}

/** As near as possible (least squares) to what each wishes: neighbours in each other's way move as one block. */
function spread(row: readonly Cell[], wishOf: (cell: Cell) => number): void {
  const offsets: number[] = [];
  for (const [at, cell] of row.entries()) {
    const left = row[at - 1];
    offsets.push(left ? (offsets[at - 1] ?? 0) + left.width / 2 + GAP_X + cell.width / 2 : 0);
  }
  const blocks: { count: number; weight: number; sum: number }[] = [];
  for (const [at, cell] of row.entries()) {
    const weight = weightOf(cell);
    let block = { count: 1, weight, sum: weight * (wishOf(cell) - (offsets[at] ?? 0)) };
    for (let last = blocks.at(-1); last && last.sum / last.weight > block.sum / block.weight; last = blocks.at(-1)) {
      block = { count: last.count + block.count, weight: last.weight + block.weight, sum: last.sum + block.sum };
      blocks.pop();
    }
    blocks.push(block);
  }
  let at = 0;
  for (const { count, weight, sum } of blocks) {
    for (const cell of row.slice(at, at + count)) cell.x = sum / weight + (offsets[at++] ?? 0);
  }
}

/** Steps count for more than lanes, so that it is the lanes that bend. */
const weightOf = (cell: Cell): number => (cell.name === undefined ? 1 : 50);

function meanOf(cells: readonly Cell[], otherwise: number): number {
  if (cells.length === 0) return otherwise;
  const weight = cells.reduce((sum, cell) => sum + weightOf(cell), 0);
  return cells.reduce((sum, cell) => sum + cell.x * weightOf(cell), 0) / weight;
}
