import type { Policy, PolicyVersion } from '../../../contract/generated/iam.ts';
import { idText } from '../../../platform/authorization/session-token.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { changedMembers } from '../../../platform/ledger/entry.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { formatArn } from '../../../platform/resources/arn.ts';
import { existsError, keyOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { AWS_POLICIES, type AwsPolicy } from '../aws-policies.ts';
import { rejectManagedPolicy, VERSIONS_MAX } from '../decide-quotas.ts';
import { decideTags } from '../decide-roles.ts';
import { absentPolicy, absentVersion, attachmentKey, findPolicy, readOwnPolicy } from '../managed.ts';
import { allRows, pageOf } from '../pages.ts';
import type { OperationPorts } from '../ports.ts';
import { type ManagedPolicyDocument, POLICY } from '../resources.ts';
import { encodePolicy } from './roles.ts';

const ATTACHMENTS_MAX = 10_000;

const policyArn = (account: string, path: string, name: string): string =>
  formatArn({ service: 'iam', region: '', account, resource: `policy${path}${name}` });

const policyNeed =
  (action: string) =>
  ({ PolicyArn }: { readonly PolicyArn: string }) => [{ action, resources: [PolicyArn] }];

/** AWS tells the description of a policy by GetPolicy alone; its tags, if it has any, also whoever makes it. */
async function describePolicy(
  { store }: OperationPorts,
  account: string,
  policy: ManagedPolicyDocument | AwsPolicy,
  detail: 'whole' | 'created' | 'listed',
): Promise<Policy> {
  const arn = 'Arn' in policy ? policy.Arn : policy.arn;
  const AttachmentCount = (await store.referrers(attachmentKey(account, arn), ATTACHMENTS_MAX)).length;
  const shared = { Arn: arn, AttachmentCount, PermissionsBoundaryUsageCount: 0, IsAttachable: true };
  if (!('Arn' in policy)) {
    // AWS's policies are older than any data folder, and have a version id like any other
    const [CreateDate, UpdateDate] = [AWS_POLICY_DATE, AWS_POLICY_DATE];
    return {
      ...shared,
      PolicyName: policy.name,
      PolicyId: awsPolicyId(policy),
      Path: policy.path,
      DefaultVersionId: 'v1',
      CreateDate,
      UpdateDate,
    };
  }
  const { PolicyName, PolicyId, Path, DefaultVersionId, Description, CreateDate, UpdateDate, Tags } = policy;
  return {
    ...shared,
    PolicyName,
    PolicyId,
    Path,
    DefaultVersionId,
    CreateDate,
    UpdateDate,
    ...(detail === 'whole' && Description !== null && { Description }),
    ...((detail === 'whole' || (detail === 'created' && Tags.length > 0)) && { Tags }),
  };
}

const AWS_POLICY_DATE = Date.UTC(2015, 1, 6, 18, 41, 0);
const awsPolicyId = ({ name }: AwsPolicy): string =>
  `ANPA${Buffer.from(name)
    .toString('hex')
    .toUpperCase()
    .replace(/[^A-Z2-7]/g, 'A')
    .padEnd(17, 'A')
    .slice(0, 17)}`;

export const createPolicy = (ports: OperationPorts) =>
  operation('iam:CreatePolicy', {
    effect: 'change',
    needs: ({ PolicyName, Path }, { account }) => [
      { action: 'iam:CreatePolicy', resources: [policyArn(account, Path ?? '/', PolicyName)] },
    ],
    async handle(input, context) {
      refuse(rejectManagedPolicy(input.PolicyDocument));
      const tagging = decideTags([], input.Tags ?? []);
      if ('rejection' in tagging) refuse(tagging.rejection);
      const path = input.Path ?? '/';
      const document: ManagedPolicyDocument = {
        PolicyName: input.PolicyName,
        PolicyId: `ANPA${idText(ports.ids, 17)}`,
        Arn: policyArn(context.account, path, input.PolicyName),
        Path: path,
        CreateDate: context.nowMs,
        UpdateDate: context.nowMs,
        Description: input.Description ?? null,
        DefaultVersionId: 'v1',
        Versions: { v1: { text: input.PolicyDocument, createdAtMs: context.nowMs } },
        LastVersion: 1,
        Tags: 'tags' in tagging ? tagging.tags : [],
      };
      const key = keyOf(POLICY, context, input.PolicyName);
      await decideAndCommit(ports.store, async () => {
        const row = await readRow<ManagedPolicyDocument>(ports.store, key);
        if (row?.document.PolicyId === document.PolicyId) return { result: undefined };
        if (row) throw existsError(POLICY, context, input.PolicyName);
        const index = { createdAtMs: context.nowMs, modifiedAtMs: context.nowMs };
        const changes = changedMembers(undefined, document);
        const ledger = [entryOf(context, 'iam:CreatePolicy', [document.Arn], changes)];
        return { result: undefined, commit: { expect: [{ key, version: 0 }], write: [{ key, document, index }], ledger } };
      });
      return { Policy: await describePolicy(ports, context.account, document, 'created') };
    },
  });

export const getPolicy = (ports: OperationPorts) =>
  operation('iam:GetPolicy', {
    effect: 'read',
    needs: policyNeed('iam:GetPolicy'),
    async handle({ PolicyArn }, { account }) {
      const policy = AWS_POLICIES.get(PolicyArn) ?? (await findPolicy(ports.store, account, PolicyArn))?.document;
      if (!policy) throw absentPolicy(PolicyArn);
      return { Policy: await describePolicy(ports, account, policy, 'whole') };
    },
  });

export const listPolicies = (ports: OperationPorts) =>
  operation('iam:ListPolicies', {
    effect: 'read',
    needs: ({ PathPrefix }, { account }) => [
      { action: 'iam:ListPolicies', resources: [policyArn(account, PathPrefix ?? '/', '')] },
    ],
    async handle({ Scope = 'All', OnlyAttached, PathPrefix = '/', PolicyUsageFilter, Marker, MaxItems }, { account }) {
      const local = Scope === 'AWS' ? [] : await allRows<ManagedPolicyDocument>(ports.store, { account, kind: POLICY.kind });
      const all = [...local, ...(Scope === 'Local' ? [] : AWS_POLICIES.values())];
      const described = await Promise.all(all.map((policy) => describePolicy(ports, account, policy, 'listed')));
      const shown = described.filter(
        ({ Path = '/', AttachmentCount = 0 }) =>
          Path.startsWith(PathPrefix) && (!OnlyAttached || AttachmentCount > 0) && PolicyUsageFilter !== 'PermissionsBoundary',
      );
      const { page, ...rest } = pageOf(shown, ({ Arn = '' }) => Arn, Marker, MaxItems);
      return { Policies: page, ...rest };
    },
  });

export const deletePolicy = (ports: OperationPorts) =>
  operation('iam:DeletePolicy', {
    effect: 'change',
    needs: policyNeed('iam:DeletePolicy'),
    async handle({ PolicyArn }, context) {
      await decideAndCommit(ports.store, async (count) => {
        if (count > 0 && !(await findPolicy(ports.store, context.account, PolicyArn))) return { result: undefined };
        const { key, version, document } = await readOwnPolicy(ports.store, context, PolicyArn);
        const conflict = (message: string) => new ServiceError('DeleteConflict', message);
        if ((await ports.store.referrers(key, 1)).length > 0) throw conflict('Cannot delete a policy attached to entities.');
        if (Object.keys(document.Versions).length > 1) {
          throw conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
          );
        }
        const changes = changedMembers(document, undefined);
        const ledger = [entryOf(context, 'iam:DeletePolicy', [PolicyArn], changes)];
        return { result: undefined, commit: { expect: [{ key, version }], remove: [key], ledger } };
      });
      return {};
    },
  });

