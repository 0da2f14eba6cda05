import { h } from './dom.ts';
import { copyable } from './parts.ts';

/** Members that name the entry of a list they are in. */
const NAMES = ['ChannelName', 'InputName', 'OutputName', 'MetricName', 'Name', 'VariantName'];

/** Shows any JSON value as names and values: members keep their AWS names, lists of structures become paragraphs. */
export function valueView(value: unknown): HTMLElement {
  if (isEntries(value)) return h('div', { class: 'entries' }, value.map(entryView));
  if (!isObject(value))
    return h(
      'div',
      { class: 'value' },
      leavesOf(value).map(([, leaf]) => scalar(leaf)),
    );
  const lists = Object.entries(value).filter((member): member is [string, Structure[]] => isEntries(member[1]));
  const rest = Object.fromEntries(Object.entries(value).filter(([, member]) => !isEntries(member)));
  return h(
    'div',
    {},
    leavesView(leavesOf(rest)),
    lists.flatMap(([name, list]) => [h('h3', {}, name), valueView(list)]),
  );
}

/** The last part of a path is enough where no other ends in the same. */
function leavesView(leaves: readonly (readonly [string, string])[]): HTMLElement {
  const lastOf = (path: string): string => path.slice(path.lastIndexOf('.') + 1);
  const counts = Map.groupBy(leaves, ([path]) => lastOf(path));
  return h(
    'dl',
    {},
    leaves.flatMap(([path, leaf]) => {
      const label = counts.get(lastOf(path))?.length === 1 ? lastOf(path) : path;
      return [h('dt', { title: path }, label), h('dd', {}, scalar(leaf))];
    }),
  );
}

function entryView(entry: Structure, at: number): HTMLElement {
  const member = NAMES.find((name) => typeof entry[name] === 'string');
  const { [member ?? '']: name, ...rest } = entry;
  return h('div', {}, h('h3', {}, member ? String(name) : `${at + 1}`), valueView(rest));
}

/** Every value in it with its path; what is empty says nothing and is left out. */
export function leavesOf(value: unknown, path = ''): [string, string][] {
  if (value === undefined || value === null || value === '') return [];
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object'))
    return value.length > 0 ? [[path, value.join(' ')]] : [];
  if (typeof value !== 'object') return [[path, String(value)]];
  const prefix = path === '' ? '' : `${path}.`;
  return Object.entries(value).flatMap(([name, inner]) => leavesOf(inner, `${prefix}${name}`));
}

const scalar = (text: string): HTMLElement | string =>
  /^(arn:|s3:\/\/)/.test(text) ? copyable(text) : text.includes('\n') ? h('pre', { class: 'plain' }, text) : text;

type Structure = Record<string, unknown>;

const isEntries = (value: unknown): value is Structure[] => Array.isArray(value) && value.length > 0 && value.every(isObject);
const isObject = (value: unknown): value is Structure => typeof value === 'object' && value !== null && !Array.isArray(value);
