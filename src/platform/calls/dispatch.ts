import type { InputOf, OperationName, OutputOf } from '../../contract/operations.ts';
import type { ApiOperation, Service } from '../../contract/services.ts';
import { type Fault, printFaults } from '../../contract/fault.ts';
import { compileConstraints } from '../../contract/validate.ts';
import type { AuthorizationNeed } from '../authorization/policy.ts';
import type { Authorizer } from '../authorization/port.ts';
import type { Principal } from '../authorization/principal.ts';
import type { Clock } from '../clock.ts';
import type { ErrorCode } from '../errors/catalogue.ts';
import { BackendError, InvariantError, invariant, ServiceError } from '../errors/families.ts';
import type { Ids } from '../ids.ts';
import { entryOf } from '../ledger/entry-of.ts';
import type { Store } from '../store/port.ts';
import type { AnyOperation, Calls, OperationContext } from './operation.ts';

/** Who calls, from where. */
export interface Caller {
  readonly principal: Principal;
  readonly region: string;
  readonly requestId: string;
  readonly client?: OperationContext['client'];
}

export interface Dispatcher {
  /** Whether a room has the operation. */
  has(name: string): boolean;
  /** Validates, authorises and performs; `input` is typed but unchecked. Throws only the four families of errors. */
  dispatch<N extends OperationName>(name: N, input: InputOf<N>, caller: Caller): Promise<OutputOf<N>>;
}

export interface DispatcherPorts {
  readonly operations: readonly AnyOperation[];
  /** Their models say what an input may look like. */
  readonly services: readonly Service[];
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Denials are committed to its ledger. */
  readonly store: Pick<Store, 'commit'>;
}

interface Entry {
  readonly operation: AnyOperation;
  readonly service: Service;
  readonly api: ApiOperation;
  readonly check: ReturnType<typeof compileConstraints>;
}

/** The one way into every operation, for clients (through the gateway) and for rooms (through `createCalls`). */
export function createDispatcher(ports: DispatcherPorts): Dispatcher {
  const entries = new Map<string, Entry>();
  for (const operation of ports.operations) {
    if (entries.has(operation.name)) throw new InvariantError(`Two rooms have the operation ${operation.name}.`);
    entries.set(operation.name, describe(ports.services, operation));
  }
  return {
    has: (name) => entries.has(name),
    async dispatch(name, input, caller) {
      const entry = entries.get(name);
      if (!entry) throw new ServiceError('NotImplementedException', `${name} is not implemented.`);
      const context = contextOf(name, caller, ports.clock.now());
      const filled = fillTokens(entry.api, input, ports.ids);
      validate(entry, filled);
      await authorize(ports, entry, await entry.operation.needs(filled, context), context);
      return (await entry.operation.handle(filled, context)) as OutputOf<typeof name>;
    },
  };
}

/**
 * Calls between rooms: the same way in, on behalf of a principal. Lazy, since rooms are made before their dispatcher.
 * `declared` is what the room says it calls (`Room.calls`): another call is a mistake of ours, since the proof that rooms
 * do not call in circles rests on that list.
 */
export function createCalls(
  dispatcher: () => Pick<Dispatcher, 'dispatch'>,
  ids: Ids,
  declared?: () => readonly OperationName[],
): Calls {
  return {
    async call(principal, origin, name, input) {
      invariant(!declared || declared().includes(name), 'a room calls only what it declares', { operation: name });
      const caller = { principal, region: origin.region, requestId: origin.requestId ?? ids.uuid() };
      return dispatcher().dispatch(name, input, caller);
    },
  };
}

function describe(services: readonly Service[], operation: AnyOperation): Entry {
  const [prefix, name = ''] = operation.name.split(':');
  for (const service of services) {
    const api = service.prefix === prefix ? service.operations.get(name) : undefined;
    if (api) return { operation, service, api, check: compileConstraints(service, name) };
  }
  throw new InvariantError(`No model has the operation ${operation.name}.`);
}

function contextOf(operation: OperationName, caller: Caller, nowMs: number): OperationContext {
  const { principal, region, requestId, client } = caller;
  return { operation, principal, account: principal.account, region, requestId, nowMs, ...(client ? { client } : {}) };
}

/** SDKs fill idempotency tokens; for callers that do not, each call is its own. */
function fillTokens<I extends object>(api: ApiOperation, input: I, ids: Ids): I {
  const absent = api.idempotencyTokens.filter((member) => (input as Record<string, unknown>)[member] === undefined);
  return absent.length === 0 ? input : { ...input, ...Object.fromEntries(absent.map((member) => [member, ids.uuid()])) };
}

