import type { DescribeModelPackageOutput } from '../../contract/generated/sagemaker.ts';
import { invalid, type Rejection } from '../errors/rejection.ts';

/**
 * The approval rule: what is registered as a version is served only when it is Approved. Unversioned packages carry no
 * approval on AWS, nor does model data that was never registered.
 */
export function checkApproval(described: DescribeModelPackageOutput, rule: 'required' | 'open'): Rejection | undefined {
  const status = described.ModelApprovalStatus;
  if (rule === 'open' || status === undefined || status === 'Approved') return undefined;
  return invalid(
    `Model package ${described.ModelPackageArn} cannot be served: its ModelApprovalStatus is ${status}. Approve it first (update-model-package --model-approval-status Approved), or set approval: open in slipway.yaml.`,
  );
}
