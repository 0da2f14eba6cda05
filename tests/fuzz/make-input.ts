import { type GenerateOptions, generateInput } from '../../src/contract/generate-input.ts';
import { pickFrom, type Random } from '../../src/contract/generate-text.ts';
import type { Shape, ShapeRef } from '../../src/contract/model.ts';
import type { Service } from '../../src/contract/services.ts';
import { compileShapeConstraints } from '../../src/contract/validate.ts';
import { BROKEN_DELIVERY, DELIVERY, REPORT_GROUP_ARN, TOPIC_ARN } from './delivery-corpus.ts';
import { documentFor } from './documents.ts';
import { formOf } from './encode-input.ts';
import type { PickValue } from './likely-deliveries.ts';
import { LIKELY_INPUTS } from './likely-inputs.ts';
import type { KnownValues } from './known-values.ts';
import { nastyNumber, nastySeconds, nastyText } from './nasty-values.ts';

export interface InputStyle {
  /** How often a member takes a value that was seen before, 0 to 1. */
  readonly knownShare: number;
  /** How often a member takes a value that programs trip over; the model allows it all the same. */
  readonly nastyShare: number;
  readonly fullness: number;
}

const ACCOUNT = '123456789012';

/** Members whose value must not be left to chance, since somebody would wait for it or be locked out by it. */
const FIXED: Readonly<Record<string, unknown>> = { WaitTimeSeconds: 0 };

/** Operations after which something is gone, or is another. */
const REMOVES = /^(?:Batch)?(?:Delete|Remove|Detach|Abort|Purge|Set|Update|Schedule|Put.*Policy)/;

/** Members that a request hardly ever survives with another value. */
const LIKELY: Readonly<Record<string, string>> = {
  's3:ExpectedBucketOwner': '123456789012',
  's3:ExpectedSourceBucketOwner': '123456789012',
  'ecr:registryId': '123456789012',
  'ssm:ResourceType': 'Parameter',
  'ssm:Type': 'String',
  'sagemaker:ImageUri': 'no-such-image:1',
  'lambda:PackageType': 'Zip',
  's3:CopySource': 'fuzz-bucket/kept',
};

/** Values of settings whose names the model has and whose values it leaves open. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  'sqs:Attributes': ['0', '1', '30', '345600', '262144', 'true', 'false', '-1', '1e9', '', 'perQueue', '{}', '[]'],
  'ssm:Value': ['a', '1,2', 'aws:ec2:image', ''],
  'ecr:imageTag': ['one', 'latest'],
  'lambda:Qualifier': ['$LATEST', '1', 'live', 'none'],
  'codecommit:resourceArn': [`arn:aws:codecommit:us-east-1:${ACCOUNT}:fuzz-repository`],
  'codecommit:branchName': ['main', 'work', 'behind'],
  'codecommit:commitSpecifier': ['main', 'behind', 'work'],
  'codecommit:beforeCommitSpecifier': ['main', 'behind', 'work'],
  'codecommit:afterCommitSpecifier': ['main', 'behind', 'work'],
  'codecommit:sourceCommitSpecifier': ['main', 'behind', 'work'],
  'codecommit:destinationCommitSpecifier': ['main', 'behind', 'work'],
  'codebuild:reportGroupArn': [REPORT_GROUP_ARN],
  'codepipeline:pipelineName': [DELIVERY, DELIVERY, BROKEN_DELIVERY],
  'codepipeline:stageName': ['Ask', 'Ask', 'Source'],
  'codepipeline:actionName': ['Approve', 'Approve', 'Fetch'],
  'codepipeline:webhookName': ['fuzz-webhook'],
  'codepipeline:resourceArn': [`arn:aws:codepipeline:us-east-1:${ACCOUNT}:${DELIVERY}`],
  'events:EventBusName': ['default', 'fuzz-bus'],
  'scheduler:GroupName': ['default', 'fuzz-schedules'],
  'sns:TopicArn': [TOPIC_ARN],
  'sns:ResourceArn': [TOPIC_ARN],
};

/** Members that lead to "not implemented" before anything else is looked at; left out of most requests. */
const UNBUILT =
  /^(PermissionsBoundary|SSECustomer.*|CopySourceSSE.*|SSEKMS.*|ServerSideEncryption|KmsKeyId|ObjectLock.*|KMSKeyArn|encryptionConfiguration)$/;

