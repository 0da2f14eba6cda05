import { type AnyOperation, operation } from '../../../platform/calls/operation.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import type { ResourceKey } from '../../../platform/resource-key.ts';
import { decodePageToken, encodePageToken } from '../../../platform/resources/page-token.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Write } from '../../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../../platform/store/typed-rows.ts';
import type { FunctionsPorts } from '../ports.ts';
import { FUNCTION_VERSION, functionArn, type FunctionDocument, LATEST, type VersionDocument } from '../resources.ts';
import { checkRevision, described, functionWrite } from '../revisions.ts';
import { functionNeed, namedFunction, readFunction, versionKey } from '../runnable.ts';

const PAGE_SIZE = 50;

export const versionOperations = (ports: FunctionsPorts): AnyOperation[] => [publishVersion(ports), listVersions(ports)];

/** The row of a new version: the function's latest code and configuration as they are now. */
export const publishedVersion = (key: ResourceKey, { latest }: FunctionDocument, version: string, nowMs: number): Write => {
  const document: VersionDocument = { Version: version, config: latest, createdAtMs: nowMs };
  const name = key.name;
  return writeOf(
    versionKey(key, name, version),
    document,
    { parent: name, createdAtMs: nowMs, modifiedAtMs: nowMs, ordinal: Number(version) },
    [latest.codeDigest],
  );
};

/** The next version, unless nothing changed since the last one: Lambda then answers that. */
export async function nextVersion(
  ports: FunctionsPorts,
  row: Read<FunctionDocument>,
  nowMs: number,
): Promise<{ readonly version: string; readonly after?: FunctionDocument; readonly write: Write[] }> {
  const { key, document } = row;
  const last =
    document.published > 0 &&
    (await readRow<VersionDocument>(ports.store, versionKey(key, key.name, String(document.published))));
  const same = last && last.document.config.RevisionId === document.latest.RevisionId;
  if (same) return { version: String(document.published), write: [] };
  const version = String(document.published + 1);
  const after = { ...document, published: document.published + 1 };
  return { version, after, write: [functionWrite(key, after, nowMs), publishedVersion(key, document, version, nowMs)] };
}

const publishVersion = (ports: FunctionsPorts) =>
  operation('lambda:PublishVersion', {
    effect: 'change',
    needs: functionNeed('lambda:PublishVersion'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      return decideAndCommit(ports.store, async () => {
        const row = await readFunction(ports.store, context, name);
        const { latest } = row.document;
        checkRevision(input.RevisionId, latest.RevisionId);
        if (input.CodeSha256 !== undefined && input.CodeSha256 !== latest.CodeSha256) {
          throw new ServiceError(
            'InvalidParameterValueException',
            `CodeSHA256 (${input.CodeSha256}) is different from current CodeSHA256 in $LATEST (${latest.CodeSha256}). Please try again with the CodeSHA256 in $LATEST.`,
          );
        }
        const { version, write } = await nextVersion(ports, row, context.nowMs);
        const config = input.Description === undefined ? latest : { ...latest, Description: input.Description };
        const result = described(ports, context, { ...row.document, latest: config }, version, config, version);
        if (write.length === 0) return { result };
        const arn = functionArn(context, name, version);
        return {
          result,
          commit: {
            expect: [{ key: row.key, version: row.version }],
            write: write.map((one) => withDescription(one, config.Description)),
            ledger: [entryOf(context, context.operation, [arn], { Version: [null, version] })],
          },
        };
      });
    },
  });

function withDescription(write: Write, Description: string): Write {
  if (write.key.kind !== FUNCTION_VERSION.kind) return write;
  const document = write.document as unknown as VersionDocument;
  return writeOf(write.key, { ...document, config: { ...document.config, Description } }, write.index, write.blobs);
}

const listVersions = (ports: FunctionsPorts) =>
  operation('lambda:ListVersionsByFunction', {
    effect: 'read',
    needs: functionNeed('lambda:ListVersionsByFunction'),
    async handle(input, context) {
      const { name } = namedFunction(input.FunctionName, undefined, context);
      const { document } = await readFunction(ports.store, context, name);
      const page = await listRows<VersionDocument>(ports.store, {
        account: context.account,
        region: context.region,
        kind: FUNCTION_VERSION.kind,
        parent: name,
        sortBy: 'ordinal',
        order: 'ascending',
        after: decodePageToken(input.Marker),
        limit: input.MaxItems ?? PAGE_SIZE,
      });
      const versions = page.rows.map(({ document: { Version, config } }) => described(ports, context, document, Version, config));
      const first = input.Marker ? [] : [described(ports, context, document, LATEST, document.latest, LATEST)];
      return { Versions: [...first, ...versions], NextMarker: encodePageToken(page.next) };
    },
  });
