import { callJson } from '../client.ts';
import { failed } from '../exit.ts';
import { packageArnOf } from '../references.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';

type Verdict = 'Approved' | 'Rejected';

/** `slipway approve|reject PACKAGE|PIPELINE/STAGE/ACTION [--reason TEXT]` */
export async function decideApproval(
  verdict: Verdict,
  reference: string,
  options: GlobalOptions & { reason?: string },
): Promise<void> {
  const session = await openSession(options);
  const [, pipeline, stage, action] = /^([^:/]+)\/([^:/]+)\/([^:/]+)$/.exec(reference) ?? [];
  if (pipeline !== undefined && stage !== undefined && action !== undefined)
    return decideAction(session, verdict, { pipeline, stage, action, reason: options.reason });
  const { connection, output } = session;
  const arn = await packageArnOf(connection, reference);
  await callJson(connection, 'sagemaker:UpdateModelPackage', {
    ModelPackageArn: arn,
    ModelApprovalStatus: verdict,
    ApprovalDescription: options.reason,
  });
  output.line(`${verdict.toLowerCase()} ${arn}`);
  output.result({ ModelPackageArn: arn, ModelApprovalStatus: verdict, ApprovalDescription: options.reason ?? null });
}

/** Answers the manual approval that a delivery waits for. */
async function decideAction(
  { connection, output }: Session,
  verdict: Verdict,
  { pipeline, stage, action, reason }: { pipeline: string; stage: string; action: string; reason?: string },
): Promise<void> {
  const { stageStates = [] } = await callJson(connection, 'codepipeline:GetPipelineState', { name: pipeline });
  const state = stageStates
    .find(({ stageName }) => stageName === stage)
    ?.actionStates?.find(({ actionName }) => actionName === action);
  const token = state?.latestExecution?.token;
  if (token === undefined) throw failed(`${pipeline}/${stage}/${action} waits for no approval now.`);
  const result = { status: verdict, summary: reason ?? '' };
  await callJson(connection, 'codepipeline:PutApprovalResult', {
    pipelineName: pipeline,
    stageName: stage,
    actionName: action,
    token,
    result,
  });
  output.line(`${verdict.toLowerCase()} ${pipeline}/${stage}/${action}`);
  output.result({ pipelineName: pipeline, stageName: stage, actionName: action, ...result });
}
