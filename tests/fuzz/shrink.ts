import type { FuzzRequest } from './fuzz-request.ts';

const TRIES_MAX = 300;

/**
 * The same request with as few members in its JSON body and as few headers as still fail. Best effort: what failed only because of what
 * came before does not fail again, and stays as it was.
 */
export async function shrink(request: FuzzRequest, fails: (request: FuzzRequest) => Promise<boolean>): Promise<FuzzRequest> {
  if (!(await fails(request))) return request;
  let smallest = request;
  let tries = 0;
  for (let changed = true; changed && tries < TRIES_MAX; ) {
    changed = false;
    for (const smaller of smallerOnes(smallest)) {
      tries += 1;
      if (tries > TRIES_MAX) break;
      if (!(await fails(smaller))) continue;
      smallest = smaller;
      changed = true;
      break;
    }
  }
  return smallest;
}

function* smallerOnes(request: FuzzRequest): Generator<FuzzRequest> {
  for (const name of Object.keys(request.headers)) {
    if (/^(content-type|x-amz-target)$/.test(name)) continue;
    yield { ...request, headers: Object.fromEntries(Object.entries(request.headers).filter(([key]) => key !== name)) };
  }
  let tree: unknown;
  try {
    tree = JSON.parse(Buffer.from(request.body).toString('utf8'));
  } catch {
    return; // no JSON: left as it is
  }
  for (const smaller of withoutOne(tree)) yield { ...request, body: Buffer.from(JSON.stringify(smaller)) };
}

/** The tree without one of its members or elements, from the outside to the inside. */
function* withoutOne(tree: unknown): Generator<unknown> {
  if (Array.isArray(tree)) {
    for (const i of tree.keys()) yield tree.filter((_, at) => at !== i);
    for (const [i, item] of tree.entries()) for (const smaller of withoutOne(item)) yield tree.with(i, smaller);
  } else if (typeof tree === 'object' && tree !== null) {
    const entries = Object.entries(tree);
    for (const [name] of entries) yield Object.fromEntries(entries.filter(([key]) => key !== name));
    for (const [name, item] of entries) for (const smaller of withoutOne(item)) yield { ...tree, [name]: smaller };
  }
}
