import { type Condition, equals, greaterThan, greaterThanOrEqualTo, isIn, lessThan, lessThanOrEqualTo } from './conditions.ts';
import { ConditionStep } from './control-steps.ts';
import type { Scalar, Value } from './expressions.ts';
import { RegisterModelStep, type RegisterModelStepOptions } from './model-steps.ts';
import { jsonGet, ProcessingStep } from './processing-step.ts';
import type { Image, Step, WorkStepOptions } from './steps.ts';

export interface ProductionComparisonOptions extends WorkStepOptions {
  /** The endpoint of production; while there is none, every candidate is the first. */
  endpoint: Value<string>;
  /** The S3 URI of the candidate's evaluation.json's folder. */
  candidate: Value<string>;
  /** The S3 URI of the rows that the candidate was evaluated on; production's model is evaluated on them too. */
  test: Value<string>;
  /** Where the metric stands in evaluation.json: `metrics.auc.value`. */
  metric: string;
  /** `maximize` by default: more is better. */
  direction?: 'maximize' | 'minimize';
  /** By how much a candidate must be better; 0 by default, and equal is not better. */
  minimumImprovement?: number;
  image: Image;
  instanceType: Value<string>;
  /** The project's evaluation script: takes `--model DIR --test DIR --output DIR`. `evaluate.py` by default. */
  evaluationScript?: string;
  /** The comparison itself, as `slipway init --template codepipeline` writes it. */
  code?: string;
}

/**
 * Compares a candidate with the model package in production, on the same rows. Its property file `Comparison` says `verdict` (first, better,
 * equal, worse), `candidate`, `production` and `margin`; `.deploys` is the condition that only a first or better candidate meets.
 */
export class ProductionComparison extends ProcessingStep<'comparison', 'Comparison'> {
  constructor(name: string, options: ProductionComparisonOptions) {
    const { endpoint, candidate, test, metric, direction, minimumImprovement, evaluationScript, code, ...step } = options;
    super(name, {
      ...step,
      code: code ?? 'compare_with_production.py',
      arguments: [
        ...['--endpoint', endpoint, '--metric', metric, '--direction', direction ?? 'maximize'],
        ...['--minimum-improvement', minimumImprovement ?? 0],
      ],
      inputs: {
        candidate: { source: candidate, path: '/opt/ml/processing/candidate' },
        test: { source: test, path: '/opt/ml/processing/test' },
        evaluate: { source: evaluationScript ?? 'evaluate.py', path: '/opt/ml/processing/input/evaluate' },
      },
      outputs: { comparison: '/opt/ml/processing/comparison' },
      propertyFiles: { Comparison: { outputName: 'comparison', path: 'comparison.json' } },
    });
  }

  /** Holds for a candidate that is the first or better than what is in production. */
  get deploys(): Condition {
    return isIn(jsonGet(this, 'Comparison', 'verdict'), ['first', 'better']);
  }
}

/** A rule over one number of a JSON report, as `config/approval-rule.json` writes it. */
export interface MetricRule {
  /** A rule that is off holds for nothing. */
  enabled?: boolean;
  /** Where the number stands: `metrics.auc.value`. */
  metric: string;
  operator: string;
  threshold: number;
}

const OPERATORS: Readonly<Record<string, (left: Value<Scalar>, right: Value<Scalar>) => Condition>> = {
  Equals: equals,
  GreaterThan: greaterThan,
  GreaterThanOrEqualTo: greaterThanOrEqualTo,
  LessThan: lessThan,
  LessThanOrEqualTo: lessThanOrEqualTo,
};

export interface RegisterByRuleOptions<F extends string> extends Omit<RegisterModelStepOptions, 'approvalStatus'> {
  rule: MetricRule;
  /** The step and its property file that hold the rule's metric. */
  report: { step: { readonly name: string; readonly propertyFiles: readonly F[] }; propertyFile: NoInfer<F> };
}

/**
 * The steps that register a version: as Approved where the rule holds, else as PendingManualApproval. Whoever starts the execution must have the
 * right to approve: the rule lends it to nobody. A rule that is off, or whose operator is unknown, approves nothing.
 */
export function registerByRule<const F extends string>(name: string, options: RegisterByRuleOptions<F>): readonly Step[] {
  const { rule, report, ...register } = options;
  const compare = OPERATORS[rule.operator];
  const pending = new RegisterModelStep(name, { ...register, approvalStatus: 'PendingManualApproval' });
  if (rule.enabled === false || compare === undefined) return [pending];
  const approved = new RegisterModelStep(`${name}Approved`, { ...register, approvalStatus: 'Approved' });
  const holds = compare(jsonGet(report.step, report.propertyFile, rule.metric), rule.threshold);
  return [new ConditionStep(`${name}ByRule`, { conditions: [holds], ifSteps: [approved], elseSteps: [pending] })];
}
