import type { Json } from '../json.ts';
import type { ErrorCode } from './catalogue.ts';

/** What a call found of the resource it names. */
export type Finding = 'exists' | 'absent';

/**
 * The four families of errors; nothing else is thrown in Slipway.
 * ServiceError: the caller must act. BackendError: the outside world failed. ConfigError: the operator must act.
 * InvariantError: we are wrong; the request ends with 500 and its id, and the one resource is quarantined.
 */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  /** Further members of the modelled error shape, e.g. OriginalStatusCode of ModelError. */
  readonly members: Record<string, Json>;
  /** For rooms, never on the wire: the resource that the call names is there already, or is not there. Codes and texts do not tell. */
  readonly finding: Finding | undefined;

  constructor(code: ErrorCode, message: string, members: Record<string, Json> = {}, finding?: Finding) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.members = members;
    this.finding = finding;
  }
}

export type BackendReason =
  | 'throttled'
  | 'unreachable'
  | 'no-capacity'
  | 'image'
  | 'runtime'
  | 'killed'
  | 'user-code'
  | 'storage';

export class BackendError extends Error {
  readonly reason: BackendReason;
  readonly retryable: boolean;

  constructor(reason: BackendReason, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'BackendError';
    this.reason = reason;
    this.retryable = options.retryable ?? false;
  }
}

export class ConfigError extends Error {
  /** Which setting, e.g. `slipway.yaml: roles`. */
  readonly setting: string;

  constructor(setting: string, message: string) {
    super(`${setting}: ${message}`);
    this.name = 'ConfigError';
    this.setting = setting;
  }
}

export class InvariantError extends Error {
  readonly ids: Record<string, string>;

  constructor(condition: string, ids: Record<string, string> = {}) {
    super(condition);
    this.name = 'InvariantError';
    this.ids = ids;
  }
}

/** States a condition that holds if we made no mistake. On in production. */
export function invariant(condition: unknown, what: string, ids: Record<string, string> = {}): asserts condition {
  if (!condition) throw new InvariantError(what, ids);
}
