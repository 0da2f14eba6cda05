import type { OperationName } from '../../../contract/operations.ts';
import type { ActionKind } from './action-kind.ts';
import { manualApproval } from './approval.ts';
import { codeBuild } from './build.ts';
import { sageMakerEndpoint } from './endpoint.ts';
import { lambdaInvoke } from './function.ts';
import { sageMakerPipeline } from './model-pipeline.ts';
import { gitSource } from './source-git.ts';
import { s3Source } from './source-s3.ts';

/** By provider; `decide-action-types.ts` says what of them a structure may contain. */
export const ACTION_KINDS: Readonly<Record<string, ActionKind>> = {
  CodeCommit: gitSource,
  CodeStarSourceConnection: gitSource,
  GitHub: gitSource,
  S3: s3Source,
  CodeBuild: codeBuild,
  Lambda: lambdaInvoke,
  SageMakerPipeline: sageMakerPipeline,
  SageMakerEndpoint: sageMakerEndpoint,
  Manual: manualApproval,
};

export const actionCalls = (): OperationName[] => [...new Set(Object.values(ACTION_KINDS).flatMap(({ calls }) => calls))];
