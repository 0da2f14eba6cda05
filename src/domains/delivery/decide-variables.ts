/** A reference to a variable, `#{namespace.key}`; the pattern is the user guide's. */
const REFERENCE = /#\{([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_]+)\}/g;
const LOOKS_LIKE_ONE = /#\{([^}]*)\}/g;

export interface Reference {
  readonly namespace: string;
  readonly key: string;
}

export const referencesIn = (text: string): Reference[] =>
  [...text.matchAll(REFERENCE)].map(([, namespace = '', key = '']) => ({ namespace, key }));

/** What stands in `#{…}` and is no reference. */
export const brokenReferencesIn = (text: string): string[] =>
  [...text.matchAll(LOOKS_LIKE_ONE)].map(([whole]) => whole).filter((whole) => referencesIn(whole).length === 0);

/** Settings whose value is JSON. */
const JSON_SETTINGS: ReadonlySet<string> = new Set(['EnvironmentVariables', 'PipelineParameters']);

export type Namespaces = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** A configuration with its references replaced, or which of them has no value. */
export function resolveConfiguration(
  configuration: Readonly<Record<string, string>>,
  namespaces: Namespaces,
): { readonly resolved?: { [key: string]: string }; readonly unresolved?: string } {
  const resolved: { [key: string]: string } = {};
  for (const [name, value] of Object.entries(configuration)) {
    for (const { namespace, key } of referencesIn(value)) {
      if (variableOf(namespaces, namespace, key) === undefined) return { unresolved: `#{${namespace}.${key}}` };
    }
    // within JSON a value must not end the text it stands in: messages of commits hold quotes and line ends
    const isText = JSON_SETTINGS.has(name) && !/^#\{[^}]*\}$/.test(value.trim());
    resolved[name] = value.replaceAll(REFERENCE, (_whole, namespace: string, key: string) => {
      const given = String(variableOf(namespaces, namespace, key));
      return isText ? JSON.stringify(given).slice(1, -1) : given;
    });
  }
  return { resolved };
}

function variableOf(namespaces: Namespaces, namespace: string, key: string): string | undefined {
  const values = namespaces.get(namespace);
  return values && Object.hasOwn(values, key) ? values[key] : undefined;
}
