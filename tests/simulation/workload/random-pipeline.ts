import type { Json, JsonObject } from '../../../sdk/definition/index.ts';
import type { Random } from '../random.ts';
import { Draft, type SimulatedStepType } from './draft.ts';
import { drawParameters } from './random-parameters.ts';
import { type OutcomeShares, SURROUNDINGS, type Surroundings } from './step-shapes.ts';

export interface PipelineOptions {
  readonly surroundings?: Surroundings;
  /** Step types a seed has switched off; Processing is always there. */
  readonly without?: ReadonlySet<SimulatedStepType>;
  readonly steps?: { readonly min: number; readonly max: number };
  readonly outcomes?: OutcomeShares;
  /** Steps may read inputs that clients put and delete meanwhile. */
  readonly flakyInputs?: boolean;
  /** Endpoint steps of several executions may have the same endpoint. */
  readonly sharedEndpoints?: boolean;
}

export interface RandomPipeline {
  readonly definition: JsonObject;
  /** The same as text, as clients send it. */
  readonly text: string;
  /** For StartPipelineExecution: every parameter without default, and some others. */
  readonly parameters: readonly { readonly Name: string; readonly Value: string }[];
  /** Steps outside of ForEach bodies by name, in document order. */
  readonly steps: ReadonlyMap<string, SimulatedStepType>;
}

/**
 * A random definition that CreatePipeline accepts, small and full of what tends to go wrong: diamonds, steps that depend on branches not
 * taken, failures beside long branches, steps that run because others failed. How each piece of work ends stands in its step.
 */
export function randomPipeline(random: Random, options: PipelineOptions = {}): RandomPipeline {
  const { min, max } = options.steps ?? { min: 3, max: 14 };
  const parameters = drawParameters(random);
  const draft = new Draft({
    random,
    at: options.surroundings ?? SURROUNDINGS,
    without: options.without ?? new Set(),
    outcomes: options.outcomes ?? { failing: random.pick([0, 0.1, 0.3]), hanging: false },
    flakyInputs: options.flakyInputs ?? false,
    sharedEndpoints: options.sharedEndpoints ?? false,
    parameters,
  });
  const size = min + random.int(max - min + 1);
  const steps: JsonObject[] = [];
  while (draft.size < size) steps.push(...draft.draw());
  const definition: JsonObject = {
    Version: '2020-12-01',
    Parameters: parameters.declared as unknown as Json[],
    // the order in which steps are written means nothing
    Steps: random.chance(0.3) ? random.shuffle(steps) : steps,
  };
  return { definition, text: JSON.stringify(definition), parameters: parameters.given, steps: draft.types };
}