/** Members for whose values S3 has codes of its own. */
const S3_REFUSALS: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  'createBucketConfiguration.locationConstraint': ['InvalidLocationConstraint', 'The specified location-constraint is not valid'],
  storageClass: ['InvalidStorageClass', 'The storage class you specified is not valid'],
};

const REPOSITORY_NAMES: readonly string[] = ['repositoryName', 'oldName', 'newName'];
const REPOSITORY_NAME_RULE =
  'The repository name is not valid. Repository names can be any valid combination of letters, numbers, periods, underscores, and dashes ' +
  'between 1 and 100 characters in length. Names are case sensitive. For more information, see Limits in the AWS CodeCommit User Guide. ';

function validate(entry: Entry, input: object): void {
  const faults = entry.check(input).filter((fault) => !isOldAttributeName(entry, fault));
  const first = faults[0];
  if (!first) return;
  const message = printFaults(faults);
  const protocol = entry.service.model.metadata.protocol;
  if (protocol === 'query') throw new ServiceError('ValidationError', message);
  if (['logs', 'ecr'].includes(entry.service.prefix)) throw new ServiceError('InvalidParameterException', message);
  if (entry.service.prefix === 'codecommit' && REPOSITORY_NAMES.includes(first.path)) {
    throw new ServiceError('InvalidRepositoryNameException', REPOSITORY_NAME_RULE);
  }
  if (entry.service.prefix === 'sqs') throw queueFault(entry.api.name, first, message);
  if (protocol !== 'rest-xml') throw new ServiceError('ValidationException', message);
  const own = S3_REFUSALS[first.path];
  if (own) throw new ServiceError(...own);
  const payload = entry.api.inputPayload?.member.toLowerCase();
  const inBody = payload !== undefined && first.path.toLowerCase().startsWith(payload);
  throw new ServiceError(inBody ? 'MalformedXML' : 'InvalidArgument', message);
}

/** A receive names attributes of messages where the model has those of queues: its room knows which there are. */
const isOldAttributeName = ({ operation }: Entry, { path }: Fault): boolean =>
  operation.name === 'sqs:ReceiveMessage' && path === 'attributeNames';

/** SQS speaks of parameters, not of constraints. */
function queueFault(operation: string, first: Fault, message: string): ServiceError {
  if (first.path === 'entries' && first.value === 'null') {
    return new ServiceError('EmptyBatchRequest', `There should be at least one ${operation}RequestEntry in the request.`);
  }
  const parameter = first.path.charAt(0).toUpperCase() + first.path.slice(1);
  if (first.value === 'null') return new ServiceError('MissingParameter', `The request must contain the parameter ${parameter}.`);
  const known = /enum value set: \[([^\]]*)\]/.exec(first.constraint)?.[1]?.split(', ');
  const name = known && [...first.value.matchAll(/(?<='[[{]|, )[^,={}[\]]+/g)].find(([text]) => !known.includes(text))?.[0];
  if (known) return new ServiceError('InvalidAttributeName', `Unknown Attribute ${name ?? ''}.`);
  return new ServiceError('InvalidParameterValue', message);
}

async function authorize(
  ports: DispatcherPorts,
  entry: Entry,
  needs: readonly AuthorizationNeed[],
  context: OperationContext,
): Promise<void> {
  const { principal, region, nowMs, client } = context;
  const decision = await ports.authorizer.authorize(principal, needs, { nowMs, region, ...client });
  if (decision.allowed) return;
  await recordDenial(ports.store, decision.need, decision.message, context);
  const protocol = entry.service.model.metadata.protocol;
  if (entry.service.prefix === 'sns') throw new ServiceError('AuthorizationError', decision.message);
  const code = protocol === 'query' || protocol === 'rest-xml' ? 'AccessDenied' : 'AccessDeniedException';
  throw new ServiceError(code, decision.message);
}

/** Also for rooms whose own rules deny what policies allow (trust policies, approval). */
export async function recordDenial(
  store: Pick<Store, 'commit'>,
  need: AuthorizationNeed,
  reason: string,
  context: OperationContext,
): Promise<void> {
  const entry = entryOf(context, need.action, need.resources);
  const result = await store.commit({ expect: [], ledger: [{ ...entry, outcome: 'denied', reason }] });
  if (result.outcome !== 'done') {
    throw new BackendError('storage', `A denial was not recorded: ${result.outcome}.`, { retryable: true });
  }
}
