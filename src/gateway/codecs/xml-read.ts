import { createRequire } from 'node:module';
import type * as FastXmlParser from 'fast-xml-parser';
import type { Shape, ShapeRef } from '../../contract/model.ts';
import { type Service, shapeOf } from '../../contract/services.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import { parseScalar } from './text-values.ts';
import { parseTime } from './timestamps.ts';

const MALFORMED = 'The XML you provided was not well-formed or did not validate against our published schema';

/** Loaded with the first document: no start need wait for its forty modules. */
const reader = lazily(() => {
  const { XMLParser, XMLValidator } = createRequire(import.meta.url)('fast-xml-parser') as typeof FastXmlParser;
  // entities are never expanded by the parser: the five predefined ones and character references are decoded here
  const parser = new XMLParser({
    ignoreAttributes: true,
    ignoreDeclaration: true,
    ignorePiTags: true,
    removeNSPrefix: true,
    parseTagValue: false,
    trimValues: false,
    processEntities: false,
  });
  return {
    isValid: (text: string) => XMLValidator.validate(text) === true,
    parse: (text: string) => parser.parse(text) as Record<string, Node>,
  };
});

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

type Node = string | { [child: string]: Node | Node[] };

/** The document's root element; throws MalformedXML. Document types are refused: nothing we serve needs them. */
export function parseXml(text: string): { name: string; node: Node } {
  if (text.includes('<!DOCTYPE') || text.includes('<!ENTITY') || hasTooManyTags(text) || !reader().isValid(text)) {
    throw new ServiceError('MalformedXML', MALFORMED);
  }
  let parsed: Record<string, Node>;
  try {
    parsed = reader().parse(text);
  } catch {
    // nesting or names the parser refuses; its message may quote the document
    throw new ServiceError('MalformedXML', MALFORMED);
  }
  const [name, node] = Object.entries(parsed).find(([key]) => key !== '#text') ?? [];
  if (name === undefined || node === undefined || Array.isArray(node)) throw new ServiceError('MalformedXML', MALFORMED);
  return { name, node };
}

/** The largest documents that S3 takes, 10,000 parts with their checksums, have less; more would keep everybody waiting for seconds. */
const TAGS_MAX = 300_000;

function hasTooManyTags(text: string): boolean {
  let tags = 0;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) {
    tags += 1;
    if (tags > TAGS_MAX) return true;
  }
  return false;
}

/** The typed value of an element; throws MalformedXML when it does not fit the model. */
export function readElement(service: Service, ref: ShapeRef, node: Node): unknown {
  const shape = shapeOf(service.model, ref);
  switch (shape.type) {
    case 'structure':
      return readStructure(service, shape, node);
    case 'list':
      return readItems(service, shape, childrenOf(node, shape.member?.locationName ?? 'member'));
    case 'map':
      return readEntries(service, shape, childrenOf(node, 'entry'));
    default:
      return readScalar(shape, node);
  }
}

function readStructure(service: Service, shape: Shape, node: Node): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, target] of Object.entries(shape.members ?? {})) {
    if (target.location) continue;
    const targetShape = shapeOf(service.model, target);
    const flattened = target.flattened || targetShape.flattened;
    const wireName =
      (flattened && targetShape.type === 'list' ? targetShape.member?.locationName : undefined) ?? target.locationName ?? name;
    const children = childrenOf(node, wireName);
    const first = children[0];
    if (first === undefined) continue;
    if (flattened && targetShape.type === 'list') result[name] = readItems(service, targetShape, children);
    else if (flattened && targetShape.type === 'map') result[name] = readEntries(service, targetShape, children);
    else if (children.length > 1) throw new ServiceError('MalformedXML', MALFORMED);
    else result[name] = readElement(service, target, first);
  }
  return result;
}

const readItems = (service: Service, shape: Shape, nodes: readonly Node[]): unknown[] =>
  nodes.map((node) => readElement(service, shape.member ?? { shape: 'String' }, node));

function readEntries(service: Service, shape: Shape, nodes: readonly Node[]): Record<string, unknown> {
  const entries = nodes.map((node): [string, unknown] => {
    const key = childrenOf(node, shape.key?.locationName ?? 'key')[0];
    const value = childrenOf(node, shape.value?.locationName ?? 'value')[0];
    if (key === undefined || value === undefined) throw new ServiceError('MalformedXML', MALFORMED);
    return [textOf(key), readElement(service, shape.value ?? { shape: 'String' }, value)];
  });
  return Object.fromEntries(entries);
}

function readScalar(shape: Shape, node: Node): unknown {
  const text = textOf(node);
  const value = parseScalar(shape, shape.type === 'string' ? text : text.trim(), parseTime);
  if (value === undefined) throw new ServiceError('MalformedXML', MALFORMED);
  return value;
}

function childrenOf(node: Node, name: string): readonly Node[] {
  if (typeof node === 'string' || !Object.hasOwn(node, name)) return [];
  const child = node[name];
  if (child === undefined) return [];
  return Array.isArray(child) ? child : [child];
}

function textOf(node: Node): string {
  if (typeof node === 'string') return decodeEntities(node);
  const children = Object.keys(node);
  const text = node['#text'];
  if (children.some((name) => name !== '#text') || Array.isArray(text) || typeof text === 'object') {
    throw new ServiceError('MalformedXML', MALFORMED);
  }
  return decodeEntities(text ?? '');
}

const PREDEFINED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-zA-Z]{2,4}));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return PREDEFINED[name as string] ?? whole;
    const code = hex !== undefined ? Number.parseInt(hex as string, 16) : Number(decimal);
    // neither is a character of XML, nor of what is stored
    if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw new ServiceError('MalformedXML', MALFORMED);
    return String.fromCodePoint(code);
  });
}
