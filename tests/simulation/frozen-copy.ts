/** Copies that are frozen already, all the way down: a part of a stored document is shared by the next version, not copied. */
const frozen = new WeakSet<object>();

/**
 * What JSON would keep of a value (absent members go, what JSON cannot say becomes null), frozen to the bottom: whoever
 * changes a row that was read fails at that line, and whoever changes what was handed over changes nothing stored.
 */
export function frozenCopy<T>(value: T): T {
  return copyOf(value) as T;
}

/** What a JSON text says, frozen to the bottom. */
export function frozenJson(text: string): unknown {
  return freeze(JSON.parse(text));
}

/** Of values that nobody else has. */
function freeze(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) for (const item of value) freeze(item);
  else for (const member in value) freeze((value as { readonly [member: string]: unknown })[member]);
  frozen.add(Object.freeze(value));
  return value;
}

function copyOf(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : null;
  if (value === null || typeof value !== 'object') return value;
  if (frozen.has(value)) return value;
  const copy = Array.isArray(value) ? copyOfList(value) : copyOfMembers(value as { readonly [member: string]: unknown });
  Object.freeze(copy);
  frozen.add(copy);
  return copy;
}

const copyOfList = (list: readonly unknown[]): unknown[] => list.map((item) => (item === undefined ? null : copyOf(item)));

function copyOfMembers(members: { readonly [member: string]: unknown }): object {
  const copy: { [member: string]: unknown } = {};
  for (const member of Object.keys(members)) {
    const item = members[member];
    if (item === undefined) continue;
    if (typeof item === 'string' && member !== '__proto__') {
      copy[member] = item;
      continue;
    }
    // an assignment would set the prototype
    if (member === '__proto__') Object.defineProperty(copy, member, { value: copyOf(item), enumerable: true });
    else copy[member] = copyOf(item);
  }
  return copy;
}
