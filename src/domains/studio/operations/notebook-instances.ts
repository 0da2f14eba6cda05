import type {
  DescribeNotebookInstanceOutput,
  NotebookInstanceStatus,
  UpdateNotebookInstanceInput,
} from '../../../contract/generated/sagemaker.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { arnOf } from '../../../platform/resources/declaration.ts';
import type { StudioPorts } from '../ports.ts';
import { changeRecord, createRecord, listRecords, recordNeed, removeRecord, requireRecord } from '../records.ts';
import { LIFECYCLE_CONFIG, NOTEBOOK_INSTANCE, RECORD_ONLY } from '../resources.ts';

export const notebookOperations = (ports: StudioPorts): AnyOperation[] => [
  createNotebookInstance(ports),
  describeNotebookInstance(ports),
  listNotebookInstances(ports),
  updateNotebookInstance(ports),
  startNotebookInstance(ports),
  stopNotebookInstance(ports),
  deleteNotebookInstance(ports),
];

type Notebook = DescribeNotebookInstanceOutput;

const need = (action: string) => (input: { NotebookInstanceName: string }, context: OperationContext) => [
  recordNeed(NOTEBOOK_INSTANCE, action, input.NotebookInstanceName, context),
];

/** In AWS's words. */
function requireStatus(
  { NotebookInstanceArn, NotebookInstanceStatus: now }: Notebook,
  allowed: readonly NotebookInstanceStatus[],
  next: string,
): void {
  if (now !== undefined && allowed.includes(now)) return;
  throw new ServiceError(
    'ValidationException',
    `Status (${now}) not in ([${allowed.join(', ')}]). Unable to transition to (${next}) for Notebook Instance (${NotebookInstanceArn})`,
  );
}

const createNotebookInstance = ({ store, roles }: StudioPorts) =>
  operation('sagemaker:CreateNotebookInstance', {
    effect: 'change',
    needs: async (input, context) => [
      ...need('sagemaker:CreateNotebookInstance')(input, context),
      ...(await passRoleNeeds(roles, context.account, input.RoleArn)),
    ],
    async handle({ Tags, LifecycleConfigName, SecurityGroupIds, ...input }, context) {
      if (LifecycleConfigName !== undefined) await requireRecord(store, LIFECYCLE_CONFIG, LifecycleConfigName, context);
      const name = input.NotebookInstanceName;
      const described: Notebook = {
        DirectInternetAccess: 'Enabled',
        RootAccess: 'Enabled',
        VolumeSizeInGB: 5,
        ...input,
        ...(SecurityGroupIds && { SecurityGroups: SecurityGroupIds }),
        ...(LifecycleConfigName !== undefined && { NotebookInstanceLifecycleConfigName: LifecycleConfigName }),
        NotebookInstanceArn: arnOf(NOTEBOOK_INSTANCE, context, name),
        NotebookInstanceStatus: 'InService',
        FailureReason: RECORD_ONLY,
        CreationTime: context.nowMs,
        LastModifiedTime: context.nowMs,
      };
      return {
        NotebookInstanceArn: await createRecord(store, NOTEBOOK_INSTANCE, { name, described, tags: Tags }, context),
      };
    },
  });

const describeNotebookInstance = ({ store }: StudioPorts) =>
  operation('sagemaker:DescribeNotebookInstance', {
    effect: 'read',
    needs: need('sagemaker:DescribeNotebookInstance'),
    handle: async ({ NotebookInstanceName }, context) =>
      (await requireRecord<Notebook>(store, NOTEBOOK_INSTANCE, NotebookInstanceName, context)).document.described,
  });

