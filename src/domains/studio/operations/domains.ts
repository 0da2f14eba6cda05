import type { DescribeDomainResponse } from '../../../contract/generated/sagemaker.ts';
import { passRoleNeeds } from '../../../platform/authorization/pass-role.ts';
import type { AuthorizationNeed } from '../../../platform/authorization/policy.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { parseArn } from '../../../platform/resources/arn.ts';
import { arnOf } from '../../../platform/resources/declaration.ts';
import type { StudioPorts } from '../ports.ts';
import { changeRecord, createRecord, listRecords, recordNeed, removeRecord, requireRecord } from '../records.ts';
import { DOMAIN, RECORD_ONLY } from '../resources.ts';

export const domainOperations = (ports: StudioPorts): AnyOperation[] => [
  createDomain(ports),
  describeDomain(ports),
  listDomains(ports),
  updateDomain(ports),
  deleteDomain(ports),
];

const need = (action: string) => (input: { DomainId: string }, context: OperationContext) => [
  recordNeed(DOMAIN, action, input.DomainId, context),
];

/** Every role that settings name, wherever in them, is handed to SageMaker. */
export async function settingsNeeds(
  { roles }: StudioPorts,
  input: object,
  { account }: OperationContext,
): Promise<AuthorizationNeed[]> {
  const { Tags: _tags, ...settings } = input as { readonly Tags?: unknown };
  const named = [...new Set(rolesIn(settings))];
  const needs = await Promise.all(
    named.map((arn) =>
      parseArn(arn)?.account === account
        ? passRoleNeeds(roles, account, arn)
        : [{ action: 'iam:PassRole', resources: [arn], context: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } }],
    ),
  );
  return needs.flat();
}

const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\//;

function rolesIn(value: unknown): string[] {
  if (typeof value === 'string') return ROLE_ARN.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(rolesIn) : [];
}

const createDomain = (ports: StudioPorts) =>
  operation('sagemaker:CreateDomain', {
    effect: 'change',
    needs: async (input, context) => [
      { action: 'sagemaker:CreateDomain', resources: [arnOf(DOMAIN, context, '*')] },
      ...(await settingsNeeds(ports, input, context)),
    ],
    async handle({ Tags, ...input }, context) {
      const DomainId = `d-${ports.ids.alphanumeric(12)}`;
      const DomainArn = arnOf(DOMAIN, context, DomainId);
      const described: DescribeDomainResponse = {
        AppNetworkAccessType: 'PublicInternetOnly',
        ...input,
        DomainArn,
        DomainId,
        Status: 'InService',
        FailureReason: RECORD_ONLY,
        CreationTime: context.nowMs,
        LastModifiedTime: context.nowMs,
      };
      await createRecord(ports.store, DOMAIN, { name: DomainId, described, tags: Tags }, context);
      return { DomainArn, DomainId };
    },
  });

const describeDomain = ({ store }: StudioPorts) =>
  operation('sagemaker:DescribeDomain', {
    effect: 'read',
    needs: need('sagemaker:DescribeDomain'),
    handle: async ({ DomainId }, context) =>
      (await requireRecord<DescribeDomainResponse>(store, DOMAIN, DomainId, context)).document.described,
  });

const listDomains = ({ store }: StudioPorts) =>
  operation('sagemaker:ListDomains', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:ListDomains', resources: ['*'] }],
    async handle(input, context) {
      const { all, NextToken } = await listRecords<DescribeDomainResponse>(store, DOMAIN, input, context);
      const Domains = all.map(({ DomainArn, DomainId, DomainName, Status, CreationTime, LastModifiedTime }) => ({
        DomainArn,
        DomainId,
        DomainName,
        Status,
        CreationTime,
        LastModifiedTime,
      }));
      return { Domains, NextToken };
    },
  });

const updateDomain = (ports: StudioPorts) =>
  operation('sagemaker:UpdateDomain', {
    effect: 'change',
    needs: async (input, context) => [
      ...need('sagemaker:UpdateDomain')(input, context),
      ...(await settingsNeeds(ports, input, context)),
    ],
    async handle({ DomainId, DomainSettingsForUpdate, ...given }, context) {
      const change = (before: DescribeDomainResponse): DescribeDomainResponse => ({
        ...before,
        ...given,
        ...(given.DefaultUserSettings && {
          DefaultUserSettings: { ...before.DefaultUserSettings, ...given.DefaultUserSettings },
        }),
        ...(DomainSettingsForUpdate && { DomainSettings: { ...before.DomainSettings, ...DomainSettingsForUpdate } }),
      });
      return { DomainArn: await changeRecord(ports.store, DOMAIN, DomainId, context, change) };
    },
  });

const deleteDomain = ({ store }: StudioPorts) =>
  operation('sagemaker:DeleteDomain', {
    effect: 'change',
    needs: need('sagemaker:DeleteDomain'),
    async handle({ DomainId }, context) {
      await removeRecord(store, DOMAIN, DomainId, context);
      return {};
    },
  });
