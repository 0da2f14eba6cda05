import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { answerFault, targetFault } from './answer.ts';
import type { EndpointEntry } from './route-table.ts';
import type { ServerLink } from './server-link.ts';

export interface AsyncCall {
  readonly entry: EndpointEntry;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
}

/** Hands an authorised asynchronous invocation to the server, which keeps it. 202: it will be done, whatever dies meanwhile. */
export async function invokeAsync(call: AsyncCall, server: ServerLink, response: ServerResponse): Promise<void> {
  const { entry, requestId } = call;
  const { account, region, name, asynchronous } = entry.route;
  if (!asynchronous) {
    const message = `Endpoint ${name} is not asynchronous: its configuration has no AsyncInferenceConfig. Use InvokeEndpoint.`;
    return answerFault(response, requestId, targetFault(message));
  }
  const headers: Record<string, string> = {};
  for (const header in call.headers) {
    const value = call.headers[header];
    if (header.startsWith('x-amzn-sagemaker-') && typeof value === 'string') headers[header] = value;
  }
  const accepted = await server.acceptAsync({ endpoint: { account, region, name }, requestId, headers });
  if ('fault' in accepted) return answerFault(response, requestId, accepted.fault);
  const { inferenceId, outputLocation, failureLocation } = accepted;
  const body = JSON.stringify({ InferenceId: inferenceId });
  response.writeHead(202, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': requestId,
    'x-amzn-sagemaker-outputlocation': outputLocation,
    ...(failureLocation !== undefined && { 'x-amzn-sagemaker-failurelocation': failureLocation }),
  });
  response.end(body);
}
