import { imageAccounts } from './image-accounts.ts';

/** An image of AWS whose address depends on the region a pipeline is compiled for. */
export interface RegionalImage {
  uri(region: string): string;
}

export type XGBoostVersion = '0.90-1' | '0.90-2' | '1.0-1' | '1.2-1' | '1.2-2' | '1.3-1' | '1.5-1' | '1.7-1' | '3.0-5';
export type SklearnVersion = '0.20.0' | '0.23-1' | '1.0-1' | '1.2-1' | '1.4-2';

/** The first releases carry processor and Python version in their tags. */
const suffixedXGBoost: ReadonlySet<XGBoostVersion> = new Set(['0.90-1', '0.90-2', '1.0-1']);

/** `sagemaker-xgboost`: the built-in algorithm, and XGBoost scripts. */
export function xgboostImage(version: XGBoostVersion): RegionalImage {
  return regionalImage('sagemaker-xgboost', suffixedXGBoost.has(version) ? `${version}-cpu-py3` : version);
}

/** `sagemaker-scikit-learn`: processing and training scripts. */
export function sklearnImage(version: SklearnVersion): RegionalImage {
  return regionalImage('sagemaker-scikit-learn', `${version}-cpu-py3`);
}

function regionalImage(repository: string, tag: string): RegionalImage {
  return { uri: (region) => `${registryOf(region)}/${repository}:${tag}` };
}

/** Regions AWS added later than this table use the account of us-east-1; where AWS differs, name the image in full. */
function registryOf(region: string): string {
  const account = imageAccounts[region] ?? imageAccounts['us-east-1'];
  return `${account}.dkr.ecr.${region}.${domainOf(region)}`;
}

function domainOf(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn';
  if (region.startsWith('us-iso-')) return 'c2s.ic.gov';
  if (region.startsWith('us-isob-')) return 'sc2s.sgov.gov';
  if (region.startsWith('us-isof-')) return 'csp.hci.ic.gov';
  return 'amazonaws.com';
}
