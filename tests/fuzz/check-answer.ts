import { XMLValidator } from 'fast-xml-parser';
import type { Service } from '../../src/contract/services.ts';
import { readShape } from '../../src/contract/validate.ts';
import { loadService, serviceIds } from '../../models/load.ts';
import type { FuzzRequest } from './fuzz-request.ts';
import type { Answer, Outcome } from './wire-connection.ts';

/** Each service once, by the prefix of its operations' keys and by its id. */
export const services: readonly Service[] = serviceIds.map(loadService);

export const serviceOf = (operation: string): Service | undefined => {
  const [prefix, name = ''] = operation.split(':');
  return services.find((service) => service.prefix === prefix && service.operations.has(name));
};

/** Whatever of ours must not be told: stacks, modules, SQL, files of the host. */
const LEAKS =
  /node:internal|\n\s+at \S+ \(|\bSQLITE_|\bfile:\/\/\/(?:work|tmp|home|root|opt|usr)\/|at Object\.|is not a function|Cannot read propert|is not iterable|\/src\/(?:gateway|platform|domains)\//;

/** Refusals that are about the form of a request: one that the model allows gets none of them. */
const FORM_REFUSALS =
  /failed to satisfy constraint: Member must (?:not be null|satisfy)|Provided value (?!in parameter 'action')|SerializationException|MalformedQueryString|MissingAction|UnknownOperation|SignatureDoesNotMatch|InvalidSignature|IncompleteSignature|InvalidClientTokenId|UnrecognizedClient|MethodNotAllowed|InvalidURI|' at '[^']*' is not of type |The root element must be/;

/** What is wrong with an answer; undefined when nothing is. */
export function faultOf(request: FuzzRequest, outcome: Outcome): string | undefined {
  const { expect } = request;
  if (outcome.end === 'timeout') return 'no answer within a minute';
  const [answer] = outcome.answers;
  if (!answer) {
    // a body that nobody wants may be cut off while it is sent
    if (expect.kind === 'bytes' || request.body.length > 1_000_000) return undefined;
    return `no answer: the connection is ${outcome.end}`;
  }
  for (const each of outcome.answers) {
    const fault = generalFault(request, each);
    if (fault !== undefined) return fault;
  }
  if (request.kind === 'unbuilt' && answer.status < 300 && !hasTwoNames(request))
    return 'answered, though no room is known to define it';
  if (expect.kind === 'valid') return validFault(request, answer);
  return expect.kind === 'violation' ? violationFault(request, expect, answer) : undefined;
}

/** S3 has older names for requests that look the same. */
const hasTwoNames = ({ operation = '' }: FuzzRequest): boolean => operation.startsWith('s3:');

function generalFault(request: FuzzRequest, answer: Answer): string | undefined {
  const text = textOf(answer);
  const saysNothing = request.method === 'HEAD' && answer.status === 501;
  if (answer.status >= 500 && !saysNothing && !(answer.status === 501 && /not ?implemented/i.test(text)))
    return `a ${answer.status}: ${text}`;
  if (answer.status === 429 && !/TooManyRequests|ModelNotReady|TOOMANYREQUESTS/.test(text))
    return `a 429 that nobody documents: ${text}`;
  if (answer.status !== 200 && LEAKS.test(text)) return `tells of our inside: ${text}`;
  if (request.expect.kind === 'bytes') return undefined;
  return formFault(request, answer, text);
}

const textOf = (answer: Answer): string => answer.body.toString('utf8', 0, Math.min(answer.body.length, 20_000));

/** Whether the answer is what clients of its protocol can read. */
function formFault(request: FuzzRequest, answer: Answer, text: string): string | undefined {
  const isPage = request.target.startsWith('/_slipway') || ['/', '/favicon.ico'].includes(request.target);
  const id = answer.headers['x-amzn-requestid'] ?? answer.headers['x-amz-request-id'];
  if (id === undefined && !(isPage && request.service === undefined)) {
    // what is no HTTP for Node has no request, and so no id
    return answer.body.length === 0 && [400, 408, 413, 417, 431].includes(answer.status) ? undefined : 'no request id';
  }
  const type = answer.headers['content-type'] ?? '';
  if (answer.body.length === 0) return undefined;
  if (answer.status >= 400 && type === '') return `an error without content type: ${text.slice(0, 300)}`;
  const isContent =
    request.service === 's3' && answer.status < 300 && request.method === 'GET' && answer.headers['etag'] !== undefined;
  if (isContent) return undefined; // the content of an object, whatever type it says it has
  if (type.includes('json')) return jsonFault(answer, request);
  if (type.includes('xml')) return xmlFault(answer, text);
  return undefined;
}

function jsonFault(answer: Answer, request: FuzzRequest): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer.body.toString('utf8'));
  } catch {
    return request.operation === 'lambda:Invoke' || request.port === 'runtime' || isObjectBody(request)
      ? undefined
      : `no JSON: ${textOf(answer)}`;
  }
  if (answer.status < 400) return shapeFault(request, answer, parsed);
  if (request.target.startsWith('/v2')) {
    const { errors } = parsed as { errors?: { code?: unknown; message?: unknown }[] };
    return typeof errors?.[0]?.code === 'string' && typeof errors[0].message === 'string'
      ? undefined
      : 'no error of the registry';
  }
  const { __type, code: ownCode, message, Message } = parsed as Record<string, unknown>;
  const code = __type ?? ownCode ?? answer.headers['x-amzn-errortype'];
  if (typeof code !== 'string' || code === '') return `an error without type: ${textOf(answer)}`;
  return typeof (message ?? Message) === 'string' ? undefined : `an error without message: ${textOf(answer)}`;
}