const listNotebookInstances = ({ store }: StudioPorts) =>
  operation('sagemaker:ListNotebookInstances', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListNotebookInstances', resources: ['*'] }],
    async handle(input, context) {
      const {
        NotebookInstanceLifecycleConfigNameContains: config,
        DefaultCodeRepositoryContains: repository,
        AdditionalCodeRepositoryEquals: other,
      } = input;
      if (config !== undefined || repository !== undefined || other !== undefined) {
        throw new ServiceError(
          'NotImplementedException',
          'Filtering notebook instances by lifecycle configuration or code repository is not implemented. Filter by name, status or time.',
        );
      }
      const { all, NextToken } = await listRecords<Notebook>(store, NOTEBOOK_INSTANCE, input, context);
      const NotebookInstances = all.map(({ NotebookInstanceName = '', NotebookInstanceArn = '', ...rest }) => ({
        NotebookInstanceName,
        NotebookInstanceArn,
        ...rest,
      }));
      return { NotebookInstances, NextToken };
    },
  });

const updateNotebookInstance = ({ store, roles }: StudioPorts) =>
  operation('sagemaker:UpdateNotebookInstance', {
    effect: 'change',
    needs: async (input, context) => [
      ...need('sagemaker:UpdateNotebookInstance')(input, context),
      ...(await passRoleNeeds(roles, context.account, input.RoleArn)),
    ],
    async handle(input, context) {
      if (input.LifecycleConfigName !== undefined)
        await requireRecord(store, LIFECYCLE_CONFIG, input.LifecycleConfigName, context);
      await changeRecord<Notebook>(store, NOTEBOOK_INSTANCE, input.NotebookInstanceName, context, (before) => {
        requireStatus(before, ['Stopped', 'Failed'], 'Updating');
        return updated(before, input);
      });
      return {};
    },
  });

function updated(before: Notebook, input: UpdateNotebookInstanceInput): Notebook {
  const {
    DisassociateLifecycleConfig,
    DisassociateDefaultCodeRepository,
    DisassociateAdditionalCodeRepositories,
    DisassociateAcceleratorTypes,
    LifecycleConfigName,
    ...given
  } = input;
  const dropped = [
    DisassociateLifecycleConfig && 'NotebookInstanceLifecycleConfigName',
    DisassociateDefaultCodeRepository && 'DefaultCodeRepository',
    DisassociateAdditionalCodeRepositories && 'AdditionalCodeRepositories',
    DisassociateAcceleratorTypes && 'AcceleratorTypes',
  ];
  const kept = Object.fromEntries(Object.entries(before).filter(([member]) => !dropped.includes(member))) as Notebook;
  return {
    ...kept,
    ...given,
    ...(LifecycleConfigName !== undefined && { NotebookInstanceLifecycleConfigName: LifecycleConfigName }),
  };
}

const moved =
  (from: readonly NotebookInstanceStatus[], to: NotebookInstanceStatus, over: string) =>
  (before: Notebook): Notebook => {
    requireStatus(before, from, over);
    return { ...before, NotebookInstanceStatus: to };
  };

const startNotebookInstance = ({ store }: StudioPorts) =>
  operation('sagemaker:StartNotebookInstance', {
    effect: 'change',
    needs: need('sagemaker:StartNotebookInstance'),
    async handle({ NotebookInstanceName }, context) {
      await changeRecord(
        store,
        NOTEBOOK_INSTANCE,
        NotebookInstanceName,
        context,
        moved(['Stopped', 'Failed'], 'InService', 'Pending'),
      );
      return {};
    },
  });

const stopNotebookInstance = ({ store }: StudioPorts) =>
  operation('sagemaker:StopNotebookInstance', {
    effect: 'change',
    needs: need('sagemaker:StopNotebookInstance'),
    async handle({ NotebookInstanceName }, context) {
      await changeRecord(store, NOTEBOOK_INSTANCE, NotebookInstanceName, context, moved(['InService'], 'Stopped', 'Stopping'));
      return {};
    },
  });

const deleteNotebookInstance = ({ store }: StudioPorts) =>
  operation('sagemaker:DeleteNotebookInstance', {
    effect: 'change',
    needs: need('sagemaker:DeleteNotebookInstance'),
    async handle({ NotebookInstanceName }, context) {
      const mayGo = (described: Notebook) => requireStatus(described, ['Stopped', 'Failed'], 'Deleting');
      await removeRecord(store, NOTEBOOK_INSTANCE, NotebookInstanceName, context, mayGo);
      return {};
    },
  });
