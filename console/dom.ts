type Child = Node | string | undefined | false | readonly (Node | string)[];
type Attributes = Readonly<Record<string, string | undefined>>;

/** Builds an element. Text goes in as text nodes, so that nothing a server says is ever read as markup. */
export function h(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElement {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  for (const child of children.flat()) if (child !== undefined && child !== false) element.append(child as Node | string);
  return element;
}

const held = new WeakMap<Node, Element>();

/**
 * A place in a view for an element that lives on between drawings with state of its own (a graph, a log, a form). It is not
 * taken out of the document while the next view is built, and `draw` never looks into it.
 */
export function placeOf(element: Element): Node {
  element.setAttribute('data-kept', '');
  const place = document.createComment('');
  held.set(place, element);
  return place;
}

/**
 * Makes the children of `parent` equal to `wanted` and touches only what differs, so that selection, focus and scroll stay
 * where they are. Elements with `data-key` are recognised by it when others come before them.
 */
export function draw(parent: Element, wanted: readonly Node[]): void {
  let at: ChildNode | null = parent.firstChild;
  for (const node of wanted) {
    const match = counterpartOf(parent, node, at);
    if (!match) {
      parent.insertBefore(settled(node), at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else parent.insertBefore(match, at);
    if (!held.has(node)) update(match, node);
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** The node with every place in it taken by its element. */
function settled(node: Node): Node {
  const itself = held.get(node);
  if (itself) return itself;
  const places = document.createTreeWalker(node, NodeFilter.SHOW_COMMENT);
  const found: Comment[] = [];
  while (places.nextNode()) found.push(places.currentNode as Comment);
  for (const place of found) place.replaceWith(held.get(place) ?? '');
  return node;
}

/** The node in the document that can become `node`; it must not be one that an earlier node has become. */
function counterpartOf(parent: Element, node: Node, at: ChildNode | null): ChildNode | undefined {
  const kept = held.get(node);
  if (kept) return kept.parentNode === parent ? kept : undefined;
  const key = keyOf(node);
  if (key === undefined) return at && alike(at, node) ? at : undefined;
  for (let candidate = at; candidate; candidate = candidate.nextSibling) {
    if (keyOf(candidate) === key && alike(candidate, node)) return candidate;
  }
  return undefined;
}

const keyOf = (node: Node): string | undefined =>
  node instanceof Element ? (node.getAttribute('data-key') ?? undefined) : undefined;
const isKept = (node: Node): boolean => node instanceof Element && node.hasAttribute('data-kept');

const alike = (old: Node, node: Node): boolean => old.nodeName === node.nodeName && keyOf(old) === keyOf(node) && !isKept(old);

function update(old: ChildNode, node: Node): void {
  if (!(old instanceof Element) || !(node instanceof Element)) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!node.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
  for (const { name, value } of [...node.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  draw(old, [...node.childNodes]);
}
