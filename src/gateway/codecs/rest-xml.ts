import type { Shape } from '../../contract/model.ts';
import { type ApiOperation, type Service, shapeOf } from '../../contract/services.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { FOREIGN_CONTENT } from '../foreign-content.ts';
import { type Codec, decodeText, type WireError, type WireRequest, type WireResponse } from './codec.ts';
import { readBindings, writeBindings } from './rest-binding.ts';
import { parseXml, readElement } from './xml-read.ts';
import { escapeXml, namespaceAttribute, structureAttributes, writeElement, writeMembers, XML_DECLARATION } from './xml-write.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Names of S3's result documents where the model does not give them (SDKs ignore them, other programs match on them). */
const ROOTS: Record<string, string> = {
  ListBuckets: 'ListAllMyBucketsResult',
  ListDirectoryBuckets: 'ListAllMyDirectoryBucketsResult',
  ListObjects: 'ListBucketResult',
  ListObjectsV2: 'ListBucketResult',
  ListObjectVersions: 'ListVersionsResult',
  ListMultipartUploads: 'ListMultipartUploadsResult',
  ListParts: 'ListPartsResult',
  CreateMultipartUpload: 'InitiateMultipartUploadResult',
  CompleteMultipartUpload: 'CompleteMultipartUploadResult',
  DeleteObjects: 'DeleteResult',
  GetBucketTagging: 'Tagging',
  GetObjectTagging: 'Tagging',
  GetBucketVersioning: 'VersioningConfiguration',
  GetBucketNotificationConfiguration: 'NotificationConfiguration',
  GetBucketAcl: 'AccessControlPolicy',
  GetObjectAcl: 'AccessControlPolicy',
};

/** As its documentation shows the answers. */
const STATUSES: Record<string, number> = { PutBucketTagging: 204 };

/** S3's protocol. */
export const restXmlCodec: Codec = {
  decode(service, operation, request) {
    const input = operation.input;
    if (!input) return {};
    const result = readBindings(service, input, request, refuseArgument);
    readBody(service, operation, input, request, result);
    return result;
  },
  encode(service, operation, output) {
    const { status, headers } = writeBindings(service, operation, output);
    // successes the model gives no status for: ranges, and one of S3's operations
    const modelled = STATUSES[operation.name] ?? status;
    const actual = output['ContentRange'] !== undefined && modelled === 200 ? 206 : modelled;
    const payload = operation.outputPayload;
    if (payload && payload.kind !== 'structure') {
      const body = output[payload.member] as string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
      return { status: actual, headers: { ...headers, ...FOREIGN_CONTENT }, body: body ?? '' };
    }
    const body = documentOf(service, operation, output);
    return {
      status: actual,
      headers: body === '' && operation.name !== 'HeadBucket' ? headers : { 'content-type': 'application/xml', ...headers },
      body,
    };
  },
  encodeError: (_service, error) => xmlError(error),
};

const refuseArgument = (member: string, text: string): ServiceError =>
  new ServiceError('InvalidArgument', `Provided value '${text.slice(0, 200)}' of ${member} is not valid.`, {
    ArgumentName: member,
    ArgumentValue: text.slice(0, 200),
  });

function readBody(
  service: Service,
  operation: ApiOperation,
  input: Shape,
  request: WireRequest,
  into: Record<string, unknown>,
): void {
  const payload = operation.inputPayload;
  if (payload?.kind === 'stream') {
    into[payload.member] = request.stream ?? once(request.body);
  } else if (payload?.kind === 'blob') into[payload.member] = request.body;
  else if (payload?.kind === 'string') into[payload.member] = decodeText(request.body);
  else if (payload?.kind === 'structure') {
    if (request.body.length === 0) return;
    const { name, node } = parseXml(decodeText(request.body));
    const expected = payload.ref.locationName ?? payload.ref.shape;
    if (name !== expected)
      throw new ServiceError('MalformedXML', `The root element must be ${expected}, not ${name.slice(0, 100)}.`);
    into[payload.member] = readElement(service, payload.ref, node);
  } else if (request.body.length > 0 && Object.values(input.members ?? {}).some((ref) => !ref.location)) {
    const { node } = parseXml(decodeText(request.body));
    Object.assign(into, readElement(service, operation.model.input ?? { shape: '' }, node));
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

function documentOf(service: Service, operation: ApiOperation, output: Record<string, unknown>): string {
  if (operation.name === 'GetBucketLocation') {
    // the one document whose root element is the value; SDKs have their own parser for it
    const place = escapeXml(String(output['LocationConstraint'] ?? ''));
    return `${XML_DECLARATION}<LocationConstraint xmlns="${NAMESPACE}">${place}</LocationConstraint>`;
  }
  const payload = operation.outputPayload;
  if (payload) {
    const value = output[payload.member];
    if (value === undefined) return '';
    const name = payload.ref.locationName ?? payload.ref.shape;
    const own = shapeOf(service.model, payload.ref).xmlNamespace;
    return XML_DECLARATION + writeElement(service, payload.ref, name, value, own ? '' : ` xmlns="${NAMESPACE}"`);
  }
  const ref = operation.model.output;
  if (!ref || !Object.values(shapeOf(service.model, ref).members ?? {}).some((member) => !member.location)) return '';
  const shape = shapeOf(service.model, ref);
  const root = ROOTS[operation.name] ?? ref.locationName ?? shape.locationName ?? ref.shape;
  const namespace = shape.xmlNamespace ? '' : namespaceAttribute(service.model.metadata.xmlNamespace ?? NAMESPACE);
  return `${XML_DECLARATION}<${root}${namespace}${structureAttributes(shape, output)}>${writeMembers(service, ref, output)}</${root}>`;
}

/** What RFC 9110 wants beside a 304: a cache renews by it what it holds. */
function validatorsOf(members: WireError['members']): Record<string, string> {
  const { ETag, LastModified } = members;
  return {
    ...(ETag !== undefined && { etag: String(ETag) }),
    ...(LastModified !== undefined && { 'last-modified': String(LastModified) }),
  };
}

/** What S3 says of a delete marker in headers, also where the answer is an error without a body. */
function markerHeaders({ DeleteMarker, VersionId }: WireError['members']): Record<string, string> {
  return DeleteMarker === true ? { 'x-amz-delete-marker': 'true', 'x-amz-version-id': String(VersionId) } : {};
}

function xmlError(error: WireError): WireResponse {
  let members = '';
  for (const [name, value] of Object.entries(error.members)) {
    if (name === 'DeleteMarker') continue;
    if (/^[A-Za-z]+$/.test(name) && value !== null) members += `<${name}>${escapeXml(String(value))}</${name}>`;
  }
  const body = `${XML_DECLARATION}<Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>${members}<Resource>${escapeXml(error.resource)}</Resource><RequestId>${error.requestId}</RequestId></Error>`;
  if (error.status === 304) return { status: 304, headers: validatorsOf(error.members), body: '' };
  const headers: Record<string, string> = { 'content-type': 'application/xml', ...markerHeaders(error.members) };
  if (error.members['ResourceType'] === 'DeleteMarker') headers['allow'] = 'DELETE';
  return { status: error.status, headers, body };
}
