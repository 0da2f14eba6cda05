import { readFileSync } from 'node:fs';
import type { ServiceModel } from '../src/contract/model.ts';
import { createService, type Service } from '../src/contract/services.ts';
import { patternPatches } from './patches.ts';

/** The services whose models are committed here, by botocore's folder name. */
export const serviceIds = [
  'sagemaker',
  'sagemaker-runtime',
  's3',
  'sts',
  'iam',
  'logs',
  'lambda',
  'sqs',
  'ssm',
  'secretsmanager',
  'ecr',
  'codecommit',
  'codebuild',
  'codepipeline',
  'events',
  'scheduler',
  'sns',
] as const;

export type ServiceId = (typeof serviceIds)[number];

/** The prefix of a service's operations in `Operations`, which is also the prefix of its IAM actions. */
export const operationPrefixes: Record<ServiceId, string> = {
  sagemaker: 'sagemaker',
  'sagemaker-runtime': 'sagemaker',
  s3: 's3',
  sts: 'sts',
  iam: 'iam',
  logs: 'logs',
  lambda: 'lambda',
  sqs: 'sqs',
  ssm: 'ssm',
  secretsmanager: 'secretsmanager',
  ecr: 'ecr',
  codecommit: 'codecommit',
  codebuild: 'codebuild',
  codepipeline: 'codepipeline',
  events: 'events',
  scheduler: 'scheduler',
  sns: 'sns',
};

const loaded = new Map<ServiceId, Service>();

/** Reads a service's model on first use and keeps it; SageMaker's takes some 40 ms to parse, the others little. */
export function loadService(id: ServiceId): Service {
  let service = loaded.get(id);
  if (service === undefined) {
    service = createService(id, operationPrefixes[id], loadModel(id), patternPatches);
    loaded.set(id, service);
  }
  return service;
}

export function loadModel(id: ServiceId): ServiceModel {
  return JSON.parse(readFileSync(new URL(`./${id}.json`, import.meta.url), 'utf8')) as ServiceModel;
}
