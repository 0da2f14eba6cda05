import type {
  APIErrorType,
  Filter,
  GetSecretValueResponse,
  SecretListEntry,
} from '../../../contract/generated/secretsmanager.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { readTags } from '../../../platform/resources/change-tags.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import type { Cursor, ListQuery } from '../../../platform/store/port.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { matchesFilters, rejectedFilters } from '../decide-filters.ts';
import { holderOf, stagesOf } from '../decide-versions.ts';
import { randomPassword } from '../random-password.ts';
import { CURRENT, SECRET, type SecretDocument } from '../resources.ts';
import { openValue, readLiveSecret, readSecret, type SecretRow, secretNeeds } from '../secret-access.ts';
import type { SecretsPorts } from '../ports.ts';

const PAGE_ROWS = 100;
const LOOKED_AT_MAX = 2_000;

export const getSecretValue = (ports: SecretsPorts): Operation<'secretsmanager:GetSecretValue'> =>
  operation('secretsmanager:GetSecretValue', {
    effect: 'read',
    needs: (input, context) =>
      secretNeeds(ports.store, context, 'secretsmanager:GetSecretValue', input.SecretId, {
        ...(input.VersionId !== undefined && { 'secretsmanager:VersionId': input.VersionId }),
        'secretsmanager:VersionStage': input.VersionStage ?? CURRENT,
      }),
    async handle(input, context) {
      const { document } = await readLiveSecret(ports.store, context, input.SecretId);
      const { VersionId: id, VersionStage: stage } = input;
      const versionId = id ?? holderOf(document.versions, stage ?? CURRENT);
      const version = versionId === undefined ? undefined : document.versions[versionId];
      if (id !== undefined && stage !== undefined && version && !version.stages.includes(stage)) {
        throw new ServiceError(
          'InvalidRequestException',
          'You provided a VersionStage that is not associated to the provided VersionId.',
        );
      }
      const what = id === undefined ? `staging label: ${stage ?? CURRENT}` : `VersionId: ${id}`;
      return describeValue(ports, context, document, versionId, what);
    },
  });

async function describeValue(
  ports: SecretsPorts,
  context: OperationContext,
  secret: SecretDocument,
  versionId: string | undefined,
  what: string,
): Promise<GetSecretValueResponse> {
  const version = versionId === undefined ? undefined : secret.versions[versionId];
  const value = version && versionId !== undefined ? await openValue(ports, context, secret, versionId) : undefined;
  if (!version || !value) {
    throw new ServiceError('ResourceNotFoundException', `Secrets Manager can't find the specified secret value for ${what}`);
  }
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: versionId,
    ...('text' in value ? { SecretString: value.text } : { SecretBinary: Buffer.from(value.base64, 'base64') }),
    VersionStages: version.stages,
    CreatedDate: version.createdAtMs,
  };
}

export const batchGetSecretValue = (ports: SecretsPorts): Operation<'secretsmanager:BatchGetSecretValue'> =>
  operation('secretsmanager:BatchGetSecretValue', {
    effect: 'read',
    async needs(input, context) {
      const each = (input.SecretIdList ?? []).map((text) =>
        secretNeeds(ports.store, context, 'secretsmanager:GetSecretValue', text),
      );
      return [{ action: 'secretsmanager:BatchGetSecretValue', resources: ['*'] }, ...(await Promise.all(each)).flat()];
    },
    async handle(input, context) {
      const { SecretIdList: asked, Filters: filters } = input;
      if ((asked === undefined) === (filters === undefined)) {
        throw new ServiceError('InvalidParameterException', "Either 'SecretIdList' or 'Filters' must be provided, but not both.");
      }
      if (asked && input.MaxResults !== undefined) {
        throw new ServiceError(
          'InvalidParameterException',
          "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
        );
      }
      if (!asked)
        throw new ServiceError('NotImplementedException', 'BatchGetSecretValue by Filters is not implemented: name the secrets.');
      const results = await Promise.all(asked.map((text) => valueOrError(ports, context, text)));
      return {
        SecretValues: results.flatMap((one) => ('value' in one ? [one.value] : [])),
        Errors: results.flatMap((one) => ('error' in one ? [one.error] : [])),
      };
    },
  });

async function valueOrError(
  ports: SecretsPorts,
  context: OperationContext,
  text: string,
): Promise<{ readonly value: GetSecretValueResponse } | { readonly error: APIErrorType }> {
  try {
    const { document } = await readSecret(ports.store, context, text);
    if (document.deletion) {
      throw new ServiceError(
        'InvalidRequestException',
        "You tried to perform the operation on a secret that's currently marked deleted.",
      );
    }
    const id = holderOf(document.versions, CURRENT);
    return { value: await describeValue(ports, context, document, id, `staging label: ${CURRENT}`) };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { error: { SecretId: text, ErrorCode: error.code, Message: error.message } };
  }
}

export const describeSecret = (ports: SecretsPorts): Operation<'secretsmanager:DescribeSecret'> =>
  operation('secretsmanager:DescribeSecret', {
    effect: 'read',
    needs: (input, context) => secretNeeds(ports.store, context, 'secretsmanager:DescribeSecret', input.SecretId),
    async handle(input, context) {
      const row = await readSecret(ports.store, context, input.SecretId);
      const { SecretVersionsToStages: stages, ...entry } = await describe(ports, row);
      return { ...entry, ...(stages && Object.keys(stages).length > 0 && { VersionIdsToStages: stages }) };
    },
  });

