import type { GraphNode } from './definition-graph.ts';
import { h, svg } from './dom.ts';
import { moodOf } from './format.ts';
import { layoutOf, NODE_HEIGHT, NODE_WIDTH, type Point } from './graph-layout.ts';

const MARGIN = 12;
const SCALE_MIN = 0.7;
const WIDE = 760;
const NEAREST = { block: 'nearest', inline: 'nearest' } as const;

/** How a step stands. */
interface NodeState {
  readonly status: string | undefined;
  /** e.g. `3.6 s`; of a condition its outcome. */
  readonly took: string;
  /** It will never run in this execution. */
  readonly isOut: boolean;
  readonly isSelected: boolean;
  readonly href: string;
}

export interface GraphView {
  readonly element: HTMLElement;
  /** Too wide to stand beside something. */
  readonly isWide: boolean;
  /** Touches only what differs. */
  update(stateOf: (step: string) => NodeState): void;
}

/** Draws the graph once. Steps are anchors; wide graphs shrink to the room there is, then scroll. */
export function graphView(nodes: readonly GraphNode[]): GraphView {
  const layout = layoutOf(nodes);
  const [width, height] = [layout.width + 2 * MARGIN, layout.height + 2 * MARGIN];
  const edges = layout.edges.map((edge) => ({ ...edge, path: svg('path', { class: 'edge', d: curve(edge.points) }) }));
  const lines = svg(
    'svg',
    { width: String(width), height: String(height), 'aria-hidden': 'true' },
    edges.map(({ path }) => path),
  );
  for (const { label, points } of edges) if (label) lines.append(labelAt(label, points));
  const boxes = new Map(nodes.map((node) => [node.name, nodeBox(node)]));
  const plane = h('div', { class: 'plane' }, lines, [...boxes.values()]);
  for (const [name, box] of boxes) moveTo(box, layout.corners.get(name) ?? { x: 0, y: 0 });
  plane.style.width = `${width}px`;
  plane.style.height = `${height}px`;
  const element = h('div', { class: 'graph', role: 'group', 'aria-label': 'Steps' }, plane);
  new ResizeObserver(() => {
    plane.style.setProperty('zoom', String(Math.max(SCALE_MIN, Math.min(1, element.clientWidth / width))));
  }).observe(element);
  return {
    element,
    isWide: width > WIDE,
    update(stateOf) {
      for (const { name, type } of nodes) {
        const box = boxes.get(name);
        if (box) showState(box, `${name}, ${type}`, stateOf(name));
      }
      for (const { path, from, to } of edges) {
        const isOut = stateOf(to).isOut || stateOf(from).isOut;
        set(path, 'class', isOut ? 'edge out' : 'edge');
      }
    },
  };
}

function nodeBox({ name, type }: GraphNode): HTMLElement {
  const about = h('span', { class: 'about' }, h('span', {}, type), h('span', { class: 'took' }));
  return h('a', { class: 'node', 'data-step': name, title: name }, h('span', { class: 'name' }, name), about);
}

function showState(box: HTMLElement, label: string, { status, took, isOut, isSelected, href }: NodeState): void {
  set(box, 'class', `node ${moodOf(status)}${isOut ? ' out' : ''}`);
  set(box, 'data-status', status ?? '');
  set(box, 'href', href);
  set(box, 'aria-label', `${label}, ${status ?? (isOut ? 'not run' : 'not started')}`);
  if (isSelected && box.getAttribute('aria-current') !== 'true') requestAnimationFrame(() => box.scrollIntoView(NEAREST));
  set(box, 'aria-current', isSelected ? 'true' : 'false');
  const time = box.querySelector('.took');
  const text = isOut ? 'not run' : took;
  if (time && time.textContent !== text) time.textContent = text;
}

function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function moveTo(box: HTMLElement, { x, y }: Point): void {
  box.style.left = `${x + MARGIN}px`;
  box.style.top = `${y + MARGIN}px`;
  box.style.width = `${NODE_WIDTH}px`;
  box.style.height = `${NODE_HEIGHT}px`;
}

/** From the lower edge of a step, straight through its lanes, to the upper edge of the other. */
function curve(points: readonly Point[]): string {
  const shifted = points.map(({ x, y }) => ({ x: x + MARGIN, y: y + MARGIN }));
  const [first = { x: 0, y: 0 }, ...others] = shifted;
  let at = { x: first.x, y: first.y + NODE_HEIGHT };
  let path = `M${at.x} ${at.y}`;
  for (const [index, to] of others.entries()) {
    const middle = (at.y + to.y) / 2;
    path += ` C${at.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`;
    at = { x: to.x, y: to.y + NODE_HEIGHT };
    if (index < others.length - 1) path += ` L${at.x} ${at.y}`;
  }
  return path;
}

function labelAt(label: string, [from, to]: readonly Point[]): SVGElement {
  const x = from && to ? from.x + (to.x - from.x) * 0.3 : 0;
  return svg(
    'text',
    { class: 'edge-label', x: String(x + MARGIN + 6), y: String((from?.y ?? 0) + MARGIN + NODE_HEIGHT + 17) },
    label,
  );
}
