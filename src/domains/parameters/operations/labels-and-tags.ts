import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import {
  changeTags,
  mergedTags,
  readTags,
  tagContext,
  type Tagged,
  withoutTags,
} from '../../../platform/resources/change-tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { isLabel, planLabels } from '../decide-put.ts';
import { findParameter, namedArn, readParameter } from '../parameter-access.ts';
import { type ParameterDocument, parameterArn } from '../resources.ts';
import type { ParametersPorts } from '../ports.ts';

export const labelParameterVersion = (ports: ParametersPorts): Operation<'ssm:LabelParameterVersion'> =>
  operation('ssm:LabelParameterVersion', {
    effect: 'change',
    needs: (input, context) => [{ action: 'ssm:LabelParameterVersion', resources: [namedArn(context, input.Name)] }],
    async handle(input, context) {
      const good = input.Labels.filter(isLabel);
      const version = await changeLabels(ports, context, input.Name, input.ParameterVersion, (parameter, of) => {
        const { labels, rejection } = planLabels(parameter.labels, of, good);
        refuse(rejection);
        return labels;
      });
      return { InvalidLabels: input.Labels.filter((label) => !isLabel(label)), ParameterVersion: version };
    },
  });

export const unlabelParameterVersion = (ports: ParametersPorts): Operation<'ssm:UnlabelParameterVersion'> =>
  operation('ssm:UnlabelParameterVersion', {
    effect: 'change',
    needs: (input, context) => [{ action: 'ssm:UnlabelParameterVersion', resources: [namedArn(context, input.Name)] }],
    async handle(input, context) {
      let removed: string[] = [];
      await changeLabels(ports, context, input.Name, input.ParameterVersion, ({ labels }, of) => {
        removed = input.Labels.filter((label) => labels[label] === of);
        return Object.fromEntries(Object.entries(labels).filter(([label]) => !removed.includes(label)));
      });
      return { RemovedLabels: removed, InvalidLabels: input.Labels.filter((label) => !removed.includes(label)) };
    },
  });

/** The version that was meant: the newest when none is named. */
async function changeLabels(
  ports: ParametersPorts,
  context: OperationContext,
  name: string,
  asked: number | undefined,
  change: (parameter: ParameterDocument, version: number) => { [label: string]: number },
): Promise<number> {
  return decideAndCommit<number>(ports.store, async () => {
    const row = await readParameter(ports.store, context, name);
    const { document } = row;
    const version = asked ?? document.version;
    if (version < document.firstVersion || version > document.version) {
      throw new ServiceError(
        'ParameterVersionNotFound',
        `Systems Manager could not find version ${version} of ${document.name}. Verify the version and try again.`,
      );
    }
    const labels = change(document, version);
    if (JSON.stringify(labels) === JSON.stringify(document.labels)) return { result: version };
    const arn = parameterArn(placeOf(context), document.name);
    return {
      commit: {
        expect: [{ key: row.key, version: row.version }],
        write: [{ key: row.key, document: { ...document, labels }, index: row.index }],
        ledger: [entryOf(context, context.operation, [arn], { labels: [document.labels, labels] })],
      },
      result: version,
    };
  });
}

type TagInput = { readonly ResourceType: string; readonly ResourceId: string };

/** Of all the resources of Systems Manager only parameters are here. */
const tagged = (ports: ParametersPorts, context: OperationContext, input: TagInput) => async (): Promise<Tagged> => {
  if (input.ResourceType !== 'Parameter') {
    throw new ServiceError(
      'InvalidResourceType',
      `${input.ResourceType} is not a resource type that can have tags here; Parameter is.`,
    );
  }
  const row = await findParameter(ports.store, context, input.ResourceId);
  if (!row)
    throw new ServiceError('InvalidResourceId', `The resource ID ${input.ResourceId} is not valid: there is no such parameter.`);
  return { key: row.key, version: row.version, arn: parameterArn(placeOf(context), row.document.name) };
};

export const addTagsToResource = (ports: ParametersPorts): Operation<'ssm:AddTagsToResource'> =>
  operation('ssm:AddTagsToResource', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'ssm:AddTagsToResource', resources: [namedArn(context, input.ResourceId)], context: tagContext(input.Tags) },
    ],
    async handle(input, context) {
      const find = tagged(ports, context, input);
      await changeTags(ports.store, context, find, (before) => mergedTags(before, input.Tags));
      return {};
    },
  });

export const removeTagsFromResource = (ports: ParametersPorts): Operation<'ssm:RemoveTagsFromResource'> =>
  operation('ssm:RemoveTagsFromResource', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'ssm:RemoveTagsFromResource',
        resources: [namedArn(context, input.ResourceId)],
        context: { 'aws:TagKeys': input.TagKeys },
      },
    ],
    async handle(input, context) {
      const find = tagged(ports, context, input);
      await changeTags(ports.store, context, find, (before) => withoutTags(before, input.TagKeys));
      return {};
    },
  });

export const listTagsForResource = (ports: ParametersPorts): Operation<'ssm:ListTagsForResource'> =>
  operation('ssm:ListTagsForResource', {
    effect: 'read',
    needs: (input, context) => [{ action: 'ssm:ListTagsForResource', resources: [namedArn(context, input.ResourceId)] }],
    async handle(input, context) {
      const { arn } = await tagged(ports, context, input)();
      return { TagList: [...(await readTags(ports.store, arn))] };
    },
  });
