import type { ServerResponse } from 'node:http';
import type { Json } from '../platform/json.ts';

/** An error as clients of the runtime API see it (REST-JSON: code in a header, message in the body). */
export interface RuntimeFault {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Further members of the modelled error. */
  readonly members?: Readonly<Record<string, Json>>;
}

/** Signature and policy faults say `message`, the runtime's own errors `Message`. */
const LOWER_CASE = new Set(['AccessDeniedException', 'UnknownOperationException', 'NotImplementedException']);

export function answerFault(response: ServerResponse, requestId: string, fault: RuntimeFault, close = false): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const member = LOWER_CASE.has(fault.code) || /Signature|Token|Client/.test(fault.code) ? 'message' : 'Message';
  const body = Buffer.from(JSON.stringify({ [member]: fault.message, ...fault.members }));
  response.writeHead(fault.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-amzn-errortype': fault.code,
    'x-amzn-requestid': requestId,
    ...(close && { connection: 'close' }),
  });
  response.end(body);
}

export const endpointAbsent = (name: string, account: string): RuntimeFault => ({
  status: 400,
  code: 'ValidationError',
  message: `Endpoint ${name} of account ${account} not found.`,
});

export const variantAbsent = (variant: string, endpoint: string): RuntimeFault => ({
  status: 400,
  code: 'ValidationError',
  message: `Variant ${variant} of endpoint ${endpoint} not found. Leave TargetVariant out or name one of its variants.`,
});

/** A target that this endpoint does not have, or that is missing. */
export const targetFault = (message: string): RuntimeFault => ({ status: 400, code: 'ValidationError', message });

export const endpointAsynchronous = (name: string): RuntimeFault =>
  targetFault(`Endpoint ${name} is asynchronous: use InvokeEndpointAsync with an InputLocation.`);

/** AWS: not there yet, come again. */
export const modelNotReady = (message: string): RuntimeFault => ({ status: 429, code: 'ModelNotReadyException', message });

export const notReady = (endpoint: string): RuntimeFault => ({
  status: 503,
  code: 'ServiceUnavailable',
  message: `No model server of endpoint ${endpoint} answers now; it is being started again. Try again in a moment.`,
});

/** The container was reached and did not give a prediction. `originalStatus` 0: it gave no HTTP answer at all. */
export function modelError(
  place: { account: string; region: string; endpoint: string },
  container: string,
  originalStatus: number,
  originalMessage: string,
): RuntimeFault {
  const group = `/aws/sagemaker/Endpoints/${place.endpoint}`;
  const side = originalStatus >= 400 && originalStatus < 500 ? 'client' : 'server';
  return {
    status: 424,
    code: 'ModelError',
    message: `Received ${side} error (${originalStatus}) from ${container} with message "${originalMessage}". See log group ${group} in account ${place.account} for more information.`,
    members: {
      OriginalStatusCode: originalStatus,
      OriginalMessage: originalMessage,
      LogStreamArn: `arn:aws:logs:${place.region}:${place.account}:log-group:${group}`,
    },
  };
}
