import type { ForEachPick, Json, JsonObject, WorkStep } from './definition/language.ts';
import { createExpression, type Expression, givesText, render, type Scalar, toJson, type Value } from './expressions.ts';
import { followProperty } from './properties.ts';
import { type Compilation, Step, type StepOptions } from './steps.ts';

/** The item that a step of a ForEach body runs for: as it is, or a field of it, for items that are JSON objects. */
export type Item = Expression<string> & { readonly [field: string]: Item };

/** Inside the steps of a ForEach body. */
export const currentItem = followProperty('ForEach.CurrentItem', '') as Item;

export interface ForEachStepOptions extends StepOptions {
  /** The items themselves, or an expression for a text that is a JSON list of them. */
  items: readonly Value<Scalar>[] | Expression<string>;
  /** How many children run at the same time: 1 to 50. */
  maxConcurrency: number;
  /** Run once for every item; they may read `currentItem` and each other. No conditions, no Fail steps, no ForEach. */
  body: readonly Step[];
  /** Picks the iteration whose output is greatest or smallest; `field` is a property of a body step. */
  selector?: { pick: ForEachPick; field: Expression<number> };
}

/** Repeats steps for every item of a list that is known when it runs. */
export class ForEachStep extends Step {
  readonly #options: ForEachStepOptions;

  constructor(name: string, options: ForEachStepOptions) {
    super(name, options);
    this.#options = options;
  }

  /** A property of a body step as it was for the item the Selector picked. */
  selected<T>(property: Expression<T>): Expression<T> {
    return this.#rebase(property, (path) => `Steps.${this.name}.Selected${path.slice(firstEnd(path))}`);
  }

  /** A property of a body step as it was for the item at `index`. */
  iteration<T>(index: number, property: Expression<T>): Expression<T> {
    return this.#rebase(property, (path) => `Steps.${this.name}.IterationOutputs[${index}].${path}`);
  }

  readonly counts = {
    items: this.#own<number>('InputItemCount'),
    steps: this.#own<number>('TotalStepCount'),
    succeeded: this.#own<number>('SucceededStepCount'),
    failed: this.#own<number>('FailedStepCount'),
    stopped: this.#own<number>('StoppedStepCount'),
  };

  /** `Succeeded`, `Failed` or `Stopped`. */
  readonly status: Expression<string> = this.#own('Status', true);

  define(to: Compilation): WorkStep {
    const { items, maxConcurrency, body, selector } = this.#options;
    const args: JsonObject = {
      IterableItems: toJson(items),
      MaxConcurrency: maxConcurrency,
      ...(selector && {
        Selector: { Pick: selector.pick, Field: toJson(this.#rebase(selector.field, (path) => `IterationOutput.${path}`)) },
      }),
      ForEachBody: body.map((step) => step.define(to) as unknown as Json),
    };
    return this.defineWork('ForEach', args, {});
  }

  #own<T>(member: string, isText = false): Expression<T> {
    return createExpression(() => ({ Get: `Steps.${this.name}.${member}` }), isText);
  }

  /** The same property seen from elsewhere; `path` begins with the name of the body step. */
  #rebase<T>(property: Expression<T>, rename: (path: string) => string): Expression<T> {
    return createExpression(() => {
      const json = property[render]() as { Get?: unknown };
      const names = this.#options.body.map(({ name }) => name);
      const path = typeof json.Get === 'string' && json.Get.startsWith('Steps.') ? json.Get.slice(6) : '';
      if (names.includes(path.slice(0, firstEnd(path)))) return { Get: rename(path) };
      return { Get: `Steps.${this.name}.(no property of its body: ${JSON.stringify(json)})` };
    }, property[givesText]);
  }
}

/** Where the first part of a path ends. */
const firstEnd = (path: string): number => {
  const end = path.search(/[.[]/);
  return end < 0 ? path.length : end;
};

export interface CleanupStepOptions extends StepOptions {
  /** Training steps, whose output is deleted; or Processing and Transform steps with the objects to delete. */
  sources: readonly (Step | { step: Step; uris: readonly Value<string>[] })[];
}

/** Deletes what earlier steps wrote to S3. */
export class CleanupStep extends Step {
  readonly #options: CleanupStepOptions;

  constructor(name: string, options: CleanupStepOptions) {
    super(name, { ...options, dependsOn: withSources(options) });
    this.#options = options;
  }

  define(): WorkStep {
    const sources = this.#options.sources.map(
      (source): JsonObject =>
        source instanceof Step ? { StepName: source.name } : { StepName: source.step.name, S3Uris: toJson(source.uris) },
    );
    return this.defineWork('Cleanup', { Resources: { S3: sources } }, {});
  }
}

/** It waits for its sources, for their success where nothing else is said. */
function withSources({ dependsOn = [], sources }: CleanupStepOptions): NonNullable<StepOptions['dependsOn']> {
  const named = (dependency: Exclude<StepOptions['dependsOn'], undefined>[number]): string => {
    if (typeof dependency === 'string') return dependency;
    return dependency instanceof Step ? dependency.name : named(dependency.step);
  };
  const known = new Set(dependsOn.map(named));
  const steps = sources.map((source) => (source instanceof Step ? source : source.step));
  return [...dependsOn, ...steps.filter(({ name }) => !known.has(name))];
}