const PICKS_MAX = 20;

/** An input within the model's constraints; undefined where none can be made. */
export function makeInput(
  service: Service,
  operationName: string,
  known: KnownValues,
  random: Random,
  style: InputStyle,
): Record<string, unknown> | undefined {
  const removes = REMOVES.test(operationName);
  const suggest: GenerateOptions['suggest'] = (member, ref, shape) => {
    // what holds the thing that is removed may be any: the bucket of an object
    const stem = member.replace(/(Name|Arn|Id|Url)s?$/i, '').toLowerCase();
    const use = removes && operationName.toLowerCase().includes(stem) ? 'removable' : 'any';
    const settings = SETTINGS[`${service.prefix}:${member}`];
    if (settings !== undefined && !shape.enum && use === 'any' && random() < 0.8) {
      const setting = pickFrom(settings, random);
      if (setting !== undefined && isAllowed(service, ref, shape, setting)) return setting;
    }
    const likely = LIKELY[`${service.prefix}:${member}`];
    if (likely !== undefined && random() < 0.9) return likely;
    if (Object.hasOwn(FIXED, member)) return FIXED[member];
    const value = suggestion(service, known, random, { ...style, use }, member, shape);
    return value !== undefined && isAllowed(service, ref, shape, value) ? value : undefined;
  };
  const input = generateInput({ service, random, form: formOf(service), fullness: style.fullness, suggest }, operationName);
  if (input && random() < 0.95) for (const member of Object.keys(input)) if (UNBUILT.test(member)) delete input[member];
  const likely = LIKELY_INPUTS[`${service.prefix}:${operationName}`];
  const pick: PickValue = (member, { like, removable } = {}) => {
    for (let look = 0; look < PICKS_MAX; look += 1) {
      const value = known.pick(service.prefix, member, random, removable ? 'removable' : 'any');
      if (value !== undefined && (like?.test(value) ?? true)) return value;
    }
    return undefined;
  };
  if (input && likely && random() < 0.75)
    for (const [member, value] of Object.entries(likely(pick))) if (value !== undefined && random() < 0.9) input[member] = value;
  // left out it is whoever calls, who has to stay
  if (input && operationMembers(service, operationName).includes('UserName'))
    input['UserName'] ??= known.pick(service.prefix, 'UserName', random) ?? 'nobody';
  return input;
}

const operationMembers = (service: Service, operationName: string): string[] =>
  Object.keys(service.operations.get(operationName)?.input?.members ?? {});

function suggestion(
  service: Service,
  known: KnownValues,
  random: Random,
  style: InputStyle & { readonly use: 'any' | 'removable' },
  member: string,
  shape: Shape,
): unknown {
  const choice = random();
  if (shape.type === 'string' && !shape.enum) {
    const document = documentFor(member, random);
    if (document !== undefined) return document;
    if (choice < style.knownShare) return known.pick(service.prefix, member, random, style.use);
    return choice > 1 - style.nastyShare ? nastyText(random) : undefined;
  }
  if (choice <= 1 - style.nastyShare) return undefined;
  if (shape.type === 'timestamp') return formOf(service) === 'json' ? nastySeconds(random) : nastySeconds(random) * 1000;
  if (shape.type === 'float' || shape.type === 'double') return nastyNumber(random);
  if (shape.type !== 'integer' && shape.type !== 'long') return undefined;
  const number = Math.trunc(nastyNumber(random));
  return Math.abs(number) < (shape.type === 'integer' ? 2 ** 31 : 2 ** 63) ? number : undefined;
}

const checks = new WeakMap<Service, Map<string, (value: unknown) => boolean>>();

function isAllowed(service: Service, ref: ShapeRef, shape: Shape, value: unknown): boolean {
  if (typeof value === 'string' && !value.isWellFormed()) return false;
  if (shape.type === 'timestamp') return Math.abs(value as number) <= 8.64e12;
  let known = checks.get(service);
  if (!known) {
    known = new Map();
    checks.set(service, known);
  }
  let check = known.get(ref.shape);
  if (!check) {
    const faults = compileShapeConstraints(service, ref);
    check = (candidate) => faults(candidate).length === 0;
    known.set(ref.shape, check);
  }
  return check(value);
}
