import type { Parameter, ParameterHistory, ParameterMetadata, ParameterStringFilter } from '../../../contract/generated/ssm.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { invalid, refuse } from '../../../platform/errors/rejection.ts';
import { readTags } from '../../../platform/resources/change-tags.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import type { Cursor } from '../../../platform/store/port.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { placeOf } from '../../../platform/resources/declaration.ts';
import { isBelow, matchesFilters, needsTags, rejectedFilters, rejectedPath } from '../decide-filters.ts';
import { namedArn, type ParameterRow, readParameter, type Selected, selectVersion } from '../parameter-access.ts';
import {
  PARAMETER,
  PARAMETER_VERSION_KIND,
  type ParameterDocument,
  parameterArn,
  plainName,
  type VersionDocument,
} from '../resources.ts';
import { shownValue } from '../sealing.ts';
import { isSecretReference, readReferencedSecret } from '../secret-reference.ts';
import type { ParametersPorts } from '../ports.ts';

const PAGE_ROWS = 100;
/** So many rows are looked at for one page; a page may hold fewer than asked for and yet not be the last. */
const LOOKED_AT_MAX = 2_000;

export const getParameter = (ports: ParametersPorts): Operation<'ssm:GetParameter'> =>
  operation('ssm:GetParameter', {
    effect: 'read',
    needs: (input, context) => [{ action: 'ssm:GetParameter', resources: [namedArn(context, input.Name)] }],
    async handle(input, context) {
      return { Parameter: await readOne(ports, context, input.Name, input.WithDecryption) };
    },
  });

export const getParameters = (ports: ParametersPorts): Operation<'ssm:GetParameters'> =>
  operation('ssm:GetParameters', {
    effect: 'read',
    needs: (input, context) => [{ action: 'ssm:GetParameters', resources: input.Names.map((name) => namedArn(context, name)) }],
    async handle(input, context) {
      const found = await Promise.all(
        [...new Set(input.Names)].map(async (name) => ({
          name,
          parameter: await readOne(ports, context, name, input.WithDecryption).catch(nothingWhenAbsent),
        })),
      );
      return {
        Parameters: found.flatMap(({ parameter }) => (parameter ? [parameter] : [])),
        InvalidParameters: found.filter(({ parameter }) => !parameter).map(({ name }) => name),
      };
    },
  });

async function readOne(
  ports: ParametersPorts,
  context: OperationContext,
  name: string,
  decrypt: boolean | undefined,
): Promise<Parameter> {
  if (isSecretReference(name)) return readReferencedSecret(ports.calls, context, name, decrypt);
  return describe(ports, context, await selectVersion(ports.store, context, name), decrypt);
}

function nothingWhenAbsent(error: unknown): undefined {
  // what cannot be found is listed, not refused
  if (error instanceof ServiceError && /^Parameter(Version)?NotFound$/.test(error.code)) return undefined;
  throw error;
}

function describe(
  ports: ParametersPorts,
  context: OperationContext,
  { version, selector }: Selected,
  decrypt: boolean | undefined,
): Parameter {
  const place = placeOf(context);
  return {
    Name: version.name,
    Type: version.type,
    Value: shownValue(ports, place, version, decrypt),
    Version: version.version,
    ...(selector !== undefined && { Selector: selector }),
    LastModifiedDate: version.modifiedAtMs,
    ARN: parameterArn(place, version.name),
    DataType: version.dataType,
  };
}

/** Tags come without a word: AWS decides on the path alone, and whoever may read a path may read all below it. */
export const getParametersByPath = (ports: ParametersPorts): Operation<'ssm:GetParametersByPath'> =>
  operation('ssm:GetParametersByPath', {
    effect: 'read',
    needs: (input, context) => [
      {
        action: 'ssm:GetParametersByPath',
        resources: [namedArn(context, input.Path.replace(/(?<=.)\/$/, ''))],
        context: { 'ssm:Recursive': String(input.Recursive ?? false) },
      },
    ],
    async handle(input, context) {
      const filters = input.ParameterFilters ?? [];
      refuse(rejectedPath(input.Path) ?? rejectedFilters(filters, ['Type', 'KeyId', 'Label', 'DataType']));
      const { found, next } = await search(ports, context, {
        prefix: input.Path === '/' ? '' : plainName(`${input.Path.replace(/\/$/, '')}/`),
        matches: ({ document }) =>
          isBelow(document.name, input.Path, input.Recursive ?? false) && matchesFilters(document, filters),
        token: input.NextToken,
        limit: input.MaxResults ?? 10,
      });
      const parameters = found.map(({ document }) =>
        describe(ports, context, { version: document, selector: undefined }, input.WithDecryption),
      );
      return { Parameters: parameters, ...(next && { NextToken: encodePageToken(next) }) };
    },
  });

