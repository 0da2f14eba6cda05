import { callJson } from '../client.ts';
import { packageArnOf } from '../references.ts';
import { type GlobalOptions, openSession } from '../session.ts';

type Verdict = 'Approved' | 'Rejected';

/** `slipway approve|reject PACKAGE [--reason TEXT]` */
export async function decideApproval(
  verdict: Verdict,
  reference: string,
  options: GlobalOptions & { reason?: string },
): Promise<void> {
  const { connection, output } = await openSession(options);
  const arn = await packageArnOf(connection, reference);
  await callJson(connection, 'sagemaker:UpdateModelPackage', {
    ModelPackageArn: arn,
    ModelApprovalStatus: verdict,
    ApprovalDescription: options.reason,
  });
  output.line(`${verdict.toLowerCase()} ${arn}`);
  output.result({ ModelPackageArn: arn, ModelApprovalStatus: verdict, ApprovalDescription: options.reason ?? null });
}