const isObjectBody = ({ operation = '' }: FuzzRequest): boolean => operation.startsWith('s3:');

/** A success whose members have other types than the model says. */
function shapeFault({ operation = '', target }: FuzzRequest, answer: Answer, parsed: unknown): string | undefined {
  const service = serviceOf(operation);
  const ref = service?.operations.get(operation.split(':')[1] ?? '')?.model.output;
  if (!service || !ref || target.startsWith('/v2') || target.startsWith('/_slipway')) return undefined;
  if (service.model.metadata.protocol !== 'json') return undefined;
  const { problem } = readShape(service, ref, parsed);
  return problem === undefined ? undefined : `an answer that is not of its shape: ${problem}: ${textOf(answer)}`;
}

function xmlFault(answer: Answer, text: string): string | undefined {
  if (answer.body.length <= 200_000) {
    const valid = XMLValidator.validate(answer.body.toString('utf8'));
    if (valid !== true) return `no XML: ${valid.err.msg}: ${text}`;
  }
  if (answer.status < 400) return undefined;
  for (const element of ['Code', 'Message', 'RequestId']) {
    if (!answer.body.includes(`<${element}>`)) return `an error without ${element}: ${text}`;
  }
  return undefined;
}

function validFault(request: FuzzRequest, answer: Answer): string | undefined {
  if (answer.status < 400) return undefined;
  const text = `${answer.headers['x-amzn-errortype'] ?? ''} ${textOf(answer)}`;
  return FORM_REFUSALS.test(text) && !text.includes('DeleteMarker')
    ? `refused though the model allows it: ${text} to ${request.target}`
    : undefined;
}

function violationFault(
  request: FuzzRequest,
  expect: { readonly path: string; readonly what: string },
  answer: Answer,
): string | undefined {
  const text = textOf(answer);
  if (answer.status < 400) return `taken with ${expect.what} at ${expect.path}`;
  if (answer.status >= 500) return `a ${answer.status}: ${text}`;
  if (request.method === 'HEAD') return undefined;
  const decoded = text
    .replace(/&(?:apos|#39);/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .replace(/\\(["\\])/g, '$1');
  return named(expect.path, decoded) ? undefined : `refused, but ${expect.path} (${expect.what}) is not named: ${text}`;
}

/** The path, or in services with words of their own the member at its end. */
function named(path: string, text: string): boolean {
  if (path === '' || text.includes(`'${path}'`)) return true;
  if (/no-such-value|at least one \w+RequestEntry/.test(text)) return true; // SQS names the value
  if (text.includes('The repository name is not valid.')) return true; // CodeCommit's words for every member that names one
  const member =
    path
      .split('.')
      .filter((part) => !/^\d+$|^member$/.test(part))
      .at(-1) ?? path;
  return text.toLowerCase().includes(member.toLowerCase());
}
