import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';

/** In every description and every ledger entry of this room. */
export const RECORD_ONLY = 'Record only: Slipway runs no Studio and no notebook servers.';

export const DOMAIN: ResourceDeclaration = {
  kind: 'Domain',
  service: 'sagemaker',
  arnType: 'domain',
  absent: { code: 'ResourceNotFound', message: (name) => `Domain [${name}] does not exist.` },
  exists: { code: 'ResourceInUse', message: (name) => `Domain [${name}] already exists.` },
};

/** Named `<domain id>/<profile>`. */
export const USER_PROFILE: ResourceDeclaration = {
  kind: 'UserProfile',
  service: 'sagemaker',
  arnType: 'user-profile',
  absent: { code: 'ResourceNotFound', message: (name) => `UserProfile [${name}] does not exist.` },
  exists: { code: 'ResourceInUse', message: (name) => `UserProfile [${name}] already exists.` },
};

export const NOTEBOOK_INSTANCE: ResourceDeclaration = {
  kind: 'NotebookInstance',
  service: 'sagemaker',
  arnType: 'notebook-instance',
  absent: { code: 'ValidationException', message: () => 'RecordNotFound' },
  exists: { code: 'ValidationException', message: (_name, arn) => `Cannot create a duplicate Notebook Instance (${arn})` },
};

export const LIFECYCLE_CONFIG: ResourceDeclaration = {
  kind: 'NotebookInstanceLifecycleConfig',
  service: 'sagemaker',
  arnType: 'notebook-instance-lifecycle-config',
  absent: {
    code: 'ValidationException',
    message: (_name, arn) => `Notebook Instance Lifecycle Config "${arn}" does not exist.`,
  },
  exists: {
    code: 'ValidationException',
    message: (_name, arn) => `Notebook Instance Lifecycle Config "${arn}" already exists.`,
  },
};

/** What is described of a resource, and which call made it. */
export interface StudioRecord<D> {
  readonly described: D;
  /** Recognises our own write when a commit's answer was lost. */
  readonly requestId: string;
}
