import type { Shape, ShapeRef, XmlNamespace } from '../../contract/model.ts';
import { type Service, shapeOf } from '../../contract/services.ts';
import { formatTime } from './timestamps.ts';

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#xD;' };

/** Escapes markup; a carriage return would be read as a newline, and other control characters cannot be said in XML 1.0. */
export function escapeXml(text: string): string {
  if (!/[&<>"\p{Cc}\p{Cs}\ufffe\uffff]/u.test(text)) return text;
  return text
    .toWellFormed()
    .replace(/[&<>"\p{Cc}\ufffe\uffff]/gu, (char) => ESCAPES[char] ?? (isXmlChar(char) ? char : '\ufffd'));
}

const isXmlChar = (char: string): boolean => (char >= ' ' && char < '\ufffe') || char === '\t' || char === '\n';

/** `xmlns` attribute for a document's outermost element. */
export function namespaceAttribute(namespace: XmlNamespace | undefined): string {
  if (namespace === undefined) return '';
  const [uri, prefix] = typeof namespace === 'string' ? [namespace, undefined] : [namespace.uri, namespace.prefix];
  return ` xmlns${prefix ? `:${prefix}` : ''}="${escapeXml(uri)}"`;
}

/** One element named `name`, or several where the value is a flattened list or map. */
export function writeElement(service: Service, ref: ShapeRef, name: string, value: unknown, attributes = ''): string {
  const shape = shapeOf(service.model, ref);
  switch (shape.type) {
    case 'structure': {
      const own = attributes + structureAttributes(shape, value);
      return `<${name}${own}>${writeMembers(service, ref, value)}</${name}>`;
    }
    case 'list':
      return writeList(service, ref, shape, name, value as readonly unknown[]);
    case 'map':
      return writeMap(service, ref, shape, name, value as Record<string, unknown>);
    default:
      return `<${name}${attributes}>${escapeXml(scalarText(ref, shape, value))}</${name}>`;
  }
}

/** The members that go into the body, each as its element, in the model's order. */
export function writeMembers(service: Service, ref: ShapeRef, value: unknown): string {
  const source = value as Record<string, unknown>;
  let text = '';
  for (const [name, target] of Object.entries(shapeOf(service.model, ref).members ?? {})) {
    const member = source[name];
    if (member === undefined || member === null || target.location || target.xmlAttribute) continue;
    text += writeElement(service, target, elementName(service, name, target), member);
  }
  return text;
}

/** Flattened lists take the name from the list's member where the model gives one there. */
function elementName(service: Service, name: string, ref: ShapeRef): string {
  const shape = shapeOf(service.model, ref);
  if (shape.type === 'list' && (ref.flattened || shape.flattened)) return shape.member?.locationName ?? ref.locationName ?? name;
  return ref.locationName ?? name;
}

/** The namespace of the shape's own and the members that are attributes. */
export function structureAttributes(shape: Shape, value: unknown): string {
  let text = shape.xmlNamespace ? namespaceAttribute(shape.xmlNamespace) : '';
  for (const [name, target] of Object.entries(shape.members ?? {})) {
    const member = (value as Record<string, unknown>)[name];
    if (target.xmlAttribute && member !== undefined) text += ` ${target.locationName ?? name}="${escapeXml(String(member))}"`;
  }
  return text;
}

function writeList(service: Service, ref: ShapeRef, shape: Shape, name: string, values: readonly unknown[]): string {
  const element = shape.member ?? { shape: 'String' };
  const flattened = ref.flattened || shape.flattened;
  const itemName = flattened ? name : (element.locationName ?? 'member');
  let items = '';
  for (const item of values) if (item !== undefined && item !== null) items += writeElement(service, element, itemName, item);
  return flattened ? items : `<${name}>${items}</${name}>`;
}

function writeMap(service: Service, ref: ShapeRef, shape: Shape, name: string, values: Record<string, unknown>): string {
  const key = shape.key ?? { shape: 'String' };
  const value = shape.value ?? { shape: 'String' };
  const flattened = ref.flattened || shape.flattened;
  const entryName = flattened ? name : 'entry';
  let entries = '';
  for (const [entryKey, item] of Object.entries(values)) {
    const inner = writeElement(service, key, key.locationName ?? 'key', entryKey);
    entries += `<${entryName}>${inner}${writeElement(service, value, value.locationName ?? 'value', item)}</${entryName}>`;
  }
  return flattened ? entries : `<${name}>${entries}</${name}>`;
}

function scalarText(ref: ShapeRef, shape: Shape, value: unknown): string {
  if (shape.type === 'timestamp') return formatTime(value as number, ref.timestampFormat ?? shape.timestampFormat ?? 'iso8601');
  if (shape.type === 'blob') return Buffer.from(value as Uint8Array).toString('base64');
  return String(value);
}
