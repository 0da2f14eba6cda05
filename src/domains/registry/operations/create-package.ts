import type { CreateModelPackageInput } from '../../../contract/generated/sagemaker.ts';
import { operation, type OperationContext } from '../../../platform/calls/operation.ts';
import { checkToken, type TokenCheck } from '../../../platform/idempotency.ts';
import type { Json } from '../../../platform/json.ts';
import { entryOf } from '../../../platform/ledger/entry-of.ts';
import { absentError, arnOf, existsError } from '../../../platform/resources/declaration.ts';
import { tagsWrite } from '../../../platform/resources/tags.ts';
import { decideAndCommit } from '../../../platform/store/attempt.ts';
import type { Commit, Store } from '../../../platform/store/port.ts';
import { readRow } from '../../../platform/store/typed-rows.ts';
import { userContext } from '../../../platform/calls/user-context.ts';
import { refuse } from '../../../platform/errors/rejection.ts';
import { checkCreatePackage, type CreationFacts, planPackage } from '../decide-package.ts';
import { packageEvent } from '../describe-package.ts';
import { named, namedHere } from '../names.ts';
import { pinArtifacts, pinEvidence, withImageDigests } from '../pins.ts';
import type { RegistryPorts } from '../ports.ts';
import { MODEL_PACKAGE, MODEL_PACKAGE_GROUP, packageKey, type PackageDocument } from '../resources.ts';
import { packageWrite } from '../rows.ts';
import type { VersionSequence } from '../version-sequence.ts';

/** The ARN that policies match: the number of a version is not known before it is made. */
function packageArnOf(input: CreateModelPackageInput, context: OperationContext): string {
  if (input.ModelPackageGroupName === undefined) return arnOf(MODEL_PACKAGE, context, input.ModelPackageName ?? '*');
  return arnOf(MODEL_PACKAGE, context, `${named(MODEL_PACKAGE_GROUP, context, input.ModelPackageGroupName).name}/*`);
}

export const createModelPackage = (ports: RegistryPorts, sequence: VersionSequence) =>
  operation('sagemaker:CreateModelPackage', {
    effect: 'change',
    needs(input, context) {
      const status =
        input.ModelApprovalStatus ?? (input.ModelPackageGroupName === undefined ? undefined : 'PendingManualApproval');
      return [
        {
          action: 'sagemaker:CreateModelPackage',
          resources: [packageArnOf(input, context)],
          ...(status && { context: { 'sagemaker:ModelApprovalStatus': status } }),
        },
      ];
    },
    async handle(input, context) {
      refuse(checkCreatePackage(input));
      const repeated = repeatedArn(await tokenOf(ports.store, input, context));
      if (repeated !== undefined) return { ModelPackageArn: repeated };
      const specifications = [
        ...(input.InferenceSpecification ? [input.InferenceSpecification] : []),
        ...(input.AdditionalInferenceSpecifications ?? []),
      ];
      const facts: Facts = {
        nowMs: context.nowMs,
        requestId: context.requestId,
        by: userContext(context),
        artifacts: await pinArtifacts(ports.calls, context, specifications),
        evidence: await pinEvidence(ports.calls, context, input),
        kept: withImageDigests(ports.runtimes, input),
      };
      const arn =
        input.ModelPackageGroupName === undefined
          ? await createUnversioned(ports.store, input, context, facts)
          : await createVersion(ports.store, sequence, input, input.ModelPackageGroupName, context, facts);
      return { ModelPackageArn: arn };
    },
  });

/** `kept`: the input as the version keeps it. */
type Facts = Omit<CreationFacts, 'arn' | 'version'> & { readonly kept: CreateModelPackageInput };

async function createVersion(
  store: Store,
  sequence: VersionSequence,
  input: CreateModelPackageInput,
  group: string,
  context: OperationContext,
  facts: Facts,
): Promise<string> {
  const { key, name } = named(MODEL_PACKAGE_GROUP, context, group);
  let sent: PackageDocument | undefined;
  let token: TokenCheck | undefined;
  const made = await sequence.commitNext(
    key,
    () => absentError(MODEL_PACKAGE_GROUP, context, name),
    (document, number) => {
      const groupName = document.ModelPackageGroupName;
      sent = planPackage(facts.kept, {
        ...facts,
        arn: arnOf(MODEL_PACKAGE, context, `${groupName}/${number}`),
        version: { groupName, number },
      });
      return creationCommit(sent, input, context, token);
    },
    async () => {
      token = await tokenOf(store, input, context);
      const repeated = repeatedArn(token);
      if (repeated !== undefined || !sent) return repeated;
      const stored = await readRow<PackageDocument>(store, packageKey(context, sent));
      return stored?.document.requestId === context.requestId ? stored.document.ModelPackageArn : undefined;
    },
  );
  return typeof made === 'string' ? made : (sent?.ModelPackageArn ?? '');
}

async function createUnversioned(
  store: Store,
  input: CreateModelPackageInput,
  context: OperationContext,
  facts: Facts,
): Promise<string> {
  const { key, name, arn } = namedHere(MODEL_PACKAGE, context, input.ModelPackageName ?? '');
  return decideAndCommit(store, async () => {
    const token = await tokenOf(store, input, context);
    const repeated = repeatedArn(token);
    if (repeated !== undefined) return { result: repeated };
    const existing = await readRow<PackageDocument>(store, key);
    if (existing?.document.requestId === context.requestId) return { result: arn };
    if (existing) throw existsError(MODEL_PACKAGE, context, name);
    return { result: arn, commit: creationCommit(planPackage(facts.kept, { ...facts, arn }), input, context, token) };
  });
}

async function tokenOf(store: Store, input: CreateModelPackageInput, context: OperationContext): Promise<TokenCheck | undefined> {
  const { ClientToken } = input;
  return ClientToken === undefined
    ? undefined
    : checkToken(store, context, { operation: context.operation, token: ClientToken, request: input });
}

/** The package an earlier call with the same token made. */
const repeatedArn = (token: TokenCheck | undefined): string | undefined =>
  token?.outcome === 'repeat' ? String(token.response['ModelPackageArn']) : undefined;

function creationCommit(
  document: PackageDocument,
  input: CreateModelPackageInput,
  context: OperationContext,
  token: TokenCheck | undefined,
): Commit {
  const key = packageKey(context, document);
  const tags = tagsWrite(document.ModelPackageArn, input.Tags, context.nowMs);
  const record =
    token?.outcome === 'first' ? token.record({ ModelPackageArn: document.ModelPackageArn }, context.nowMs) : undefined;
  return {
    expect: [{ key, version: 0 }, ...(record?.expect ?? [])],
    write: [packageWrite(key, document), ...(tags ? [tags] : []), ...(record?.write ?? [])],
    timers: record?.timers ?? [],
    events: [packageEvent(document, context, context.nowMs)],
    ledger: [
      entryOf(context, context.operation, [document.ModelPackageArn], {
        ModelPackageStatus: [null, document.ModelPackageStatus],
        ...(document.ModelApprovalStatus && { ModelApprovalStatus: [null, document.ModelApprovalStatus] as const }),
        ...(document.InferenceSpecification && {
          InferenceSpecification: [null, document.InferenceSpecification as unknown as Json] as const,
        }),
        artifacts: [null, document.artifacts as unknown as Json],
        evidence: [null, document.evidence as unknown as Json],
      }),
    ],
  };
}