export const describeParameters = (ports: ParametersPorts): Operation<'ssm:DescribeParameters'> =>
  operation('ssm:DescribeParameters', {
    effect: 'read',
    needs: () => [{ action: 'ssm:DescribeParameters', resources: ['*'] }],
    async handle(input, context) {
      const older = input.Filters ?? [];
      const newer = input.ParameterFilters ?? [];
      if (older.length > 0 && newer.length > 0) {
        refuse(invalid('You can use either Filters or ParameterFilters in a single request.'));
      }
      refuse(rejectedFilters(newer, ['Path', 'Name', 'Type', 'KeyId', 'Tier', 'DataType', 'tag']));
      const filters: ParameterStringFilter[] = older.length > 0 ? older.map(({ Key, Values }) => ({ Key, Values })) : newer;
      const { found, next } = await search(ports, context, {
        prefix: '',
        matches: async ({ document }) => {
          const tags = needsTags(filters) ? await readTags(ports.store, parameterArn(placeOf(context), document.name)) : [];
          return matchesFilters(document, filters, tags);
        },
        token: input.NextToken,
        limit: input.MaxResults ?? 10,
      });
      const parameters = found.map(({ document }) => metadata(context, document));
      return { Parameters: parameters, ...(next && { NextToken: encodePageToken(next) }) };
    },
  });

const metadata = (context: OperationContext, document: VersionDocument): ParameterMetadata => ({
  Name: document.name,
  ARN: parameterArn(placeOf(context), document.name),
  Type: document.type,
  ...(document.keyId !== undefined && { KeyId: document.keyId }),
  LastModifiedDate: document.modifiedAtMs,
  LastModifiedUser: document.modifiedBy,
  ...(document.description !== undefined && { Description: document.description }),
  ...(document.allowedPattern !== undefined && { AllowedPattern: document.allowedPattern }),
  Version: document.version,
  Tier: document.tier,
  Policies: [],
  DataType: document.dataType,
});

async function search(
  ports: ParametersPorts,
  context: OperationContext,
  query: {
    readonly prefix: string;
    readonly matches: (row: ParameterRow) => boolean | Promise<boolean>;
    readonly token: string | undefined;
    readonly limit: number;
  },
): Promise<{ readonly found: ParameterRow[]; readonly next: Cursor | undefined }> {
  const found: ParameterRow[] = [];
  let next = decodePageToken(query.token, 'InvalidNextToken');
  for (let lookedAt = 0; lookedAt < LOOKED_AT_MAX; ) {
    const page = await listRows<ParameterDocument>(ports.store, {
      ...placeOf(context),
      kind: PARAMETER.kind,
      ...(query.prefix !== '' && { namePrefix: query.prefix }),
      sortBy: 'name',
      order: 'ascending',
      after: next,
      limit: PAGE_ROWS,
    });
    for (const [at, row] of page.rows.entries()) {
      if (!(await query.matches(row))) continue;
      found.push(row);
      const more = page.next !== undefined || at + 1 < page.rows.length;
      if (found.length === query.limit) return { found, next: more ? { sort: row.key.name, name: row.key.name } : undefined };
    }
    lookedAt += page.rows.length;
    next = page.next;
    if (!next) break;
  }
  return { found, next };
}

export const getParameterHistory = (ports: ParametersPorts): Operation<'ssm:GetParameterHistory'> =>
  operation('ssm:GetParameterHistory', {
    effect: 'read',
    needs: (input, context) => [{ action: 'ssm:GetParameterHistory', resources: [namedArn(context, input.Name)] }],
    async handle(input, context) {
      const { document } = await readParameter(ports.store, context, input.Name);
      const limit = input.MaxResults ?? 50;
      const after = decodePageToken(input.NextToken, 'InvalidNextToken');
      const page = await listRows<VersionDocument>(ports.store, {
        ...placeOf(context),
        kind: PARAMETER_VERSION_KIND,
        parent: plainName(document.name),
        sortBy: 'ordinal',
        order: 'ascending',
        after,
        limit,
      });
      const versions = page.rows.map((row) => row.document);
      // the newest comes last, on the page that has room for it
      const whole = !page.next && versions.length < limit;
      const last = versions.at(-1);
      const token = page.next ?? (whole || !last ? undefined : { sort: last.version, name: page.rows.at(-1)?.key.name ?? '' });
      return {
        Parameters: [...versions, ...(whole ? [document] : [])].map((version) =>
          history(ports, context, document, version, input),
        ),
        ...(token && { NextToken: encodePageToken(token) }),
      };
    },
  });

function history(
  ports: ParametersPorts,
  context: OperationContext,
  parameter: ParameterDocument,
  version: VersionDocument,
  { WithDecryption }: { readonly WithDecryption?: boolean },
): ParameterHistory {
  const { ARN: _arn, ...described } = metadata(context, version);
  const labels = Object.entries(parameter.labels).filter(([, of]) => of === version.version);
  return {
    ...described,
    Value: shownValue(ports, placeOf(context), version, WithDecryption),
    Labels: labels.map(([label]) => label),
  };
}
