import type { DescribeNotebookInstanceLifecycleConfigOutput } from '../../../contract/generated/sagemaker.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { arnOf } from '../../../platform/resources/declaration.ts';
import type { StudioPorts } from '../ports.ts';
import { changeRecord, createRecord, listRecords, recordNeed, removeRecord, requireRecord } from '../records.ts';
import { LIFECYCLE_CONFIG } from '../resources.ts';

export const lifecycleConfigOperations = (ports: StudioPorts): AnyOperation[] => [
  createConfig(ports),
  describeConfig(ports),
  listConfigs(ports),
  updateConfig(ports),
  deleteConfig(ports),
];

type Config = DescribeNotebookInstanceLifecycleConfigOutput;

const need = (action: string) => (input: { NotebookInstanceLifecycleConfigName: string }, context: OperationContext) => [
  recordNeed(LIFECYCLE_CONFIG, action, input.NotebookInstanceLifecycleConfigName, context),
];

const createConfig = ({ store }: StudioPorts) =>
  operation('sagemaker:CreateNotebookInstanceLifecycleConfig', {
    effect: 'change',
    needs: need('sagemaker:CreateNotebookInstanceLifecycleConfig'),
    async handle({ Tags, ...input }, context) {
      const name = input.NotebookInstanceLifecycleConfigName;
      const described: Config = {
        ...input,
        NotebookInstanceLifecycleConfigArn: arnOf(LIFECYCLE_CONFIG, context, name),
        CreationTime: context.nowMs,
        LastModifiedTime: context.nowMs,
      };
      const NotebookInstanceLifecycleConfigArn = await createRecord(
        store,
        LIFECYCLE_CONFIG,
        { name, described, tags: Tags },
        context,
      );
      return { NotebookInstanceLifecycleConfigArn };
    },
  });

const describeConfig = ({ store }: StudioPorts) =>
  operation('sagemaker:DescribeNotebookInstanceLifecycleConfig', {
    effect: 'read',
    needs: need('sagemaker:DescribeNotebookInstanceLifecycleConfig'),
    handle: async ({ NotebookInstanceLifecycleConfigName: name }, context) =>
      (await requireRecord<Config>(store, LIFECYCLE_CONFIG, name, context)).document.described,
  });

const listConfigs = ({ store }: StudioPorts) =>
  operation('sagemaker:ListNotebookInstanceLifecycleConfigs', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListNotebookInstanceLifecycleConfigs', resources: ['*'] }],
    async handle(input, context) {
      const { all, NextToken } = await listRecords<Config>(store, LIFECYCLE_CONFIG, input, context);
      const NotebookInstanceLifecycleConfigs = all.map((config) => ({
        NotebookInstanceLifecycleConfigName: config.NotebookInstanceLifecycleConfigName ?? '',
        NotebookInstanceLifecycleConfigArn: config.NotebookInstanceLifecycleConfigArn ?? '',
        CreationTime: config.CreationTime,
        LastModifiedTime: config.LastModifiedTime,
      }));
      return { NotebookInstanceLifecycleConfigs, NextToken };
    },
  });

const updateConfig = ({ store }: StudioPorts) =>
  operation('sagemaker:UpdateNotebookInstanceLifecycleConfig', {
    effect: 'change',
    needs: need('sagemaker:UpdateNotebookInstanceLifecycleConfig'),
    async handle({ NotebookInstanceLifecycleConfigName: name, ...given }, context) {
      await changeRecord<Config>(store, LIFECYCLE_CONFIG, name, context, (before) => ({ ...before, ...given }));
      return {};
    },
  });

const deleteConfig = ({ store }: StudioPorts) =>
  operation('sagemaker:DeleteNotebookInstanceLifecycleConfig', {
    effect: 'change',
    needs: need('sagemaker:DeleteNotebookInstanceLifecycleConfig'),
    async handle({ NotebookInstanceLifecycleConfigName: name }, context) {
      await removeRecord(store, LIFECYCLE_CONFIG, name, context);
      return {};
    },
  });
