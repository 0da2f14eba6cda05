import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { tagContext } from '../../../platform/resources/change-tags.ts';
import { existsError, placeOf } from '../../../platform/resources/declaration.ts';
import { type Tag, tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import { addVersion } from '../add-version.ts';
import { holderOf, moveStages, withoutStage } from '../decide-versions.ts';
import { CURRENT, MANAGED_KEY, PREVIOUS, SECRET, type SecretDocument, secretArn, secretKey } from '../resources.ts';
import { findSecret, readLiveSecret, type SecretRow, secretNeeds, unmadeArn, requestedValue } from '../secret-access.ts';
import type { SecretsPorts } from '../ports.ts';

const SUFFIX = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export const createSecret = (ports: SecretsPorts): Operation<'secretsmanager:CreateSecret'> =>
  operation('secretsmanager:CreateSecret', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'secretsmanager:CreateSecret',
        resources: [unmadeArn(context, input.Name)],
        context: { 'secretsmanager:Name': input.Name, ...tagContext(input.Tags ?? []) },
      },
    ],
    async handle(input, context) {
      checkName(input.Name);
      checkAbilities(input);
      const value = requestedValue(input);
      const versionId = input.ClientRequestToken ?? ports.ids.uuid();
      const arn = secretArn(placeOf(context), input.Name, suffix(ports));
      const secret = await decideAndCommit<SecretDocument>(ports.store, async () => {
        const key = secretKey(placeOf(context), input.Name);
        const found = await findSecret(ports.store, context, input.Name);
        if (found?.document.arn === arn) return { result: found.document }; // our own commit, whose answer was lost
        if (found) return { result: await recognise(ports, context, found, versionId, value) };
        const fresh: SecretDocument = {
          name: input.Name,
          arn,
          ...(input.Description !== undefined && { description: input.Description }),
          createdAtMs: context.nowMs,
          changedAtMs: context.nowMs,
          versions: {},
        };
        const added = value && (await addVersion(ports, context, fresh, versionId, value, [CURRENT]));
        const parts = added?.outcome === 'added' ? added.parts : undefined;
        const document = added?.outcome === 'added' ? added.secret : fresh;
        const tagged = tagsWrite(arn, input.Tags?.map(tagOf), context.nowMs);
        return {
          commit: {
            expect: [{ key, version: 0 }, ...(parts?.expect ?? [])],
            write: [secretWrite(key, document, context), ...(parts?.write ?? []), ...(tagged ? [tagged] : [])],
            ledger: [entryOf(context, 'secretsmanager:CreateSecret', [arn], { name: [null, input.Name] })],
          },
          result: document,
        };
      });
      return { ARN: secret.arn, Name: secret.name, ...(value && { VersionId: versionId }) };
    },
  });

/** Tags may come without a value. */
const tagOf = ({ Key, Value }: { readonly Key?: string; readonly Value?: string }): Tag => ({
  Key: Key ?? '',
  Value: Value ?? '',
});

const suffix = ({ ids }: SecretsPorts): string => Array.from(ids.bytes(6), (byte) => SUFFIX[byte % SUFFIX.length]).join('');

/** The same creation again is the same secret; any other finds that the name is taken. */
async function recognise(
  ports: SecretsPorts,
  context: OperationContext,
  { document }: SecretRow,
  versionId: string,
  value: ReturnType<typeof requestedValue>,
): Promise<SecretDocument> {
  if (document.deletion) {
    throw new ServiceError(
      'InvalidRequestException',
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  const repeated = value && document.versions[versionId] !== undefined;
  if (!repeated) throw existsError(SECRET, placeOf(context), document.name);
  await addVersion(ports, context, document, versionId, value, [CURRENT]);
  return document;
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9/_+=.@!-]{1,512}$/.test(name)) return;
  throw new ServiceError(
    'ValidationException',
    'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
  );
}

function checkAbilities(input: { KmsKeyId?: string; AddReplicaRegions?: unknown; Type?: string }): void {
  if (input.AddReplicaRegions !== undefined || input.Type !== undefined) {
    const member = input.Type === undefined ? 'AddReplicaRegions' : 'Type';
    throw new ServiceError('NotImplementedException', `${member}: replicas and secrets of other services are not implemented.`);
  }
  const key = input.KmsKeyId;
  if (key === undefined || key === '' || key === MANAGED_KEY || key.endsWith(`:${MANAGED_KEY}`)) return;
  throw new ServiceError(
    'InvalidParameterException',
    `There is no key ${key}. The only one is ${MANAGED_KEY}: leave KmsKeyId out.`,
  );
}

const secretWrite = (key: SecretRow['key'], document: SecretDocument, { nowMs }: OperationContext) => ({
  key,
  document,
  index: { createdAtMs: document.createdAtMs, modifiedAtMs: nowMs },
});

