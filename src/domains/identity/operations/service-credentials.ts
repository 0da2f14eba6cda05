import { idText } from '../../../platform/authorization/session-token.ts';
import type { Principal } from '../../../platform/authorization/principal.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import type { JsonObject } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { GLOBAL } from '../../../platform/resource-key.ts';
import { absentError, keyOf } from '../../../platform/resources/declaration.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../../platform/store/typed-rows.ts';
import { createHash } from 'node:crypto';
import { sameText } from '../../../platform/authorization/signed-and-sealed.ts';
import { overQuota } from '../decide-quotas.ts';
import { userPrincipal } from '../directory.ts';
import { holderNeed, ownName, readHolder, touched } from '../holders.ts';
import type { IdentityPorts, OperationPorts } from '../ports.ts';
import { SERVICE_CREDENTIAL, type ServiceCredentialDocument, USER, type UserDocument } from '../resources.ts';

const CREDENTIALS_MAX = 2;
const SERVICES = ['codecommit.amazonaws.com'];

/** A user has few. */
export async function serviceCredentialsOf(
  { store }: Pick<IdentityPorts, 'store'>,
  account: string,
  user: string,
): Promise<readonly Read<ServiceCredentialDocument>[]> {
  const scope = { account, region: GLOBAL, kind: SERVICE_CREDENTIAL.kind, parent: user };
  return (await listRows<ServiceCredentialDocument>(store, { ...scope, sortBy: 'created', order: 'ascending', limit: 100 })).rows;
}

/** Only the digest is kept: the password has 256 random bits, so nothing is gained by a slower one. */
const digestOf = (password: string): string => createHash('sha256').update(password).digest('hex');

/** Whose user name and password these are; undefined: nobody's. */
export const serviceCredentialCheck =
  ({ store, settings }: Pick<IdentityPorts, 'store' | 'settings'>) =>
  async (serviceName: string, userName: string, password: string): Promise<Principal | undefined> => {
    const { account } = settings;
    if (!userName.endsWith(`-at-${account}`)) return undefined;
    const place = { account, region: GLOBAL, kind: SERVICE_CREDENTIAL.kind };
    const query = { ...place, facet: userName, sortBy: 'created', order: 'ascending', limit: 10 } as const;
    const { rows } = await listRows<ServiceCredentialDocument>(store, query);
    const found = rows.find(({ document }) => document.ServiceName === serviceName && document.Status === 'Active');
    if (!found || !sameText(found.document.PasswordDigest, digestOf(password))) return undefined;
    const user = await readRow<UserDocument>(store, keyOf(USER, { account, region: '' }, found.document.UserName));
    if (!user) return undefined;
    const { accessKeyId: _none, ...principal } = userPrincipal(account, user.document, '');
    return principal;
  };

const need =
  (ports: OperationPorts, action: string) =>
  ({ UserName }: { readonly UserName?: string }, context: OperationContext) =>
    holderNeed(ports, 'User', action)({ UserName: ownName(UserName, context) }, context);

const shownOf = ({ PasswordDigest: _digest, ...shown }: ServiceCredentialDocument) => shown;

const newPassword = ({ ids }: OperationPorts): string => Buffer.from(ids.bytes(32)).toString('base64');

export const createServiceSpecificCredential = (ports: OperationPorts) =>
  operation('iam:CreateServiceSpecificCredential', {
    effect: 'change',
    needs: need(ports, 'iam:CreateServiceSpecificCredential'),
    async handle({ UserName, ServiceName }, context) {
      if (!SERVICES.includes(ServiceName)) {
        throw new ServiceError('NoSuchEntity', `No such service ${ServiceName} is supported for Service Specific Credentials`);
      }
      const id = `ACCA${idText(ports.ids, 17)}`;
      const password = newPassword(ports);
      const key = keyOf(SERVICE_CREDENTIAL, context, id);
      const shown = await decideAndCommit(ports.store, async () => {
        const owner = await readHolder(ports.store, context, 'User', UserName);
        const present = await serviceCredentialsOf(ports, context.account, UserName);
        const mine = present.find(({ document }) => document.ServiceSpecificCredentialId === id);
        if (mine) return { result: shownOf(mine.document) };
        if (present.length >= CREDENTIALS_MAX) refuse(overQuota('ServiceSpecificCredentialsPerUser', CREDENTIALS_MAX));
        const taken = present.map(({ document }) => document.ServiceUserName);
        const names = [`${UserName}-at-${context.account}`, `${UserName}+1-at-${context.account}`];
        const document: ServiceCredentialDocument = {
          ServiceSpecificCredentialId: id,
          UserName,
          ServiceName,
          ServiceUserName: names.find((name) => !taken.includes(name)) ?? '',
          Status: 'Active',
          CreateDate: context.nowMs,
          PasswordDigest: digestOf(password),
        };
        return {
          result: shownOf(document),
          commit: {
            // the user is touched, as for access keys
            expect: [...touched(owner as Read<JsonObject>).expect, { key, version: 0 }],
            write: [
              ...touched(owner as Read<JsonObject>).write,
              {
                key,
                document,
                index: {
                  parent: UserName,
                  facet: document.ServiceUserName,
                  createdAtMs: context.nowMs,
                  modifiedAtMs: context.nowMs,
                },
              },
            ],
            ledger: [entryOf(context, context.operation, [owner.document.Arn], { ServiceSpecificCredentialId: [null, id] })],
          },
        };
      });
      return { ServiceSpecificCredential: { ...shown, ServicePassword: password } };
    },
  });

