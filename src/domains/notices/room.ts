import type { Room } from '../../platform/calls/operation.ts';
import { causeReconciler, noticeReconciler } from './reconcile-notice.ts';
import type { NoticePorts } from './ports.ts';

/** Hands over messages that other rooms wrote down: a room of its own, so that who sends need not know who receives. */
export const createNoticesRoom = (ports: NoticePorts): Room => ({
  name: 'notices',
  operations: [],
  resources: [],
  reconcilers: [noticeReconciler(ports), causeReconciler(ports)],
  calls: [
    'sqs:SendMessage',
    'lambda:Invoke',
    'sns:Publish',
    'logs:PutLogEvents',
    'logs:CreateLogStream',
    'events:PutEvents',
    'sagemaker:StartPipelineExecution',
    'codepipeline:StartPipelineExecution',
    'codebuild:StartBuild',
    ...(ports.universal?.names() ?? []),
  ],
});
