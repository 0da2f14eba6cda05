import { type GraphNode, layoutOf, NODE_HEIGHT, NODE_WIDTH, type PlacedNode } from './definition-graph.ts';
import { moodOf, svg } from './dom.ts';

const MARGIN = 14;

/** Draws the graph once; `colour` is called again whenever statuses change. */
export function graphView(nodes: readonly GraphNode[], onSelect: (name: string) => void): {
  element: SVGElement; colour(statusOf: (name: string) => string | undefined, selected: string | undefined): void;
} {
  const { placed, width, height } = layoutOf(nodes);
  const byName = new Map(placed.map((node) => [node.name, node]));
  const element = svg('svg', {
    width: String(width + 2 * MARGIN), height: String(height + 2 * MARGIN), role: 'img', 'aria-label': 'pipeline graph' });
  const layer = svg('g', { transform: `translate(${MARGIN} ${MARGIN})` });
  element.append(layer);
  for (const node of placed) for (const parent of node.parents) {
    const from = byName.get(parent.name);
    if (from) layer.append(...edge(from, node, parent.label));
  }
  const boxes = new Map<string, SVGElement>();
  for (const node of placed) {
    const box = nodeBox(node, () => onSelect(node.name));
    boxes.set(node.name, box);
    layer.append(box);
  }
  return {
    element,
    colour(statusOf, selected) {
      for (const [name, box] of boxes) {
        box.setAttribute('class', `node ${moodOf(statusOf(name))} ${name === selected ? 'selected' : ''}`);
        box.setAttribute('data-status', statusOf(name) ?? '');
      }
    },
  };
}

function edge(from: PlacedNode, to: PlacedNode, label: string | undefined): SVGElement[] {
  const [x1, y1, x2, y2] = [from.x + NODE_WIDTH / 2, from.y + NODE_HEIGHT, to.x + NODE_WIDTH / 2, to.y];
  const middle = (y1 + y2) / 2;
  const path = svg('path', { class: 'edge', d: `M${x1} ${y1} C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}` });
  if (!label) return [path];
  return [path, svg('text', { class: 'edge-label', x: String((x1 + x2) / 2 + 6), y: String(middle) }, label)];
}

function nodeBox(node: PlacedNode, select: () => void): SVGElement {
  const name = node.name.length > 24 ? `${node.name.slice(0, 23)}…` : node.name;
  return svg('g', {
    class: 'node', transform: `translate(${node.x} ${node.y})`, tabindex: '0', role: 'button', 'data-step': node.name,
    'aria-label': `${node.name}, ${node.type}`, click: select,
    keydown: (event) => { if (['Enter', ' '].includes((event as KeyboardEvent).key)) select(); },
  },
    svg('rect', { width: String(NODE_WIDTH), height: String(NODE_HEIGHT), rx: '8' }),
    svg('rect', { class: 'bar', width: '6', height: String(NODE_HEIGHT - 12), x: '6', y: '6', rx: '3' }),
    svg('text', { x: '22', y: '21' }, name),
    svg('text', { x: '22', y: '37', class: 'type' }, node.type),
    svg('title', {}, node.name));
}
