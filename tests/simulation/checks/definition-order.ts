/**
 * What a pipeline definition says about order, read straight from its JSON as the AWS documentation describes it: who is named
 * by `DependsOn`, who is referred to, which branch of which Condition a step is in, which ForEach repeats it. Knows nothing of
 * the graph that the product builds.
 */
export interface StepPlan {
  readonly name: string;
  readonly type: string;
  readonly needs: readonly Need[];
  readonly branch?: { readonly condition: string; readonly outcome: 'True' | 'False' };
  /** The ForEach step whose body it is part of: then it never runs under its own name. */
  readonly repeatedBy?: string;
  readonly maxConcurrency?: number;
  /** What its retry policies allow in all; undefined where it has none: the service's own then are not told. */
  readonly retries?: { readonly attemptsMax: number; readonly waitMsMin: number };
}

export interface Need {
  readonly step: string;
  /** How the other has to have ended. */
  readonly trigger: 'Completed' | 'Failed' | 'Stopped' | 'Any';
}

type Members = { readonly [member: string]: unknown };
interface Place {
  readonly branch?: StepPlan['branch'];
  readonly repeatedBy?: string;
}

export function planOf(definition: unknown): ReadonlyMap<string, StepPlan> {
  const plans = new Map<string, StepPlan>();
  const add = (steps: unknown, place: Place) => {
    for (const step of Array.isArray(steps) ? (steps as Members[]) : []) addStep(step, place);
  };
  const addStep = (step: Members, place: Place) => {
    const { Name, Type, DependsOn, ...rest } = step;
    const name = String(Name);
    const { IfSteps, ElseSteps, ForEachBody, ...own } = (step['Arguments'] ?? {}) as Members;
    const needs = new Map<string, Need>();
    // what runs for want of nothing but an end is named by DependsOn alone
    for (const one of Array.isArray(DependsOn) ? (DependsOn as unknown[]) : []) {
      const need = typeof one === 'string' ? { Step: one } : (one as { Step: string; Trigger?: Need['trigger'] | null });
      needs.set(need.Step, { step: need.Step, trigger: ('Trigger' in need && need.Trigger) || 'Completed' });
    }
    for (const other of referencesIn({ ...rest, Arguments: own })) {
      if (!needs.has(other)) needs.set(other, { step: other, trigger: 'Completed' });
    }
    plans.set(name, {
      name,
      type: String(Type),
      needs: [...needs.values()],
      ...place,
      ...retriesOf(step['RetryPolicies']),
      ...(Type === 'ForEach' && { maxConcurrency: Number(own['MaxConcurrency'] ?? Number.POSITIVE_INFINITY) }),
    });
    add(IfSteps, { ...place, branch: { condition: name, outcome: 'True' } });
    add(ElseSteps, { ...place, branch: { condition: name, outcome: 'False' } });
    add(ForEachBody, { ...place, repeatedBy: name });
  };
  add((definition as Members)['Steps'], {});
  return plans;
}

/** As documented: five attempts more and a second between them where a policy does not say. */
function retriesOf(policies: unknown): Pick<StepPlan, 'retries'> {
  if (!Array.isArray(policies) || policies.length === 0) return {};
  const number = (policy: Members, member: string, otherwise: number) =>
    policy[member] === undefined || policy[member] === null ? otherwise : Number(policy[member]);
  // one that ends by time instead has no number
  const attempts = (policy: Members) => number(policy, 'MaxAttempts', policy['ExpireAfterMin'] ? Number.POSITIVE_INFINITY : 5);
  const all = policies as Members[];
  return {
    retries: {
      attemptsMax: 1 + all.reduce((sum, policy) => sum + attempts(policy), 0),
      waitMsMin: Math.min(...all.map((policy) => number(policy, 'IntervalSeconds', 1) * 1000)),
    },
  };
}

/** Steps that `{"Get": "Steps.NAME…"}` anywhere in a value names. */
function referencesIn(value: unknown): Set<string> {
  const found = new Set<string>();
  const look = (inner: unknown): void => {
    if (inner === null || typeof inner !== 'object') return;
    const get = (inner as Members)['Get'];
    const name = typeof get === 'string' ? /^Steps\.([A-Za-z0-9_-]+)/.exec(get)?.[1] : undefined;
    if (name !== undefined) found.add(name);
    for (const each of Object.values(inner)) look(each);
  };
  look(value);
  return found;
}

/** The plan of a step as it is listed: children of a ForEach step are called `<body step>-<item>`. */
export function planOfListed(
  plans: ReadonlyMap<string, StepPlan>,
  name: string,
): { readonly plan: StepPlan; readonly item?: string } | undefined {
  const plan = plans.get(name);
  if (plan && plan.repeatedBy === undefined) return { plan };
  const [, body = '', item] = /^(.+)-(\d+)$/.exec(name) ?? [];
  const repeated = plans.get(body);
  return repeated?.repeatedBy === undefined || item === undefined ? undefined : { plan: repeated, item };
}
