import type { PutParameterRequest } from '../../../contract/generated/ssm.ts';
import { operation, type Operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { accepted, refuse, type Rejection } from '../../../platform/errors/rejection.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { tagContext } from '../../../platform/resources/change-tags.ts';
import { tagsKey, tagsWrite } from '../../../platform/resources/tags.ts';
import { type Attempt, decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Write } from '../../../platform/store/port.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { planPut, type PutPlan, rejectedName, rejectedRequest } from '../decide-put.ts';
import { findParameter, namedArn, type ParameterRow, readParameter } from '../parameter-access.ts';
import {
  PARAMETER,
  type ParameterDocument,
  parameterArn,
  parameterKey,
  plainName,
  type VersionDocument,
  versionKey,
} from '../resources.ts';
import { MANAGED_KEY, sealedValue } from '../sealing.ts';
import { absentError, placeOf } from '../../../platform/resources/declaration.ts';
import type { ParametersPorts } from '../ports.ts';

const VERSIONS_MAX = 100;

type Put = { Version: number; Tier: 'Standard' | 'Advanced' };

export const putParameter = (ports: ParametersPorts): Operation<'ssm:PutParameter'> =>
  operation('ssm:PutParameter', {
    effect: 'change',
    needs: (input, context) => [
      {
        action: 'ssm:PutParameter',
        resources: [namedArn(context, input.Name)],
        context: { 'ssm:Overwrite': String(input.Overwrite ?? false), ...(input.Tags && tagContext(input.Tags)) },
      },
    ],
    async handle(input, context) {
      refuse(rejectedName(input.Name) ?? rejectedRequest(input) ?? rejectedKey(input));
      return decideAndCommit<Put>(ports.store, (count) => putOnce(ports, context, input, count));
    },
  });

/** No keys of KMS are there to name, but for the managed one. */
const rejectedKey = ({ KeyId, Type }: PutParameterRequest): Rejection | undefined =>
  KeyId === undefined || KeyId === MANAGED_KEY || KeyId.endsWith(`:${MANAGED_KEY}`) || Type !== 'SecureString'
    ? undefined
    : { code: 'InvalidKeyId', message: `Invalid keyId ${KeyId}. The only key is ${MANAGED_KEY}: leave KeyId out.` };

async function putOnce(
  ports: ParametersPorts,
  context: OperationContext,
  input: PutParameterRequest,
  count: number,
): Promise<Attempt<Put>> {
  const place = placeOf(context);
  const row = await readRow<ParameterDocument>(ports.store, parameterKey(place, input.Name));
  const before = row?.document;
  // on a second look it may be our own write whose answer was lost
  if (count > 0 && before?.requestId === context.requestId) {
    return { result: { Version: before.version, Tier: before.tier } };
  }
  const plan = accepted(planPut(input, before));
  const document = nextDocument(ports, context, input, plan, before);
  const kept = row && keepVersion(context, row, document);
  const arn = parameterArn(place, input.Name);
  const tagged = row ? undefined : tagsWrite(arn, input.Tags, context.nowMs);
  const index = { createdAtMs: row?.index.createdAtMs ?? context.nowMs, modifiedAtMs: context.nowMs };
  const key = parameterKey(place, input.Name);
  return {
    commit: {
      expect: [{ key, version: row?.version ?? 0 }, ...(kept ? [{ key: kept.write.key, version: 0 }] : [])],
      write: [{ key, document: { ...document }, index }, ...(kept ? [kept.write] : []), ...(tagged ? [tagged] : [])],
      ...(kept?.remove && { remove: [kept.remove] }),
      // the value itself is nobody's business but that of who may read it
      ledger: [entryOf(context, 'ssm:PutParameter', [arn], { version: [before?.version ?? null, document.version] })],
    },
    result: { Version: document.version, Tier: document.tier },
  };
}

function nextDocument(
  ports: ParametersPorts,
  context: OperationContext,
  input: PutParameterRequest,
  plan: PutPlan,
  before: ParameterDocument | undefined,
): ParameterDocument {
  const version = (before?.version ?? 0) + 1;
  const secure = plan.type === 'SecureString';
  const full = before !== undefined && before.version - before.firstVersion + 1 >= VERSIONS_MAX;
  if (full && Object.values(before.labels).includes(before.firstVersion)) {
    refuse({
      code: 'ParameterMaxVersionLimitExceeded',
      message: `You attempted to create a new version of ${input.Name} by calling the PutParameter API with the overwrite flag. Version ${before.firstVersion}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.`,
    });
  }
  const name = before?.name ?? input.Name;
  return {
    name,
    type: plan.type,
    value: secure ? sealedValue(ports, placeOf(context), { name, version }, input.Value) : input.Value,
    version,
    tier: plan.tier,
    dataType: plan.dataType,
    modifiedAtMs: context.nowMs,
    modifiedBy: context.principal.arn,
    requestId: context.requestId,
    ...(plan.description !== undefined && { description: plan.description }),
    ...(plan.allowedPattern !== undefined && { allowedPattern: plan.allowedPattern }),
    ...(secure && { keyId: input.KeyId ?? before?.keyId ?? MANAGED_KEY }),
    firstVersion: (before?.firstVersion ?? 1) + (full ? 1 : 0),
    labels: before?.labels ?? {},
  };
}

/** The row of the version that is written over; the oldest goes when there are too many. */
function keepVersion(context: OperationContext, { document }: ParameterRow, next: ParameterDocument) {
  const { firstVersion, labels: _labels, ...version } = document;
  const place = placeOf(context);
  const write: Write = {
    key: versionKey(place, document.name, document.version),
    document: version satisfies VersionDocument,
    index: {
      parent: plainName(document.name),
      ordinal: document.version,
      createdAtMs: document.modifiedAtMs,
      modifiedAtMs: document.modifiedAtMs,
    },
  };
  const oldest = next.firstVersion > firstVersion ? versionKey(place, document.name, firstVersion) : undefined;
  return { write, remove: oldest };
}

export const deleteParameter = (ports: ParametersPorts): Operation<'ssm:DeleteParameter'> =>
  operation('ssm:DeleteParameter', {
    effect: 'change',
    needs: (input, context) => [{ action: 'ssm:DeleteParameter', resources: [namedArn(context, input.Name)] }],
    async handle(input, context) {
      await readParameter(ports.store, context, input.Name);
      if (!(await removeParameter(ports, context, input.Name, 'ssm:DeleteParameter'))) {
        throw absentError(PARAMETER, placeOf(context), input.Name);
      }
      return {};
    },
  });

export const deleteParameters = (ports: ParametersPorts): Operation<'ssm:DeleteParameters'> =>
  operation('ssm:DeleteParameters', {
    effect: 'change',
    needs: (input, context) => [
      { action: 'ssm:DeleteParameters', resources: input.Names.map((name) => namedArn(context, name)) },
    ],
    async handle(input, context) {
      const removed = await Promise.all(
        [...new Set(input.Names)].map(async (name) => ({
          name,
          done: await removeParameter(ports, context, name, 'ssm:DeleteParameters'),
        })),
      );
      return {
        DeletedParameters: removed.filter(({ done }) => done).map(({ name }) => name),
        InvalidParameters: removed.filter(({ done }) => !done).map(({ name }) => name),
      };
    },
  });

/** With its versions and tags, in one commit. False when it is not there. */
async function removeParameter(
  ports: ParametersPorts,
  context: OperationContext,
  name: string,
  action: string,
): Promise<boolean> {
  return decideAndCommit<boolean>(ports.store, async (count) => {
    const row = await findParameter(ports.store, context, name);
    if (!row) return { result: count > 0 };
    const { document } = row;
    const place = placeOf(context);
    const versions = Array.from({ length: document.version - document.firstVersion }, (_, at) =>
      versionKey(place, document.name, document.firstVersion + at),
    );
    const arn = parameterArn(place, document.name);
    return {
      commit: {
        expect: [{ key: row.key, version: row.version }],
        remove: [row.key, tagsKey(arn), ...versions],
        ledger: [entryOf(context, action, [arn], { version: [document.version, null] })],
      },
      result: true,
    };
  });
}
