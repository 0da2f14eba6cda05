import type {
  CreateFunctionRequest,
  FunctionConfiguration,
  Runtime,
  UpdateFunctionConfigurationRequest,
} from '../../contract/generated/lambda.ts';
import { missing, type Rejection } from '../../platform/errors/rejection.ts';
import { targetKind } from './decide-event.ts';
import type { FunctionConfig, FunctionDocument } from './resources.ts';

/** What a function is configured to, decided from what was asked for. Pure. */

export type RuntimeKind = 'python' | 'node';

/** Which of our runtimes runs a named one; undefined for those nobody runs here. */
export function runtimeKind(runtime: string): RuntimeKind | undefined {
  if (/^python3\.\d+$/.test(runtime)) return 'python';
  return /^nodejs\d+\.x$/.test(runtime) ? 'node' : undefined;
}

const invalid = (message: string): Rejection => ({ code: 'InvalidParameterValueException', message });

const TIMEOUT_SECONDS_MAX = 900;
const MEMORY_MIB_MAX = 10_240;
const STORAGE_MIB_MAX = 10_240;
const VARIABLES_BYTES_MAX = 4096;
const RESERVED_VARIABLES =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_REGION|REGION|EXECUTION_ENV|ACCESS_KEY(_ID)?|SECRET_ACCESS_KEY|SESSION_TOKEN|LAMBDA_\w+)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)|SLIPWAY_SERVE_SOCKET)$/;

type Settable = Omit<CreateFunctionRequest, 'FunctionName' | 'Code' | 'Role'> &
  Omit<UpdateFunctionConfigurationRequest, 'FunctionName'>;

/** Why a function cannot be configured so. */
export function checkConfig(input: Partial<Settable>): Rejection | undefined {
  if (input.PackageType === 'Image' || input.ImageConfig) return missing('A function from a container image is not implemented.');
  if (input.Layers && input.Layers.length > 0) return missing('Layers of functions are not implemented.');
  if (input.FileSystemConfigs && input.FileSystemConfigs.length > 0) {
    return missing('File systems of functions are not implemented.');
  }
  const deadLetter = input.DeadLetterConfig?.TargetArn;
  if (deadLetter && !targetKind(deadLetter)) {
    return missing(`The dead-letter target ${deadLetter} is not implemented: name a queue.`);
  }
  if (input.SnapStart?.ApplyOn === 'PublishedVersions') return missing('SnapStart is not implemented.');
  if (input.LoggingConfig?.LogFormat === 'JSON') return missing('LogFormat JSON is not implemented: use Text.');
  for (const member of ['CodeSigningConfigArn', 'CapacityProviderConfig', 'DurableConfig', 'TenancyConfig'] as const) {
    if (input[member]) return missing(`${member} of a function is not implemented.`);
  }
  return checkRuntime(input.Runtime) ?? checkLimits(input) ?? checkVariables(input.Environment?.Variables);
}

function checkRuntime(runtime: Runtime | undefined): Rejection | undefined {
  if (runtime === undefined || runtimeKind(runtime)) return undefined;
  return missing(`The runtime ${runtime} is not implemented: Python (python3.x) and Node (nodejs*.x) handlers are run.`);
}

function checkLimits({ Timeout, MemorySize, Description, EphemeralStorage }: Partial<Settable>): Rejection | undefined {
  if (Timeout !== undefined && Timeout > TIMEOUT_SECONDS_MAX) {
    return outOfRange(Timeout, 'timeout', TIMEOUT_SECONDS_MAX);
  }
  if (MemorySize !== undefined && MemorySize > MEMORY_MIB_MAX) {
    return outOfRange(MemorySize, 'memorySize', MEMORY_MIB_MAX);
  }
  if (EphemeralStorage && EphemeralStorage.Size > STORAGE_MIB_MAX) {
    return outOfRange(EphemeralStorage.Size, 'ephemeralStorage.size', STORAGE_MIB_MAX);
  }
  return Description !== undefined && Description.length > 256
    ? invalid('Description must have at most 256 characters.')
    : undefined;
}

const outOfRange = (value: number, member: string, limit: number): Rejection => ({
  code: 'ValidationException',
  message: `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: Member must have value less than or equal to ${limit}`,
});

