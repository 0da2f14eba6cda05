import type { Shape, ShapeRef } from '../../contract/model.ts';
import { type Service, shapeOf } from '../../contract/services.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { parseQuery } from '../signature/canonical.ts';
import { type Codec, decodeText, type WireError, type WireResponse } from './codec.ts';
import { isQueryCompatible, queryCode } from './query-compatible.ts';
import { parseScalar } from './text-values.ts';
import { parseTime } from './timestamps.ts';
import { escapeXml, namespaceAttribute, writeMembers } from './xml-write.ts';

/** AWS query (STS, IAM): parameters like `Tags.member.1.Key` in a form, the answer in XML. */
export const queryCodec: Codec = {
  decode(service, operation, request) {
    const ref = operation.model.input;
    if (!ref) return {};
    const tree = parameterTree([...request.query, ...readForm(request.body)]);
    const input = readNode(service, ref, tree, '', 0) as Record<string, unknown>;
    // clients of SQS post to the queue's own address, and need not repeat it in the form
    const named = isQueryCompatible(service) && input['QueueUrl'] === undefined && request.path !== '/';
    return named && operation.input?.members?.['QueueUrl'] ? { ...input, QueueUrl: request.path } : input;
  },
  encode(service, operation, output, requestId) {
    const ref = operation.model.output;
    const namespace = namespaceAttribute(service.model.metadata.xmlNamespace);
    const wrapper = operation.resultWrapper;
    const members = ref ? writeMembers(service, ref, output) : '';
    const result = wrapper ? `<${wrapper}>${members}</${wrapper}>` : members;
    const body = `<${operation.name}Response${namespace}>${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation.name}Response>`;
    return { status: operation.responseCode, headers: { 'content-type': 'text/xml' }, body };
  },
  encodeError: (service, error) => queryError(service, error),
};

/** Parameters of a form body; throws MalformedQueryString. */
export function readForm(body: Uint8Array): [string, string][] {
  const pairs = parseQuery(decodeText(body));
  if (!pairs)
    throw new ServiceError(
      'MalformedQueryString',
      'The request body is no well-formed form: it holds a stray % or bytes that are not UTF-8.',
    );
  return pairs;
}

/** A parameter's own text and the parameters below it: `a.b.1` is the child `1` of `b` of `a`. */
interface ParameterNode {
  text?: string;
  children?: Map<string, ParameterNode>;
}

/** Deeper than any real parameter name. */
const DEPTH_MAX = 40;

function parameterTree(pairs: readonly (readonly [string, string])[]): ParameterNode {
  const root: ParameterNode = {};
  for (const [name, value] of pairs) {
    const path = name.split('.', DEPTH_MAX + 1);
    if (path.length > DEPTH_MAX)
      throw new ServiceError('MalformedQueryString', `Parameter names are nested deeper than ${DEPTH_MAX} levels.`);
    let node = root;
    for (const part of path) {
      node.children ??= new Map();
      const child: ParameterNode = node.children.get(part) ?? {};
      node.children.set(part, child);
      node = child;
    }
    node.text = value;
  }
  return root;
}

function readNode(service: Service, ref: ShapeRef, node: ParameterNode, path: string, depth: number): unknown {
  const shape = shapeOf(service.model, ref);
  switch (shape.type) {
    case 'structure': {
      const result: Record<string, unknown> = {};
      for (const [name, target] of Object.entries(shape.members ?? {})) {
        const wireName = target.locationName ?? name;
        const child = node.children?.get(wireName);
        if (child && depth < DEPTH_MAX)
          result[name] = readNode(service, target, child, path ? `${path}.${wireName}` : wireName, depth + 1);
      }
      return result;
    }
    case 'list':
      return readList(service, ref, shape, node, path, depth);
    case 'map':
      return readMap(service, ref, shape, node, path, depth);
    default: {
      const value = parseScalar(shape, node.text ?? '', parseTime);
      if (value !== undefined) return value;
      throw new ServiceError(
        'ValidationError',
        `Value '${(node.text ?? '').slice(0, 200)}' at '${path}' is not of type ${shape.type}.`,
      );
    }
  }
}

/** An empty parameter (`Tags=`) is an empty list; gaps in the numbering close up. */
function readList(service: Service, ref: ShapeRef, shape: Shape, node: ParameterNode, path: string, depth: number): unknown[] {
  const element = shape.member ?? { shape: 'String' };
  const flattened = ref.flattened || shape.flattened;
  const items = flattened ? node : node.children?.get(element.locationName ?? 'member');
  return numbered(items).map(([number, child]) => readNode(service, element, child, `${path}.member.${number}`, depth + 1));
}

function readMap(service: Service, ref: ShapeRef, shape: Shape, node: ParameterNode, path: string, depth: number): unknown {
  const entries = ref.flattened || shape.flattened ? node : node.children?.get('entry');
  const value = shape.value ?? { shape: 'String' };
  return Object.fromEntries(
    numbered(entries).map(([number, child]) => {
      const key = child.children?.get(shape.key?.locationName ?? 'key')?.text ?? '';
      const item = child.children?.get(value.locationName ?? 'value') ?? { text: '' };
      return [key, readNode(service, value, item, `${path}.entry.${number}`, depth + 1)];
    }),
  );
}

const numbered = (node: ParameterNode | undefined): [number, ParameterNode][] =>
  [...(node?.children ?? [])]
    .filter(([name]) => /^\d{1,9}$/.test(name))
    .map(([name, child]): [number, ParameterNode] => [Number(name), child])
    .sort(([a], [b]) => a - b);

function queryError(service: Service | undefined, error: WireError): WireResponse {
  const namespace = namespaceAttribute(service?.model.metadata.xmlNamespace);
  const type = error.status >= 500 ? 'Receiver' : 'Sender';
  const body = `<ErrorResponse${namespace}><Error><Type>${type}</Type><Code>${escapeXml(queryCode(service, error.code))}</Code><Message>${escapeXml(error.message)}</Message></Error><RequestId>${error.requestId}</RequestId></ErrorResponse>`;
  return { status: error.status, headers: { 'content-type': 'text/xml' }, body };
}