export const putSecretValue = (ports: SecretsPorts): Operation<'secretsmanager:PutSecretValue'> =>
  operation('secretsmanager:PutSecretValue', {
    effect: 'change',
    needs: (input, context) => secretNeeds(ports.store, context, 'secretsmanager:PutSecretValue', input.SecretId),
    async handle(input, context) {
      const value = requestedValue(input);
      if (!value) throw new ServiceError('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
      const versionId = input.ClientRequestToken ?? ports.ids.uuid();
      const document = await changeSecret(ports, context, input.SecretId, (secret) =>
        addVersion(ports, context, secret, versionId, value, input.VersionStages ?? [CURRENT]),
      );
      return {
        ARN: document.arn,
        Name: document.name,
        VersionId: versionId,
        VersionStages: document.versions[versionId]?.stages ?? [],
      };
    },
  });

/** `change` adds a version or says that nothing is to be done. */
async function changeSecret(
  ports: SecretsPorts,
  context: OperationContext,
  text: string,
  change: (secret: SecretDocument) => ReturnType<typeof addVersion>,
): Promise<SecretDocument> {
  return decideAndCommit<SecretDocument>(ports.store, async () => {
    const row = await readLiveSecret(ports.store, context, text);
    const added = await change(row.document);
    if (added.outcome === 'repeat') return { result: row.document };
    const { secret, parts } = added;
    return {
      commit: {
        expect: [{ key: row.key, version: row.version }, ...parts.expect],
        write: [secretWrite(row.key, secret, context), ...parts.write],
        remove: parts.remove,
        ledger: [entryOf(context, context.operation, [secret.arn], changesOf(row.document, secret))],
      },
      result: secret,
    };
  });
}

/** Which version has which stage, and the description: never a value. */
const changesOf = (before: SecretDocument, after: SecretDocument) => ({
  versions: [stageText(before), stageText(after)] as const,
  ...(before.description !== after.description && {
    description: [before.description ?? null, after.description ?? null] as const,
  }),
});

const stageText = ({ versions }: SecretDocument) =>
  Object.fromEntries(Object.entries(versions).map(([id, { stages }]) => [id, [...stages]]));

export const updateSecret = (ports: SecretsPorts): Operation<'secretsmanager:UpdateSecret'> =>
  operation('secretsmanager:UpdateSecret', {
    effect: 'change',
    needs: (input, context) => secretNeeds(ports.store, context, 'secretsmanager:UpdateSecret', input.SecretId),
    async handle(input, context) {
      checkAbilities(input);
      const value = requestedValue(input);
      const versionId = input.ClientRequestToken ?? ports.ids.uuid();
      const document = await changeSecret(ports, context, input.SecretId, async (secret) => {
        const described = input.Description === undefined ? secret : { ...secret, description: input.Description };
        if (value) {
          const added = await addVersion(ports, context, described, versionId, value, [CURRENT]);
          if (added.outcome === 'added') return added;
        }
        if (described.description === secret.description) return { outcome: 'repeat' };
        const parts = { expect: [], write: [], remove: [] };
        return { outcome: 'added', secret: { ...described, changedAtMs: context.nowMs }, parts };
      });
      return { ARN: document.arn, Name: document.name, ...(value && { VersionId: versionId }) };
    },
  });

export const updateSecretVersionStage = (ports: SecretsPorts): Operation<'secretsmanager:UpdateSecretVersionStage'> =>
  operation('secretsmanager:UpdateSecretVersionStage', {
    effect: 'change',
    needs: (input, context) =>
      secretNeeds(ports.store, context, 'secretsmanager:UpdateSecretVersionStage', input.SecretId, {
        'secretsmanager:VersionStage': input.VersionStage,
      }),
    async handle(input, context) {
      const { VersionStage: stage, RemoveFromVersionId: from, MoveToVersionId: to } = input;
      const document = await changeSecret(ports, context, input.SecretId, async (secret) => {
        const versions = movedStage(secret, stage, from, to);
        if (JSON.stringify(versions) === JSON.stringify(secret.versions)) return { outcome: 'repeat' };
        const parts = { expect: [], write: [], remove: [] };
        return { outcome: 'added', secret: { ...secret, versions, changedAtMs: context.nowMs }, parts };
      });
      return { ARN: document.arn, Name: document.name };
    },
  });

function movedStage(secret: SecretDocument, stage: string, from: string | undefined, to: string | undefined) {
  for (const id of [from, to]) {
    if (id !== undefined && !secret.versions[id]) {
      throw new ServiceError(
        'ResourceNotFoundException',
        `Secrets Manager can't find the specified secret value for VersionId: ${id}`,
      );
    }
  }
  const holder = holderOf(secret.versions, stage);
  if (from !== undefined && holder !== from) {
    throw new ServiceError('InvalidParameterException', `The staging label ${stage} is not attached to version ${from}.`);
  }
  if (to === undefined) {
    if (from === undefined)
      throw new ServiceError('InvalidParameterException', 'Name a version to move the staging label to or remove it from.');
    if (stage === CURRENT) {
      throw new ServiceError('InvalidParameterException', 'The staging label AWSCURRENT can only be moved to another version.');
    }
    return withoutStage(secret.versions, from, stage);
  }
  if (holder !== undefined && holder !== to && from === undefined) {
    throw new ServiceError(
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (stage === PREVIOUS && secret.versions[to]?.stages.includes(CURRENT)) return secret.versions;
  return holder === to ? secret.versions : moveStages(secret.versions, to, [stage]);
}