/** Acknowledged when the router has it too: a version that becomes the default may narrow. */
export async function changePolicy(
  ports: OperationPorts,
  context: OperationContext,
  arn: string,
  change: (policy: ManagedPolicyDocument, count: number) => ManagedPolicyDocument,
): Promise<ManagedPolicyDocument> {
  const changed = await decideAndCommit<ManagedPolicyDocument>(ports.store, async (count) => {
    const { key, version, document, index } = await readOwnPolicy(ports.store, context, arn);
    const after = change(document, count);
    const changes = changedMembers(document, after);
    if (Object.keys(changes).length === 0) return { result: document };
    return {
      result: after,
      commit: {
        expect: [{ key, version }],
        write: [{ key, document: after, index: { ...index, modifiedAtMs: context.nowMs } }],
        ledger: [entryOf(context, context.operation, [arn], changes)],
      },
    };
  });
  ports.directory.forget(attachmentKey(context.account, arn));
  await ports.publish();
  return changed;
}

const describeVersion = (policy: ManagedPolicyDocument, id: string, withText: boolean): PolicyVersion => {
  const version = policy.Versions[id];
  if (!version) throw absentVersion(policy.Arn, id);
  return {
    ...(withText && { Document: encodePolicy(version.text) }),
    VersionId: id,
    IsDefaultVersion: policy.DefaultVersionId === id,
    CreateDate: version.createdAtMs,
  };
};

