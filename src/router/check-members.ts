import type { IncomingHttpHeaders } from 'node:http';
import { loadService } from '../../models/load.ts';
import { printFaults } from '../contract/fault.ts';
import { shapeOf } from '../contract/services.ts';
import { compileConstraints } from '../contract/validate.ts';
import { type RuntimeFault, targetFault } from './answer.ts';

const service = loadService('sagemaker-runtime');

/** The operation behind each path of an endpoint. */
const OPERATIONS = {
  invocations: 'InvokeEndpoint',
  'async-invocations': 'InvokeEndpointAsync',
  'invocations-response-stream': 'InvokeEndpointWithResponseStream',
} as const;

export type InvocationPath = keyof typeof OPERATIONS;

/** What is known of an operation's members: where they stand, and the model's constraints on all of them. */
const checks = new Map(
  Object.entries(OPERATIONS).map(([path, name]) => {
    const members = Object.entries(service.operations.get(name)?.input?.members ?? {});
    const headers = members.flatMap(([member, ref]) =>
      ref.location === 'header'
        ? [{ member, header: (ref.locationName ?? member).toLowerCase(), type: shapeOf(service.model, ref).type }]
        : [],
    );
    return [path, { headers, check: compileConstraints(service, name) }];
  }),
);

/** AWS refuses what its model does not allow before it looks for the endpoint, and says where it stands. */
export function memberFault(
  path: InvocationPath,
  endpoint: string,
  headers: IncomingHttpHeaders,
  body: Uint8Array,
): RuntimeFault | undefined {
  const known = checks.get(path);
  if (!known) return undefined;
  const input: Record<string, unknown> = { EndpointName: endpoint, Body: body };
  for (const { member, header, type } of known.headers) {
    const value = headers[header];
    if (typeof value !== 'string') continue;
    if (type === 'integer' && !/^[+-]?\d{1,10}$/.test(value)) {
      return targetFault(`Value '${value.slice(0, 100)}' of the header ${header} is no whole number.`);
    }
    input[member] = type === 'integer' ? Number(value) : value;
  }
  const faults = known.check(input);
  return faults.length === 0 ? undefined : targetFault(printFaults(faults));
}
