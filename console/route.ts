/** What the address says is shown: the page, what it is about, and what is chosen on it. */
export interface Route {
  readonly page: string;
  readonly argument: string;
  readonly choices: Readonly<Record<string, string>>;
}

/** Reads `#/page/argument?choice=value`; the argument may hold `/` and `:`, as ARNs do. */
export function parseRoute(hash: string): Route {
  const [, page = '', argument = '', query = ''] = /^#\/([^/?]*)\/?([^?]*)\??(.*)$/.exec(hash) ?? [];
  return { page, argument: decoded(argument), choices: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a page, for anchors. */
export function linkTo(page: string, argument = '', choices: Readonly<Record<string, string | undefined>> = {}): string {
  const path = argument ? `/${encodeURIComponent(argument).replaceAll('%2F', '/').replaceAll('%3A', ':')}` : '';
  const given = Object.entries(choices).filter((choice): choice is [string, string] => Boolean(choice[1]));
  return `#/${page}${path}${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`;
}

export const executionLink = (arn: string, choices: Readonly<Record<string, string | undefined>> = {}): string =>
  linkTo('execution', arn, choices);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}
