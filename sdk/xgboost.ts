import type { Value } from './expressions.ts';
import { type RegionalImage, type XGBoostVersion, xgboostImage } from './images.ts';

type Flag = 0 | 1;

/** The hyperparameters of the built-in XGBoost algorithm, named as AWS names them. `num_round` is the only one without a default. */
export type XGBoostHyperParameters = {
  num_round: Value<number>;
  alpha?: Value<number>;
  base_score?: Value<number>;
  booster?: Value<'gbtree' | 'gblinear' | 'dart'>;
  colsample_bylevel?: Value<number>;
  colsample_bynode?: Value<number>;
  colsample_bytree?: Value<number>;
  csv_weights?: Value<Flag>;
  deterministic_histogram?: Value<boolean | 'true' | 'false'>;
  early_stopping_rounds?: Value<number>;
  eta?: Value<number>;
  eval_metric?: Value<string>;
  gamma?: Value<number>;
  grow_policy?: Value<'depthwise' | 'lossguide'>;
  interaction_constraints?: Value<string>;
  lambda?: Value<number>;
  lambda_bias?: Value<number>;
  max_bin?: Value<number>;
  max_delta_step?: Value<number>;
  max_depth?: Value<number>;
  max_leaves?: Value<number>;
  min_child_weight?: Value<number>;
  monotone_constraints?: Value<string>;
  normalize_type?: Value<'tree' | 'forest'>;
  nthread?: Value<number>;
  num_class?: Value<number>;
  objective?: Value<string>;
  one_drop?: Value<Flag>;
  process_type?: Value<'default' | 'update'>;
  rate_drop?: Value<number>;
  refresh_leaf?: Value<Flag>;
  sample_type?: Value<'uniform' | 'weighted'>;
  save_model_on_termination?: Value<boolean | 'true' | 'false'>;
  scale_pos_weight?: Value<number>;
  seed?: Value<number>;
  single_precision_histogram?: Value<boolean | 'true' | 'false'>;
  sketch_eps?: Value<number>;
  skip_drop?: Value<number>;
  subsample?: Value<number>;
  tree_method?: Value<'auto' | 'exact' | 'approx' | 'hist' | 'gpu_hist'>;
  tweedie_variance_power?: Value<number>;
  updater?: Value<string>;
  use_dask_gpu_training?: Value<boolean | 'true' | 'false'>;
  verbosity?: Value<0 | 1 | 2 | 3>;
};

/** The built-in XGBoost algorithm as options of a `TrainingStep`: `{ ...xgboost('1.7-1', { num_round: 20 }), … }`. */
export function xgboost(
  version: XGBoostVersion,
  hyperParameters: XGBoostHyperParameters,
): { image: RegionalImage; hyperParameters: XGBoostHyperParameters } {
  return { image: xgboostImage(version), hyperParameters };
}
