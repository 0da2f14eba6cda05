import { createHash } from 'node:crypto';
import { modelError, modelNotReady, type RuntimeFault } from './answer.ts';
import type { Attempt, Place } from './attempt.ts';
import { Client, exchange, type ModelRequest, type Outcome } from './exchange.ts';
import type { Instance } from './instance.ts';
import type { ModelAnswer } from './model-answer.ts';
import { errorText } from './relay.ts';
import type { Upstream } from './upstream.ts';

/** One multi-model container of one instance, and which of its models is meant. */
export interface ModelAim extends Place {
  readonly instance: Instance;
  readonly upstream: Upstream;
  readonly container: string;
  readonly place: number;
  /** As the request names it: a key below the model's S3 prefix. */
  readonly model: string;
}

/** A container may take as long as a start to load a model; who waits for it gives up earlier. */
const LOAD_TIMEOUT_MS = 10 * 60_000;
const EMPTY = Buffer.alloc(0);

/** Containers get names that are plain, whatever the key is. */
const nameOf = (model: string): string => createHash('sha256').update(model).digest('hex').slice(0, 32);

type Loaded =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'fault'; readonly fault: RuntimeFault }
  | { readonly kind: 'refused' };

/** What an instance has loaded, as far as this router caused it: a restart of either only makes it be asked again. */
export class ModelCache {
  /** The one used last is the last. */
  readonly #loaded = new Map<string, { inFlight: number }>();
  readonly #loading = new Map<string, Promise<Loaded>>();

  has(model: string): boolean {
    return this.#loaded.has(model) || this.#loading.has(model);
  }

  /** However many ask at once, a model is loaded once. */
  ensure(model: string, load: () => Promise<Loaded>): Promise<Loaded> {
    if (this.#loaded.has(model)) return Promise.resolve({ kind: 'loaded' });
    const underWay = this.#loading.get(model);
    if (underWay) return underWay;
    const loading = load()
      .then((loaded) => {
        if (loaded.kind === 'loaded') this.#loaded.set(model, { inFlight: 0 });
        return loaded;
      })
      .finally(() => this.#loading.delete(model));
    this.#loading.set(model, loading);
    return loading;
  }

  begin(model: string): void {
    const entry = this.#loaded.get(model) ?? { inFlight: 0 };
    entry.inFlight += 1;
    this.#loaded.delete(model);
    this.#loaded.set(model, entry);
  }

  end(model: string): void {
    const entry = this.#loaded.get(model);
    if (entry) entry.inFlight -= 1;
  }

  forget(model: string): void {
    this.#loaded.delete(model);
  }

  /** The model that was used least recently and answers nothing now. */
  leastUsed(): string | undefined {
    for (const [model, { inFlight }] of this.#loaded) if (inFlight === 0) return model;
    return undefined;
  }
}

/** Loads the model if need be, and asks it. */
export async function askModel(
  aim: ModelAim,
  asked: ModelRequest,
): Promise<
  | { readonly kind: 'answered'; readonly container: string; readonly answer: ModelAnswer }
  | Exclude<Attempt, { readonly kind: 'answered' }>
> {
  const { models } = aim.instance;
  const { container, model } = aim;
  for (let isFirst = true; ; isFirst = false) {
    const loaded = await inTime(
      models.ensure(model, () => load(aim)),
      asked,
    );
    if (loaded === 'late') return { kind: 'fault', fault: modelNotReady(`The model ${model} is still being loaded. Try again.`) };
    if (loaded.kind === 'fault') return loaded;
    if (loaded.kind === 'refused') return { kind: 'refused', container };
    models.begin(model);
    const outcome = await exchange(aim.upstream, { ...asked, path: `/models/${nameOf(model)}/invoke` });
    if (outcome.kind !== 'answered') {
      models.end(model);
      models.forget(model); // the container may have lost it with its process
      return { container, ...outcome };
    }
    outcome.answer.onEnd(() => models.end(model));
    if (outcome.answer.status !== 404 || !isFirst) return { container, ...outcome };
    outcome.answer.destroy();
    models.forget(model); // it was started again since, or has unloaded it by itself
  }
}

async function inTime(loading: Promise<Loaded>, { deadlineMs }: ModelRequest): Promise<Loaded | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), Math.max(0, deadlineMs - Date.now()));
  });
  try {
    return await Promise.race([loading, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Has the files placed, and the container load them; for want of memory it unloads others first. */
async function load(aim: ModelAim): Promise<Loaded> {
  const { entry, server, instance, place, model, container } = aim;
  const { account, region, name } = entry.route;
  const modelPlace = { endpoint: { account, region, name }, instance: instance.id, container: place, model };
  const placed = await server.placeModel(modelPlace);
  if ('fault' in placed) return { kind: 'fault', fault: placed.fault };
  for (;;) {
    const body = Buffer.from(JSON.stringify({ model_name: nameOf(model), url: placed.folder }));
    const outcome = await manage(aim, { method: 'POST', path: '/models', body });
    if (outcome.kind !== 'answered') return { kind: 'refused' };
    const { status } = outcome.answer;
    const text = await errorText(outcome.answer);
    if (outcome.answer.isSuccess || status === 409) return { kind: 'loaded' };
    if (status !== 507) {
      return { kind: 'fault', fault: modelError({ account, region, endpoint: name }, container, status, text) };
    }
    if (!(await unloadOne(aim)))
      return {
        kind: 'fault',
        fault: modelNotReady(`There is no memory for the model ${model} while others are answering. ${text}`),
      };
  }
}

/** Unloads the model that was used least recently; false when all are busy, or there is none. */
async function unloadOne(aim: ModelAim): Promise<boolean> {
  const { models } = aim.instance;
  const known = models.leastUsed();
  const name = known === undefined ? await anyLoaded(aim) : nameOf(known);
  if (name === undefined) return false;
  if (known !== undefined) models.forget(known);
  const outcome = await manage(aim, { method: 'DELETE', path: `/models/${name}`, body: EMPTY });
  if (outcome.kind !== 'answered') return false;
  await errorText(outcome.answer); // read, so that the connection can be used again
  if (known !== undefined) {
    const { account, region, name: endpoint } = aim.entry.route;
    const place = {
      endpoint: { account, region, name: endpoint },
      instance: aim.instance.id,
      container: aim.place,
      model: known,
    };
    void aim.server.dropModel(place);
  }
  return outcome.answer.isSuccess || outcome.answer.status === 404;
}

/** A model that the container has and this router knows nothing of: it was loaded before the router's own start. */
async function anyLoaded(aim: ModelAim): Promise<string | undefined> {
  const outcome = await manage(aim, { method: 'GET', path: '/models', body: EMPTY });
  if (outcome.kind !== 'answered' || !outcome.answer.isSuccess) return undefined;
  const text = await errorText(outcome.answer);
  const found = /"modelName"\s*:\s*"([A-Za-z0-9._-]{1,200})"/.exec(text)?.[1];
  return found;
}

function manage(
  { upstream }: ModelAim,
  { method, path, body }: { readonly method: 'GET' | 'POST' | 'DELETE'; readonly path: string; readonly body: Buffer },
): Promise<Outcome> {
  const headers: Record<string, string> = method === 'POST' ? { 'content-type': 'application/json' } : {};
  return exchange(upstream, { method, path, headers, body, deadlineMs: Date.now() + LOAD_TIMEOUT_MS, client: new Client() });
}
