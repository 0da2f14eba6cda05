import { type AnyOperation, operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { listRows } from '../../../platform/store/typed-rows.ts';
import { codeLocation } from '../code-location.ts';
import type { FunctionsPorts } from '../ports.ts';
import { FUNCTION, functionArn, type FunctionDocument, LATEST } from '../resources.ts';
import { described } from '../revisions.ts';
import { findVersion, namedFunction } from '../runnable.ts';
import { functionNeed } from './create-function.ts';
import { readTags } from './tags.ts';

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
      const Tags = await readTags(ports, functionArn(context, named.name));
      return {
        Configuration: described(ports, context, row.document, version, config, named.qualifier),
        Code: { RepositoryType: 'S3', Location: codeLocation(ports, context, named.name, config.codeDigest) },
        ...(Object.keys(Tags).length > 0 && { Tags }),
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
      if (input.FunctionVersion === 'ALL') {
        throw new ServiceError(
          'NotImplementedException',
          'ListFunctions with FunctionVersion ALL is not implemented: use ListVersionsByFunction.',
        );
      }
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
