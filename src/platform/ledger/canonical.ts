/**
 * JSON with one spelling per value (as in RFC 8785): members sorted by UTF-16 code units, no spaces, absent members left
 * out. Hashes are taken over this form, so that the order in which a program builds an object does not matter.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = value as { readonly [member: string]: unknown };
  let text = '';
  for (const member of Object.keys(members).sort()) {
    if (members[member] === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(member)}:${canonicalJson(members[member])}`;
  }
  return `{${text}}`;
}
