import type { ListFunctionsResponse } from '../../../contract/generated/lambda.ts';
import { type AnyOperation, operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { keyOf } from '../../../platform/resources/declaration.ts';
import { readTags, tagMap } from '../../../platform/resources/change-tags.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { listRows, readRow } from '../../../platform/store/typed-rows.ts';
import { codeLocation } from '../code-location.ts';
import type { FunctionsPorts } from '../ports.ts';
import { FUNCTION, FUNCTION_VERSION, functionArn, type FunctionDocument, LATEST, type VersionDocument } from '../resources.ts';
import { described } from '../revisions.ts';
import { findVersion, functionNeed, namedFunction } from '../runnable.ts';

const PAGE_SIZE = 50;

export const readOperations = (ports: FunctionsPorts): AnyOperation[] => [
  getFunction(ports),
  getFunctionConfiguration(ports),
  listFunctions(ports),
];

const getFunction = (ports: FunctionsPorts) =>
  operation('lambda:GetFunction', {
    effect: 'read',
    needs: functionNeed('lambda:GetFunction'),
    async handle(input, context) {
      const named = namedFunction(input.FunctionName, input.Qualifier, context);
      const { row, version, config } = await findVersion(ports.store, context, named);
      const Tags = tagMap(await readTags(ports.store, functionArn(context, named.name)));
      return {
        Configuration: described(ports, context, row.document, version, config, named.qualifier),
        Code: { RepositoryType: 'S3', Location: codeLocation(ports, context, named.name, config.codeDigest) },
        ...(Object.keys(Tags).length > 0 && { Tags }),
        ...(row.document.reservedConcurrency !== undefined && {
          Concurrency: { ReservedConcurrentExecutions: row.document.reservedConcurrency },
        }),
      };
    },
  });

const getFunctionConfiguration = (ports: FunctionsPorts) =>
  operation('lambda:GetFunctionConfiguration', {
    effect: 'read',
    needs: functionNeed('lambda:GetFunctionConfiguration'),
    async handle(input, context) {
      const named = namedFunction(input.FunctionName, input.Qualifier, context);
      const { row, version, config } = await findVersion(ports.store, context, named);
      return described(ports, context, row.document, version, config, named.qualifier);
    },
  });

const listFunctions = (ports: FunctionsPorts) =>
  operation('lambda:ListFunctions', {
    effect: 'read',
    needs: () => [{ action: 'lambda:ListFunctions', resources: ['*'] }],
    async handle(input, context) {
      if (input.FunctionVersion === 'ALL') return allVersions(ports, context, input.Marker, input.MaxItems);
      const page = await listRows<FunctionDocument>(ports.store, {
        account: context.account,
        region: context.region,
        kind: FUNCTION.kind,
        sortBy: 'name',
        order: 'ascending',
        after: decodePageToken(input.Marker),
        limit: input.MaxItems ?? PAGE_SIZE,
      });
      return {
        Functions: page.rows.map(({ document }) => described(ports, context, document, LATEST, document.latest)),
        NextMarker: encodePageToken(page.next),
      };
    },
  });

const VERSIONS_MARK = 'versions.';

/** First every function's latest, then the published versions. */
async function allVersions(
  ports: FunctionsPorts,
  context: OperationContext,
  marker: string | undefined,
  limit = PAGE_SIZE,
): Promise<ListFunctionsResponse> {
  const published = marker?.startsWith(VERSIONS_MARK) ?? false;
  const after = decodePageToken(published ? marker?.slice(VERSIONS_MARK.length) : marker);
  const query = { account: context.account, region: context.region, sortBy: 'name', order: 'ascending', limit, after } as const;
  const latest = published ? undefined : await listRows<FunctionDocument>(ports.store, { ...query, kind: FUNCTION.kind });
  const Functions = (latest?.rows ?? []).map(({ document }) =>
    described(ports, context, document, LATEST, document.latest, LATEST),
  );
  if (latest?.next) return { Functions, NextMarker: encodePageToken(latest.next) };
  if (Functions.length >= limit) return { Functions, NextMarker: VERSIONS_MARK };
  const rest = { ...query, limit: limit - Functions.length, after: published ? after : undefined };
  const page = await listRows<VersionDocument>(ports.store, { ...rest, kind: FUNCTION_VERSION.kind });
  const names = page.rows.map(({ key }) => key.name.split(':')[0] ?? '');
  const functions = await Promise.all(
    names.map((name) => readRow<FunctionDocument>(ports.store, keyOf(FUNCTION, context, name))),
  );
  const next = encodePageToken(page.next);
  return {
    Functions: [
      ...Functions,
      ...page.rows.flatMap(({ document: { Version, config } }, at) => {
        const fn = functions[at];
        return fn ? [described(ports, context, fn.document, Version, config)] : [];
      }),
    ],
    ...(next !== undefined && { NextMarker: `${VERSIONS_MARK}${next}` }),
  };
}