export const createPolicyVersion = (ports: OperationPorts) =>
  operation('iam:CreatePolicyVersion', {
    effect: 'change',
    needs: policyNeed('iam:CreatePolicyVersion'),
    async handle({ PolicyArn, PolicyDocument, SetAsDefault }, context) {
      refuse(rejectManagedPolicy(PolicyDocument));
      const policy = await changePolicy(ports, context, PolicyArn, (before, count) => {
        const last = before.Versions[`v${before.LastVersion}`];
        // after an answer that was lost the newest version may be the one just made
        if (count > 0 && last?.createdAtMs === context.nowMs && last.text === PolicyDocument) return before;
        if (Object.keys(before.Versions).length >= VERSIONS_MAX) {
          const message = `A managed policy can have up to ${VERSIONS_MAX} versions. Before you create a new version, you must delete an existing version.`;
          refuse({ code: 'LimitExceeded', message });
        }
        const id = `v${before.LastVersion + 1}`;
        return {
          ...before,
          UpdateDate: context.nowMs,
          LastVersion: before.LastVersion + 1,
          Versions: { ...before.Versions, [id]: { text: PolicyDocument, createdAtMs: context.nowMs } },
          ...(SetAsDefault && { DefaultVersionId: id }),
        };
      });
      return { PolicyVersion: describeVersion(policy, `v${policy.LastVersion}`, false) };
    },
  });

export const getPolicyVersion = (ports: OperationPorts) =>
  operation('iam:GetPolicyVersion', {
    effect: 'read',
    needs: policyNeed('iam:GetPolicyVersion'),
    async handle({ PolicyArn, VersionId }, { account }) {
      const policy = await asDocument(ports, account, PolicyArn);
      return { PolicyVersion: describeVersion(policy, VersionId, true) };
    },
  });

/** AWS's policies look like any other to those who read them. */
async function asDocument({ store }: OperationPorts, account: string, arn: string): Promise<ManagedPolicyDocument> {
  const aws = AWS_POLICIES.get(arn);
  if (!aws) {
    const row = await findPolicy(store, account, arn);
    if (!row) throw absentPolicy(arn);
    return row.document;
  }
  return {
    PolicyName: aws.name,
    PolicyId: awsPolicyId(aws),
    Arn: arn,
    Path: aws.path,
    CreateDate: AWS_POLICY_DATE,
    UpdateDate: AWS_POLICY_DATE,
    Description: null,
    DefaultVersionId: 'v1',
    Versions: { v1: { text: JSON.stringify(aws.document), createdAtMs: AWS_POLICY_DATE } },
    LastVersion: 1,
    Tags: [],
  };
}

