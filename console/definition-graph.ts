/** Nodes and edges of a pipeline definition, as drawn. */
export interface GraphNode {
  readonly name: string;
  readonly type: string;
  readonly parents: { readonly name: string; readonly label?: string }[];
}

interface Step {
  Name: string;
  Type: string;
  Arguments?: { IfSteps?: Step[]; ElseSteps?: Step[] };
  DependsOn?: (string | { Step: string })[];
}

/** Reads the definition JSON: references (`Steps.X.…`), DependsOn and the branches of conditions. */
export function graphOf(definition: string): GraphNode[] {
  const nodes: GraphNode[] = [];
  const visit = (steps: readonly Step[], branchOf?: { name: string; label: string }) => {
    for (const step of steps) {
      const { IfSteps, ElseSteps, ...rest } = step.Arguments ?? {};
      const parents = new Set<string>();
      collectReferences({ ...step, Arguments: rest }, parents);
      for (const dependency of step.DependsOn ?? []) parents.add(typeof dependency === 'string' ? dependency : dependency.Step);
      parents.delete(step.Name);
      const edges = [...parents].map((name) => ({ name }));
      nodes.push({ name: step.Name, type: step.Type, parents: branchOf ? [branchOf, ...edges] : edges });
      visit(IfSteps ?? [], { name: step.Name, label: 'True' });
      visit(ElseSteps ?? [], { name: step.Name, label: 'False' });
    }
  };
  visit((JSON.parse(definition) as { Steps?: Step[] }).Steps ?? []);
  return nodes;
}

function collectReferences(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const name = key === 'Get' && typeof inner === 'string' ? /^Steps\.([^.[]+)/.exec(inner)?.[1] : undefined;
    if (name) found.add(name);
    else collectReferences(inner, found);
  }
}

export interface PlacedNode extends GraphNode {
  readonly x: number;
  readonly y: number;
}

export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 48;
const GAP_X = 28;
const GAP_Y = 46;

/** Layers by longest path from the roots; within a layer, ordered by the mean position of the parents. */
export function layoutOf(nodes: readonly GraphNode[]): { placed: PlacedNode[]; width: number; height: number } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const layers = new Map<string, number>();
  const layerOf = (name: string): number => {
    const known = layers.get(name);
    if (known !== undefined) return known;
    layers.set(name, 0); // a cycle cannot come from a checked definition; this only keeps a bad one from hanging the page
    const parents = (byName.get(name)?.parents ?? []).filter((parent) => byName.has(parent.name));
    const layer = parents.length === 0 ? 0 : 1 + Math.max(...parents.map((parent) => layerOf(parent.name)));
    layers.set(name, layer);
    return layer;
  };
  const rows: GraphNode[][] = [];
  for (const node of nodes) (rows[layerOf(node.name)] ??= []).push(node);
  const widest = Math.max(1, ...rows.map((row) => row.length));
  const width = widest * (NODE_WIDTH + GAP_X) - GAP_X;
  const centres = new Map<string, number>();
  const placed: PlacedNode[] = [];
  rows.forEach((row, at) => {
    const wish = (node: GraphNode) => {
      const known = node.parents.map((parent) => centres.get(parent.name)).filter((x) => x !== undefined);
      return known.length ? known.reduce((sum, x) => sum + x, 0) / known.length : width / 2;
    };
    const ordered = [...row].sort((a, b) => wish(a) - wish(b));
    const start = (width - (ordered.length * (NODE_WIDTH + GAP_X) - GAP_X)) / 2;
    ordered.forEach((node, column) => {
      const x = start + column * (NODE_WIDTH + GAP_X);
      centres.set(node.name, x + NODE_WIDTH / 2);
      placed.push({ ...node, x, y: at * (NODE_HEIGHT + GAP_Y) });
    });
  });
  return { placed, width, height: rows.length * (NODE_HEIGHT + GAP_Y) - GAP_Y };
}