export const listServiceSpecificCredentials = (ports: OperationPorts) =>
  operation('iam:ListServiceSpecificCredentials', {
    effect: 'read',
    needs: need(ports, 'iam:ListServiceSpecificCredentials'),
    async handle({ UserName, ServiceName }, context) {
      const user = ownName(UserName, context);
      await readHolder(ports.store, context, 'User', user);
      const rows = await serviceCredentialsOf(ports, context.account, user);
      const shown = rows.map(({ document }) => shownOf(document));
      return {
        ServiceSpecificCredentials: shown.filter((one) => ServiceName === undefined || one.ServiceName === ServiceName),
      };
    },
  });

export const updateServiceSpecificCredential = (ports: OperationPorts) =>
  operation('iam:UpdateServiceSpecificCredential', {
    effect: 'change',
    needs: need(ports, 'iam:UpdateServiceSpecificCredential'),
    async handle({ UserName, ServiceSpecificCredentialId, Status }, context) {
      if (Status === 'Expired') throw new ServiceError('InvalidInput', 'A credential is set to Active or Inactive.');
      await changeCredential(ports, context, ownName(UserName, context), ServiceSpecificCredentialId, (row) => ({
        write: [{ key: row.key, document: { ...row.document, Status }, index: row.index }],
      }));
      return {};
    },
  });

export const resetServiceSpecificCredential = (ports: OperationPorts) =>
  operation('iam:ResetServiceSpecificCredential', {
    effect: 'change',
    needs: need(ports, 'iam:ResetServiceSpecificCredential'),
    async handle({ UserName, ServiceSpecificCredentialId }, context) {
      const password = newPassword(ports);
      const user = ownName(UserName, context);
      const document = await changeCredential(ports, context, user, ServiceSpecificCredentialId, (row) => ({
        write: [{ key: row.key, document: { ...row.document, PasswordDigest: digestOf(password) }, index: row.index }],
      }));
      return { ServiceSpecificCredential: { ...shownOf(document), ServicePassword: password } };
    },
  });

export const deleteServiceSpecificCredential = (ports: OperationPorts) =>
  operation('iam:DeleteServiceSpecificCredential', {
    effect: 'change',
    needs: need(ports, 'iam:DeleteServiceSpecificCredential'),
    async handle({ UserName, ServiceSpecificCredentialId }, context) {
      await changeCredential(ports, context, ownName(UserName, context), ServiceSpecificCredentialId, ({ key }) => ({
        remove: [key],
      }));
      return {};
    },
  });

async function changeCredential(
  ports: OperationPorts,
  context: OperationContext,
  user: string,
  id: string,
  change: (row: Read<ServiceCredentialDocument>) => Pick<Commit, 'write' | 'remove'>,
): Promise<ServiceCredentialDocument> {
  const key = keyOf(SERVICE_CREDENTIAL, context, id);
  let before: ServiceCredentialDocument | undefined;
  return decideAndCommit(ports.store, async (count) => {
    const owner = await readHolder(ports.store, context, 'User', user);
    const row = await readRow<ServiceCredentialDocument>(ports.store, key);
    if (row?.document.UserName !== user) {
      // on a second look it may be our own deletion whose answer was lost
      if (count > 0 && !row && before) return { result: before };
      throw absentError(SERVICE_CREDENTIAL, context, id);
    }
    before = row.document;
    const ledger = [entryOf(context, context.operation, [owner.document.Arn], { ServiceSpecificCredentialId: [id, id] })];
    return { result: row.document, commit: { expect: [{ key, version: row.version }], ...change(row), ledger } };
  });
}
