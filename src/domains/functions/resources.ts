import type {
  Architecture,
  DestinationConfig,
  EphemeralStorage,
  LastUpdateStatus,
  LoggingConfig,
  Runtime,
  State,
  StateReasonCode,
  TracingConfigResponse,
  VpcConfigResponse,
} from '../../contract/generated/lambda.ts';
import type { PolicyStatement } from '../../platform/authorization/policy.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { formatArn } from '../../platform/resources/arn.ts';
import type { Place, ResourceDeclaration } from '../../platform/resources/declaration.ts';

export const FUNCTION: ResourceDeclaration = {
  kind: 'Function',
  service: 'lambda',
  arnType: 'function',
  arnSeparator: ':',
  absent: { code: 'ResourceNotFoundException', message: (_name, arn) => `Function not found: ${arn}` },
  exists: { code: 'ResourceConflictException', message: (name) => `Function already exist: ${name}` },
};

/** Named `<function>:<number>`. */
export const FUNCTION_VERSION: ResourceDeclaration = { ...FUNCTION, kind: 'FunctionVersion' };

/** Named `<function>:<alias>`. */
export const FUNCTION_ALIAS: ResourceDeclaration = {
  ...FUNCTION,
  kind: 'FunctionAlias',
  absent: { code: 'ResourceNotFoundException', message: (_name, arn) => `Cannot find alias arn: ${arn}` },
  exists: { code: 'ResourceConflictException', message: (_name, arn) => `Alias already exists: ${arn}` },
};

export const LATEST = '$LATEST';

export const functionArn = ({ account, region }: Place, name: string, qualifier?: string): string =>
  formatArn({
    service: 'lambda',
    region,
    account,
    resource: `function:${name}${qualifier === undefined ? '' : `:${qualifier}`}`,
  });

/** What is run, and how: the part of a function that a published version keeps. */
export interface FunctionConfig {
  readonly Runtime: Runtime;
  readonly Role: string;
  readonly Handler: string;
  readonly Description: string;
  /** Seconds. */
  readonly Timeout: number;
  /** MiB. */
  readonly MemorySize: number;
  readonly variables?: Readonly<Record<string, string>>;
  readonly VpcConfig?: VpcConfigResponse;
  readonly KMSKeyArn?: string;
  /**
   * The code was set by a session with less than its role's rights: a job must not get by a function of its own what it is denied
   * (approval, IAM changes).
   */
  readonly restricted?: boolean;
  /** The same of the configuration, which can run code too (`NODE_OPTIONS`, the handler): new code does not lift it. */
  readonly restrictedSettings?: boolean;
  /** A queue or function that gets the events no attempt succeeded with. */
  readonly deadLetterArn?: string;
  readonly TracingConfig: TracingConfigResponse;
  readonly Architectures: Architecture[];
  readonly EphemeralStorage: EphemeralStorage;
  readonly LoggingConfig: LoggingConfig;
  readonly CodeSize: number;
  /** Base64. */
  readonly CodeSha256: string;
  /** Of the zip file's blob. */
  readonly codeDigest: string;
  /** ISO 8601, as Lambda writes it. */
  readonly LastModified: string;
  readonly RevisionId: string;
}

export interface FunctionDocument {
  readonly FunctionName: string;
  readonly FunctionArn: string;
  readonly latest: FunctionConfig;
  readonly State: State;
  readonly StateReason?: string;
  readonly StateReasonCode?: StateReasonCode;
  readonly LastUpdateStatus?: LastUpdateStatus;
  /** Resource policies, by qualifier; `$LATEST` is the unqualified function's. */
  readonly policies: Readonly<Record<string, readonly PolicyStatement[]>>;
  /** At most so many invocations at a time; 0: none at all. */
  readonly reservedConcurrency?: number;
  /** What becomes of asynchronous invocations, by qualifier. */
  readonly eventConfigs?: Readonly<Record<string, EventConfig>>;
  /** The number of the newest published version; never used twice. */
  readonly published: number;
  readonly createdAtMs: number;
  /** Recognises our own write when a commit's answer was lost. */
  readonly requestId: string;
}

export interface EventConfig {
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly DestinationConfig?: DestinationConfig;
  readonly modifiedAtMs: number;
}

export interface VersionDocument {
  readonly Version: string;
  readonly config: FunctionConfig;
  readonly createdAtMs: number;
}

export interface AliasDocument {
  readonly Name: string;
  readonly FunctionVersion: string;
  /** Shares of other versions, each up to 1. */
  readonly weights?: Readonly<Record<string, number>>;
  readonly Description: string;
  readonly RevisionId: string;
}

/** A process that runs a function's handler, one invocation at a time. Its row is there from before its start until after its end. */
export interface EnvironmentDocument {
  readonly functionName: string;
  readonly version: string;
  /** Of code and configuration: another one needs another process. */
  readonly fingerprint: string;
  readonly workId: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly memoryMiB: number;
  readonly createdAtMs: number;
  /** From before its process is told to end: no later server may give it an invocation. */
  readonly ending?: true;
}

export const ENVIRONMENT_KIND = 'FunctionEnvironment';
export const ENVIRONMENT_RECONCILER = 'function-environment';
export const INVOCATION_RECONCILER = 'function-invocation';
export const FUNCTION_RECONCILER = 'function';

export const environmentKey = (fn: ResourceKey, id: string): ResourceKey => ({
  account: fn.account,
  region: fn.region,
  kind: ENVIRONMENT_KIND,
  name: `${fn.name}/${id}`,
});