function checkVariables(variables: { readonly [name: string]: string } | undefined): Rejection | undefined {
  const names = Object.keys(variables ?? {});
  const reserved = names.filter((name) => RESERVED_VARIABLES.test(name));
  if (reserved.length > 0) {
    return invalid(
      `Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    );
  }
  const wrong = names.find((name) => !/^[A-Za-z][A-Za-z0-9_]+$/.test(name));
  if (wrong !== undefined) {
    return invalid(
      `The environment variable "${wrong.slice(0, 200)}" must begin with a letter and hold only letters, digits and underscores.`,
    );
  }
  const size = JSON.stringify(variables ?? {}).length;
  return size > VARIABLES_BYTES_MAX
    ? invalid(
        `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: ${size}`,
      )
    : undefined;
}

export interface CodeFacts {
  readonly CodeSize: number;
  readonly CodeSha256: string;
  readonly codeDigest: string;
}

export interface Revision {
  /** True where whoever makes this revision has less than a role's rights; absent: as it was. */
  readonly restricted?: boolean;
  readonly restrictedSettings?: boolean;
  readonly LastModified: string;
  readonly RevisionId: string;
}

export function createdConfig(input: CreateFunctionRequest, code: CodeFacts, revision: Revision): FunctionConfig | Rejection {
  const { Runtime, Handler, Role } = input;
  if (Runtime === undefined || Handler === undefined) {
    return invalid('Runtime and Handler are mandatory parameters for functions created with deployment packages.');
  }
  return {
    Description: '',
    Timeout: 3,
    MemorySize: 128,
    TracingConfig: { Mode: 'PassThrough' },
    EphemeralStorage: { Size: 512 },
    Architectures: ['x86_64'],
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${nameIn(input.FunctionName)}` },
    ...settable(input),
    Runtime,
    Handler,
    Role,
    ...code,
    ...revision,
  };
}

export const updatedConfig = (
  before: FunctionConfig,
  input: UpdateFunctionConfigurationRequest,
  revision: Revision,
): FunctionConfig => ({ ...before, ...settable(input), ...(input.Role !== undefined && { Role: input.Role }), ...revision });

const nameIn = (text: string): string => /([^:]+)$/.exec(text.replace(/:\$LATEST$/, ''))?.[1] ?? text;

/** The members both operations can set, as far as they are given. */
function settable(input: Partial<Settable>): Partial<FunctionConfig> {
  const { Runtime, Handler, Description, Timeout, MemorySize, Environment, VpcConfig, KMSKeyArn, TracingConfig } = input;
  const { Architectures, EphemeralStorage, LoggingConfig } = input;
  const hasVpc = (VpcConfig?.SubnetIds ?? []).length > 0 || (VpcConfig?.SecurityGroupIds ?? []).length > 0;
  return {
    ...(Runtime !== undefined && { Runtime }),
    ...(Handler !== undefined && { Handler }),
    ...(Description !== undefined && { Description }),
    ...(Timeout !== undefined && { Timeout }),
    ...(MemorySize !== undefined && { MemorySize }),
    ...(Environment?.Variables && { variables: Environment.Variables }),
    ...(hasVpc && {
      VpcConfig: { SubnetIds: VpcConfig?.SubnetIds ?? [], SecurityGroupIds: VpcConfig?.SecurityGroupIds ?? [], VpcId: '' },
    }),
    ...(input.DeadLetterConfig && { deadLetterArn: input.DeadLetterConfig.TargetArn ?? '' }),
    ...(KMSKeyArn !== undefined && { KMSKeyArn }),
    ...(TracingConfig?.Mode !== undefined && { TracingConfig: { Mode: TracingConfig.Mode } }),
    ...(Architectures && { Architectures }),
    ...(EphemeralStorage && { EphemeralStorage }),
    ...(LoggingConfig?.LogGroup !== undefined && { LoggingConfig: { LogFormat: 'Text', LogGroup: LoggingConfig.LogGroup } }),
  };
}

/** What Lambda says of a function; the versions that really run stand in RuntimeVersionConfig. */
export function describeConfig(
  fn: Pick<FunctionDocument, 'FunctionName' | 'FunctionArn' | 'State' | 'StateReason' | 'StateReasonCode' | 'LastUpdateStatus'>,
  config: FunctionConfig,
  version: string,
  runtimeVersionArn: string,
): FunctionConfiguration {
  const { codeDigest: _digest, restricted: _code, restrictedSettings: _settings, deadLetterArn, variables, ...shown } = config;
  return {
    FunctionName: fn.FunctionName,
    FunctionArn: fn.FunctionArn,
    ...shown,
    Version: version,
    ...(variables && Object.keys(variables).length > 0 && { Environment: { Variables: { ...variables } } }),
    ...(deadLetterArn && { DeadLetterConfig: { TargetArn: deadLetterArn } }),
    State: fn.State,
    ...(fn.StateReason !== undefined && { StateReason: fn.StateReason }),
    ...(fn.StateReasonCode !== undefined && { StateReasonCode: fn.StateReasonCode }),
    LastUpdateStatus: fn.LastUpdateStatus ?? 'Successful',
    PackageType: 'Zip',
    SnapStart: { ApplyOn: 'None', OptimizationStatus: 'Off' },
    RuntimeVersionConfig: { RuntimeVersionArn: runtimeVersionArn },
  };
}
