import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** XML that a build wrote, as nodes. Entities other than the predefined ones are never expanded. Pure. */

export interface XmlNode {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
  readonly text: string;
}

const ATTRIBUTES = ':@';
const TEXT = '#text';

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  cdataPropName: TEXT,
});

/** The document as a node without a name. */
export function parseXml(text: string): XmlNode | { readonly problem: string } {
  const plain = withoutType(text.replace(/^\uFEFF/, ''));
  const valid = XMLValidator.validate(plain);
  if (valid !== true) return { problem: `the file is no XML: ${valid.err.msg} (line ${valid.err.line})` };
  try {
    return { name: '', attributes: {}, children: nodesOf(parser.parse(plain) as Raw[]), text: '' };
  } catch (error) {
    return { problem: `the file is no XML: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Coverage tools name a document type, which nobody needs. Each character is looked at once: a pattern would go back over them. */
function withoutType(text: string): string {
  const from = text.indexOf('<!DOCTYPE');
  if (from < 0) return text;
  const end = text.indexOf('>', from);
  const inner = text.indexOf('[', from);
  if (inner < 0 || end < inner) return end < 0 ? text : text.slice(0, from) + text.slice(end + 1);
  const innerEnd = text.indexOf(']', inner);
  const over = innerEnd < 0 ? -1 : text.indexOf('>', innerEnd);
  return over < 0 ? text : text.slice(0, from) + text.slice(over + 1);
}

type Raw = Readonly<Record<string, unknown>>;

function nodesOf(raw: readonly Raw[]): XmlNode[] {
  return raw.flatMap((one): XmlNode[] => {
    const name = Object.keys(one).find((key) => key !== ATTRIBUTES);
    if (name === undefined || name === TEXT) return [];
    const inner = one[name] as readonly Raw[];
    const attributes = Object.fromEntries(
      Object.entries((one[ATTRIBUTES] ?? {}) as Record<string, unknown>).map(([key, value]) => [key, decoded(String(value))]),
    );
    return [{ name, attributes, children: nodesOf(inner), text: rawText(inner) }];
  });
}

const rawText = (inner: readonly Raw[]): string =>
  inner
    .map((one) => one[TEXT])
    .filter((one) => one !== undefined)
    .map((one) => (Array.isArray(one) ? rawText(one as Raw[]) : decoded(String(one))))
    .join('');

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const decoded = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name)] ?? whole;
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
    return code > 0x10ffff ? whole : String.fromCodePoint(code);
  });

export const all = (node: XmlNode, name: string): XmlNode[] => node.children.filter((one) => one.name === name);
export const child = (node: XmlNode, name: string): XmlNode | undefined => node.children.find((one) => one.name === name);
export const attribute = (node: XmlNode, name: string): string | undefined => node.attributes[name];
export const textOf = (node: XmlNode): string => node.text.trim();

export const descendants = (node: XmlNode, name: string): XmlNode[] =>
  node.children.flatMap((one) => [...(one.name === name ? [one] : []), ...descendants(one, name)]);
