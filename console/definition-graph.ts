/** The steps of a pipeline definition, as drawn. */
export interface GraphNode {
  readonly name: string;
  readonly type: string;
  /** What must come before; `label` where it is a condition whose outcome decides. */
  readonly parents: readonly { readonly name: string; readonly label?: string }[];
  readonly step: DefinitionStep;
}

/** A step as the definition has it; checked by the server before it was taken. */
export interface DefinitionStep {
  readonly Name: string;
  readonly Type: string;
  readonly DisplayName?: string;
  readonly Description?: string;
  readonly Arguments?: Readonly<Record<string, unknown>> & {
    readonly IfSteps?: readonly DefinitionStep[];
    readonly ElseSteps?: readonly DefinitionStep[];
    readonly Conditions?: readonly unknown[];
    readonly ForEachBody?: readonly DefinitionStep[];
  };
  readonly DependsOn?: readonly (string | { readonly Step: string })[];
  readonly PropertyFiles?: readonly {
    readonly PropertyFileName: string;
    readonly OutputName: string;
    readonly FilePath: string;
  }[];
}

/** Reads the definition JSON: references (`Steps.X.…`), DependsOn and the branches of conditions. A ForEach step stands for its body. */
export function graphOf(definition: string): GraphNode[] {
  const nodes: GraphNode[] = [];
  const visit = (steps: readonly DefinitionStep[], branch?: { name: string; label: string }): void => {
    for (const step of steps) {
      const { IfSteps = [], ElseSteps = [], ForEachBody = [], ...rest } = step.Arguments ?? {};
      const before = new Set<string>();
      collectReferences([{ ...step, Arguments: rest }, ...ForEachBody], before);
      for (const dependency of [step, ...ForEachBody].flatMap(({ DependsOn }) => DependsOn ?? [])) {
        before.add(typeof dependency === 'string' ? dependency : dependency.Step);
      }
      for (const { Name } of ForEachBody) before.delete(Name);
      before.delete(step.Name);
      if (branch) before.delete(branch.name);
      const parents = [...before].map((name) => ({ name }));
      nodes.push({ name: step.Name, type: step.Type, parents: branch ? [branch, ...parents] : parents, step });
      visit(IfSteps, { name: step.Name, label: 'True' });
      visit(ElseSteps, { name: step.Name, label: 'False' });
    }
  };
  visit((JSON.parse(definition) as { Steps?: DefinitionStep[] }).Steps ?? []);
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

/**
 * The parents that are drawn: one that another parent comes after anyway says nothing about the order and would only be one
 * more line. Branches of conditions always are.
 */
export function drawnParents(nodes: readonly GraphNode[]): Map<string, GraphNode['parents']> {
  const parentsOf = new Map(nodes.map(({ name, parents }) => [name, parents.map((parent) => parent.name)]));
  const before = new Map<string, ReadonlySet<string>>();
  const allBefore = (name: string): ReadonlySet<string> => {
    const known = before.get(name);
    if (known) return known;
    before.set(name, new Set()); // as for layers: keeps a bad definition from hanging the page
    const parents = parentsOf.get(name) ?? [];
    const found = new Set(parents.flatMap((parent) => [parent, ...allBefore(parent)]));
    before.set(name, found);
    return found;
  };
  return new Map(
    nodes.map(({ name, parents }) => {
      const isImplied = (one: string): boolean => parents.some((other) => other.name !== one && allBefore(other.name).has(one));
      return [name, parents.filter(({ name: parent, label }) => label !== undefined || !isImplied(parent))];
    }),
  );
}

/** Steps that will not run any more: on the branch a condition did not take, and everything that comes after these. */
export function notTaken(nodes: readonly GraphNode[], outcomeOf: (step: string) => string | undefined): Set<string> {
  const blocked = new Set<string>();
  for (let before = -1; before !== blocked.size; ) {
    before = blocked.size;
    for (const { name, parents } of nodes) {
      const isBlocked = parents.some((parent) => {
        const outcome = parent.label && outcomeOf(parent.name);
        return blocked.has(parent.name) || (outcome && outcome !== parent.label);
      });
      if (isBlocked) blocked.add(name);
    }
  }
  return blocked;
}