async function describe(ports: SecretsPorts, { document }: SecretRow): Promise<SecretListEntry> {
  const tags = await readTags(ports.store, document.arn);
  return {
    ARN: document.arn,
    Name: document.name,
    ...(document.description !== undefined && { Description: document.description }),
    LastChangedDate: document.changedAtMs,
    ...(document.deletion && { DeletedDate: document.deletion.requestedAtMs }),
    ...(tags.length > 0 && { Tags: [...tags] }),
    SecretVersionsToStages: stagesOf(document.versions),
    CreatedDate: document.createdAtMs,
  };
}

const SORTS: Readonly<Record<string, ListQuery['sortBy']>> = {
  'created-date': 'created',
  'last-changed-date': 'modified',
  name: 'name',
};

export const listSecrets = (ports: SecretsPorts): Operation<'secretsmanager:ListSecrets'> =>
  operation('secretsmanager:ListSecrets', {
    effect: 'read',
    needs: () => [{ action: 'secretsmanager:ListSecrets', resources: ['*'] }],
    async handle(input, context) {
      const sortBy = SORTS[input.SortBy ?? 'created-date'];
      if (!sortBy)
        throw new ServiceError(
          'NotImplementedException',
          'When a secret was last read is not recorded, so it cannot be sorted by.',
        );
      refuse(rejectedFilters(input.Filters ?? []));
      const { found, next } = await search(ports, context, {
        query: { sortBy, order: input.SortOrder === 'desc' ? 'descending' : 'ascending' },
        deleted: input.IncludePlannedDeletion ?? false,
        filters: input.Filters ?? [],
        token: input.NextToken,
        limit: input.MaxResults ?? 100,
      });
      return {
        SecretList: await Promise.all(found.map((row) => describe(ports, row))),
        ...(next && { NextToken: encodePageToken(next) }),
      };
    },
  });

async function search(
  ports: SecretsPorts,
  context: OperationContext,
  wanted: {
    readonly query: Pick<ListQuery, 'sortBy' | 'order'>;
    readonly deleted: boolean;
    readonly filters: readonly Filter[];
    readonly token: string | undefined;
    readonly limit: number;
  },
): Promise<{ readonly found: SecretRow[]; readonly next: Cursor | undefined }> {
  const { sortBy } = wanted.query;
  const found: SecretRow[] = [];
  let next = decodePageToken(wanted.token, 'InvalidNextTokenException');
  for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX; ) {
    const scope = { ...placeOf(context), kind: SECRET.kind, after: next, limit: PAGE_ROWS };
    const page = await listRows<SecretDocument>(ports.store, { ...scope, ...wanted.query });
    for (const [at, row] of page.rows.entries()) {
      if (row.document.deletion && !wanted.deleted) continue;
      const tags = wanted.filters.length > 0 ? await readTags(ports.store, row.document.arn) : [];
      if (!matchesFilters(row.document, tags, context.region, wanted.filters)) continue;
      found.push(row);
      if (found.length < wanted.limit) continue;
      const sort = sortBy === 'name' ? row.key.name : sortBy === 'created' ? row.index.createdAtMs : row.index.modifiedAtMs;
      const more = page.next !== undefined || at + 1 < page.rows.length;
      return { found, next: more ? { sort, name: row.key.name } : undefined };
    }
    lookedAt += page.rows.length;
    next = page.next;
    if (!next) break;
  }
  return { found, next };
}

export const listSecretVersionIds = (ports: SecretsPorts): Operation<'secretsmanager:ListSecretVersionIds'> =>
  operation('secretsmanager:ListSecretVersionIds', {
    effect: 'read',
    needs: (input, context) => secretNeeds(ports.store, context, 'secretsmanager:ListSecretVersionIds', input.SecretId),
    async handle(input, context) {
      const { document } = await readSecret(ports.store, context, input.SecretId);
      const shown = Object.entries(document.versions)
        .filter(([, { stages }]) => input.IncludeDeprecated || stages.length > 0)
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      const after = decodePageToken(input.NextToken, 'InvalidNextTokenException')?.name ?? '';
      const rest = shown.filter(([id]) => id > after);
      const page = rest.slice(0, input.MaxResults ?? 100);
      const last = page.at(-1)?.[0];
      return {
        Versions: page.map(([id, { stages, createdAtMs }]) => ({
          VersionId: id,
          ...(stages.length > 0 && { VersionStages: stages }),
          CreatedDate: createdAtMs,
        })),
        ...(last !== undefined && page.length < rest.length && { NextToken: encodePageToken({ sort: last, name: last }) }),
        ARN: document.arn,
        Name: document.name,
      };
    },
  });

export const getRandomPassword = (ports: SecretsPorts): Operation<'secretsmanager:GetRandomPassword'> =>
  operation('secretsmanager:GetRandomPassword', {
    effect: 'read',
    needs: () => [{ action: 'secretsmanager:GetRandomPassword', resources: ['*'] }],
    async handle(input) {
      return { RandomPassword: randomPassword(ports.ids, input) };
    },
  });