export const listPolicyVersions = (ports: OperationPorts) =>
  operation('iam:ListPolicyVersions', {
    effect: 'read',
    needs: policyNeed('iam:ListPolicyVersions'),
    async handle({ PolicyArn, Marker, MaxItems }, { account }) {
      const policy = await asDocument(ports, account, PolicyArn);
      const ids = Object.keys(policy.Versions);
      const { page, ...rest } = pageOf(ids, (id) => id.slice(1).padStart(9, '0'), Marker, MaxItems);
      return { Versions: page.map((id) => describeVersion(policy, id, false)), ...rest };
    },
  });

export const setDefaultPolicyVersion = (ports: OperationPorts) =>
  operation('iam:SetDefaultPolicyVersion', {
    effect: 'change',
    needs: policyNeed('iam:SetDefaultPolicyVersion'),
    async handle({ PolicyArn, VersionId }, context) {
      await changePolicy(ports, context, PolicyArn, (policy) => {
        if (!policy.Versions[VersionId]) throw absentVersion(PolicyArn, VersionId);
        return { ...policy, DefaultVersionId: VersionId, UpdateDate: context.nowMs };
      });
      return {};
    },
  });

export const deletePolicyVersion = (ports: OperationPorts) =>
  operation('iam:DeletePolicyVersion', {
    effect: 'change',
    needs: policyNeed('iam:DeletePolicyVersion'),
    async handle({ PolicyArn, VersionId }, context) {
      await changePolicy(ports, context, PolicyArn, (policy, count) => {
        if (!policy.Versions[VersionId] && count > 0) return policy;
        if (!policy.Versions[VersionId]) throw absentVersion(PolicyArn, VersionId);
        if (policy.DefaultVersionId === VersionId) {
          throw new ServiceError('DeleteConflict', 'Cannot delete the default version of a policy.');
        }
        const { [VersionId]: _removed, ...Versions } = policy.Versions;
        return { ...policy, Versions, UpdateDate: context.nowMs };
      });
      return {};
    },
  });

export const listEntitiesForPolicy = (ports: OperationPorts) =>
  operation('iam:ListEntitiesForPolicy', {
    effect: 'read',
    needs: policyNeed('iam:ListEntitiesForPolicy'),
    async handle({ PolicyArn, EntityFilter, PathPrefix = '/', PolicyUsageFilter, Marker, MaxItems }, { account }) {
      await asDocument(ports, account, PolicyArn);
      const keys = await ports.store.referrers(attachmentKey(account, PolicyArn), ATTACHMENTS_MAX);
      const rows = await ports.store.getMany(keys.slice(0, 1000));
      const holders = rows.flatMap((row) => (row && PolicyUsageFilter !== 'PermissionsBoundary' ? [row] : []));
      const kindOf = (row: (typeof holders)[number]) => row.key.kind.replace('Iam', '');
      const shown = holders.filter(
        (row) =>
          (EntityFilter === undefined || EntityFilter === kindOf(row)) && String(row.document['Path']).startsWith(PathPrefix),
      );
      const { page, ...rest } = pageOf(shown, (row) => `${kindOf(row)}/${row.key.name}`, Marker, MaxItems);
      const of = (kind: string) =>
        page
          .filter((row) => kindOf(row) === kind)
          .map(({ key, document }) => ({ [`${kind}Name`]: key.name, [`${kind}Id`]: String(document[`${kind}Id`]) }));
      return { PolicyGroups: of('Group'), PolicyUsers: of('User'), PolicyRoles: of('Role'), ...rest };
    },
  });

export const readPolicyTags = async (ports: OperationPorts, context: OperationContext, arn: string) =>
  (await asDocument(ports, context.account, arn)).Tags;
