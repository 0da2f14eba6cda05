import type { OperationName } from '../../contract/operations.ts';
import type { ApiOperation, Service } from '../../contract/services.ts';
import type { JsonObject } from '../json.ts';
import { inputOfJson } from './json-input.ts';
import type { AnyOperation } from './operation.ts';

/** Operations that a user may name in text, with their input as JSON (`arn:aws:scheduler:::aws-sdk:sqs:sendMessage`). */
export interface UniversalCalls {
  find(service: string, operation: string): UniversalOperation | { readonly problem: string };
  /** The input of one found; `token` fills its idempotency tokens, so that a repetition is known as one. */
  inputOf(name: OperationName, json: JsonObject, token: string): { readonly input: object } | { readonly problem: string };
  /** Every operation that `find` may give. */
  names(): readonly OperationName[];
}

export interface UniversalOperation {
  readonly name: OperationName;
}

/** What the SDKs call a service, where it is not the prefix of its actions. */
const SDK_NAMES: Readonly<Record<string, string>> = {
  eventbridge: 'events',
  cloudwatchlogs: 'logs',
};
const READING = /^(Get|Describe|List|BatchGet|Query|Scan|Search|Select|Lookup|Head|Poll|Receive|Download)/;

/** `operations`: those of all rooms, asked for when they are needed, since a room that asks is one of them. */
export function createUniversalCalls(services: readonly Service[], operations: () => readonly AnyOperation[]): UniversalCalls {
  let table: ReadonlyMap<string, { readonly service: Service; readonly api: ApiOperation }> | undefined;
  const entries = () => {
    table ??= new Map(
      operations()
        .filter(({ effect }) => effect === 'change')
        .flatMap(({ name }) => {
          const [prefix = '', operation = ''] = name.split(':');
          const service = services.find((one) => one.prefix === prefix && one.operations.has(operation));
          const api = service?.operations.get(operation);
          // a body that is a stream is no part of a JSON document
          const fits = api && api.inputPayload?.kind !== 'stream' && api.inputPayload?.kind !== 'eventstream';
          return service && fits ? [[name, { service, api }] as const] : [];
        }),
    );
    return table;
  };
  return {
    names: () => [...entries().keys()] as OperationName[],
    find(sdkName, operation) {
      const prefix = SDK_NAMES[sdkName] ?? sdkName;
      const name = `${prefix}:${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
      if (READING.test(name.split(':')[1] ?? '')) return { problem: `${operation} only reads; a schedule has no use for it.` };
      if (!entries().has(name))
        return { problem: `${sdkName}:${operation} is no operation that this server can be scheduled to call.` };
      return { name: name as OperationName };
    },
    inputOf(name, json, token) {
      const entry = entries().get(name);
      if (!entry) return { problem: `${name} is no operation of this server's.` };
      const made = inputOfJson(entry.service, entry.api, json);
      if ('problem' in made) return made;
      const tokens = entry.api.idempotencyTokens.filter(
        (member) => (made.input as Record<string, unknown>)[member] === undefined,
      );
      return { input: { ...made.input, ...Object.fromEntries(tokens.map((member) => [member, token])) } };
    },
  };
}
