import type { Condition } from './conditions.ts';
import type { ConditionStep as ConditionStepDefinition, WorkStep } from './definition/language.ts';
import { toJson, type Value } from './expressions.ts';
import { type Compilation, Step, type StepOptions } from './steps.ts';

export interface ConditionStepOptions extends StepOptions {
  /** All of them must hold. */
  conditions: readonly Condition[];
  ifSteps?: readonly Step[];
  elseSteps?: readonly Step[];
}

/** Runs one of two branches. Steps in a branch stand only there, and may be conditions themselves. */
export class ConditionStep extends Step {
  readonly #options: ConditionStepOptions;

  constructor(name: string, options: ConditionStepOptions) {
    super(name, options);
    this.#options = options;
  }

  define(to: Compilation): ConditionStepDefinition {
    const { conditions, ifSteps = [], elseSteps = [] } = this.#options;
    return {
      Name: this.name,
      Type: 'Condition',
      Arguments: {
        Conditions: conditions.map((condition) => condition.define()),
        IfSteps: ifSteps.map((step) => step.define(to)),
        ElseSteps: elseSteps.map((step) => step.define(to)),
      },
      ...this.defineCommon(),
    };
  }
}

export interface FailStepOptions extends StepOptions {
  errorMessage: Value<string>;
}

/** Ends the execution as failed, with a message. */
export class FailStep extends Step {
  readonly #options: FailStepOptions;

  constructor(name: string, options: FailStepOptions) {
    super(name, options);
    this.#options = options;
  }

  define(): WorkStep {
    return this.defineWork('Fail', { ErrorMessage: toJson(this.#options.errorMessage) }, {});
  }
}
