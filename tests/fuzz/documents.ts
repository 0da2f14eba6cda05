import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { pickFrom, type Random } from '../../src/contract/generate-text.ts';
import { mutateTree } from './nasty-values.ts';

/** JSON documents that members hold as text, well-formed and mutated: pipelines, policies, manifests. */

const golden = (name: string): unknown =>
  withoutImages(JSON.parse(readFileSync(new URL(`../goldens/definitions/python/newest/${name}.json`, import.meta.url), 'utf8')));

/** Steps of these pipelines fail for want of an image instead of occupying the machine. */
function withoutImages(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutImages(item, name));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutImages(item, key)]));
  }
  return /Image(Uri)?$/.test(name) ? 'no-such-image:1' : value;
}

/** Runs to its end without any job: conditions on parameters, and a Fail step. */
export const PLAIN_PIPELINE = {
  Version: '2020-12-01',
  Metadata: {},
  Parameters: [
    { Name: 'Limit', Type: 'Integer', DefaultValue: 5 },
    { Name: 'Word', Type: 'String', DefaultValue: 'a', EnumValues: ['a', 'b'] },
  ],
  PipelineExperimentConfig: {
    ExperimentName: { Get: 'Execution.PipelineName' },
    TrialName: { Get: 'Execution.PipelineExecutionId' },
  },
  Steps: [
    {
      Name: 'Choose',
      Type: 'Condition',
      Arguments: {
        Conditions: [{ Type: 'LessThanOrEqualTo', LeftValue: { Get: 'Parameters.Limit' }, RightValue: 3 }],
        IfSteps: [],
        ElseSteps: [
          {
            Name: 'Refuse',
            Type: 'Fail',
            Arguments: { ErrorMessage: { 'Std:Join': { On: ' ', Values: ['too large:', { Get: 'Parameters.Word' }] } } },
          },
        ],
      },
    },
  ],
};

/** Waits until somebody answers for it. */
export const WAITING_PIPELINE = {
  Version: '2020-12-01',
  Steps: [
    {
      Name: 'Ask',
      Type: 'Callback',
      SqsQueueUrl: 'https://sqs.us-east-1.amazonaws.com/123456789012/fuzz-queue',
      Arguments: { word: 'a' },
      OutputParameters: [{ OutputName: 'answer', OutputType: 'String' }],
    },
    { Name: 'End', Type: 'Fail', Arguments: { ErrorMessage: { Get: "Steps.Ask.OutputParameters['answer']" } } },
  ],
};

const PIPELINES: readonly unknown[] = [
  PLAIN_PIPELINE,
  WAITING_PIPELINE,
  ...['every-executed-step', 'seed-000', 'seed-002', 'service-steps', 'steps-of-later'].map(golden),
];

const ACCOUNT = '123456789012';
const POLICIES: readonly unknown[] = [
  { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:GetObject', 'sagemaker:*'], Resource: '*' }] },
  {
    Version: '2012-10-17',
    Statement: {
      Sid: 'One',
      Effect: 'Deny',
      NotAction: 's3:*',
      NotResource: [`arn:aws:s3:::sagemaker-us-east-1-${ACCOUNT}/*`],
      Condition: { StringLike: { 'aws:username': ['a*', '?'] }, Bool: { 'aws:SecureTransport': 'false' } },
    },
  },
];
const TRUST = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: ['sagemaker.amazonaws.com', 'lambda.amazonaws.com'] }, Action: 'sts:AssumeRole' },
  ],
};
/** Of a resource of one's own: whom it lets in. */
const RESOURCE_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sqs:SendMessage', Resource: '*' }],
};
/** What the image of the corpus is made of. */
const EMPTY_ARCHIVE = Buffer.alloc(1024);
export const CONTENTS = {
  config: `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:${hash('sha256', EMPTY_ARCHIVE)}"]}}`,
  layer: gzipSync(EMPTY_ARCHIVE),
};
export const digestOf = (content: string | Uint8Array): string => `sha256:${hash('sha256', content)}`;
export const MANIFEST = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    size: CONTENTS.config.length,
    digest: digestOf(CONTENTS.config),
  },
  layers: [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', size: CONTENTS.layer.length, digest: digestOf(CONTENTS.layer) },
  ],
};
const REDRIVE = { deadLetterTargetArn: `arn:aws:sqs:us-east-1:${ACCOUNT}:fuzz-dead`, maxReceiveCount: 3 };
/** Matches the event below, but for its numbers. */
const EVENT_PATTERN = {
  source: ['fuzz', { prefix: 'aws.' }],
  'detail-type': [{ 'anything-but': ['none'] }, { wildcard: 'T*g' }],
  detail: {
    a: [{ numeric: ['>', 0, '<=', 5] }],
    b: [{ exists: false }],
    $or: [{ c: [{ 'equals-ignore-case': 'X' }] }, { a: [1] }],
  },
};
const EVENT = {
  ...{ version: '0', id: '7bf73129-1428-4cd3-a780-95db273d1602', 'detail-type': 'Thing', source: 'fuzz', account: ACCOUNT },
  ...{ time: '2026-01-02T03:04:05Z', region: 'us-east-1', resources: ['arn:aws:s3:::fuzz-bucket'], detail: { a: 1 } },
};
const DATA_INPUT = { input: [1, 3, 224, 224] };

/** A text for members that hold documents; undefined for others. */
export function documentFor(member: string, random: Random): string | undefined {
  const base = baseFor(member, random);
  if (base === undefined) return undefined;
  const choice = random();
  if (choice < 0.45) return JSON.stringify(base);
  const text = JSON.stringify(mutateTree(base, random));
  if (choice < 0.9) return text;
  if (choice < 0.95) return text.slice(0, Math.floor(random() * text.length));
  return '['.repeat(Math.floor(random() * 20_000));
}

function baseFor(member: string, random: Random): unknown {
  if (/PipelineDefinition$/.test(member)) return pickFrom(PIPELINES, random);
  if (/AssumeRolePolicyDocument|TrustPolicy/i.test(member)) return TRUST;
  if (/ResourcePolicy|^Policy$|^policyText$/.test(member)) return random() < 0.5 ? RESOURCE_POLICY : pickFrom(POLICIES, random);
  if (member === 'PolicyDocument' && random() < 0.3) return TRUST;
  if (/Policy(Document|InputList)?$/.test(member)) return pickFrom(POLICIES, random);
  if (/^imageManifest$|^manifest$/i.test(member)) return MANIFEST;
  if (/RedrivePolicy/.test(member)) return REDRIVE;
  if (member === 'EventPattern') return EVENT_PATTERN;
  if (member === 'Event') return EVENT;
  return member === 'DataInputConfig' ? DATA_INPUT : undefined;
}
