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
/** While all models are answering, one more waits so long for room. */
const ROOM_TIMEOUT_MS = 60_000;
/** So often a container may have lost a model that it had just loaded. */
const LOST_MAX = 3;
const EMPTY = Buffer.alloc(0);

/** Containers get names that are plain, whatever the key is. */
const nameOf = (model: string): string => createHash('sha256').update(model).digest('hex').slice(0, 32);

type Loaded =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'fault'; readonly fault: RuntimeFault }
  | { readonly kind: 'refused' };

/**
 * What an instance has loaded, as far as this router caused it: a restart of either only makes it be asked again. Models are told apart by
 * container and name (`cacheKey`).
 */
export class ModelCache {
  /** The one used last is the last. */
  readonly #loaded = new Map<string, { inFlight: number }>();
  readonly #loading = new Map<string, Promise<Loaded>>();
  /** On their way out, files and all: asked for again, they come back only afterwards. */
  readonly #unloading = new Map<string, Promise<void>>();
  #waiting: (() => void)[] = [];

  has(model: string): boolean {
    return this.#loaded.has(model) || this.#loading.has(model);
  }

  /** However many ask at once, a model is loaded once. */
  ensure(model: string, load: () => Promise<Loaded>): Promise<Loaded> {
    if (this.#loaded.has(model)) return Promise.resolve({ kind: 'loaded' });
    const underWay = this.#loading.get(model);
    if (underWay) return underWay;
    const loading = (this.#unloading.get(model) ?? Promise.resolve())
      .then(load)
      .then((loaded) => {
        if (loaded.kind === 'loaded') this.#loaded.set(model, { inFlight: 0 });
        return loaded;
      })
      .finally(() => {
        this.#loading.delete(model);
        this.#tellWaiting();
      });
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
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const tell of waiting) tell();
  }

  /**
   * For a load that found no room: resolves true when a model that was answering is through, or another load. False when there is nothing to
   * wait for, or after `timeoutMs`.
   */
  someEnd(place: number, timeoutMs: number): Promise<boolean> {
    const loads = [...this.#loaded].filter(([key]) => key.startsWith(`${place}/`)).map(([, load]) => load);
    if (loads.some(({ inFlight }) => inFlight === 0)) return Promise.resolve(true); // since it looked
    const isAnswering = loads.length > 0;
    const isLoading = this.#loading.size - this.#waiting.length > 1; // besides this one and those that wait as it does
    if (!isAnswering && !isLoading) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** Loaded, or about to be. */
  knownIn(place: number): string[] {
    return [...this.#loaded.keys(), ...this.#loading.keys()]
      .filter((key) => key.startsWith(`${place}/`))
      .map((key) => key.slice(key.indexOf('/') + 1));
  }

  forget(model: string): void {
    this.#loaded.delete(model);
  }

  /** Unloads by `unload` the model of the container that was used least recently and answers nothing now; undefined when there is none. */
  unloadLeastUsed<R>(place: number, unload: (model: string) => Promise<R>): Promise<R> | undefined {
    for (const [key, { inFlight }] of this.#loaded) {
      if (inFlight > 0 || !key.startsWith(`${place}/`)) continue;
      this.#loaded.delete(key);
      const unloaded = unload(key.slice(key.indexOf('/') + 1));
      const over = unloaded.then(
        () => {},
        () => {},
      );
      this.#unloading.set(key, over);
      void over.then(() => this.#unloading.delete(key));
      return unloaded;
    }
    return undefined;
  }
}

export const cacheKey = (place: number, model: string): string => `${place}/${model}`;

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
  const key = cacheKey(aim.place, model);
  for (let tries = 1; ; tries += 1) {
    const loaded = await inTime(
      models.ensure(key, () => load(aim)),
      asked,
    );
    if (loaded === 'late') return { kind: 'fault', fault: modelNotReady(`The model ${model} is still being loaded. Try again.`) };
    if (loaded.kind === 'fault') return loaded;
    if (loaded.kind === 'refused') return { kind: 'refused', container };
    models.begin(key);
    const outcome = await exchange(aim.upstream, { ...asked, path: `/models/${nameOf(model)}/invoke` });
    if (outcome.kind !== 'answered') {
      models.end(key);
      models.forget(key); // the container may have lost it with its process
      return { container, ...outcome };
    }
    outcome.answer.onEnd(() => models.end(key));
    if (outcome.answer.status !== 404 || tries === LOST_MAX) return { container, ...outcome };
    outcome.answer.destroy();
    models.forget(key); // it was started again since, or has unloaded it by itself
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
    if ((await unloadOne(aim)) || (await instance.models.someEnd(place, ROOM_TIMEOUT_MS))) continue;
    return { kind: 'fault', fault: modelNotReady(`There is no memory for the model ${model}: ${text}`) };
  }
}

/** Unloads the model that was used least recently; false when all are busy, or there is none. */
async function unloadOne(aim: ModelAim): Promise<boolean> {
  const unloaded = aim.instance.models.unloadLeastUsed(aim.place, async (model) => {
    if (!(await unload(aim, nameOf(model)))) return false;
    const { account, region, name } = aim.entry.route;
    await aim.server.dropModel({ endpoint: { account, region, name }, instance: aim.instance.id, container: aim.place, model });
    return true;
  });
  if (unloaded) return unloaded;
  const unknown = await anyUnknown(aim);
  return unknown !== undefined && unload(aim, unknown);
}

async function unload(aim: ModelAim, name: string): Promise<boolean> {
  const outcome = await manage(aim, { method: 'DELETE', path: `/models/${name}`, body: EMPTY });
  if (outcome.kind !== 'answered') return false;
  await errorText(outcome.answer); // read, so that the connection can be used again
  return outcome.answer.isSuccess || outcome.answer.status === 404;
}

/** A model that the container has and this router knows nothing of: it was loaded before the router's own start. */
async function anyUnknown(aim: ModelAim): Promise<string | undefined> {
  const outcome = await manage(aim, { method: 'GET', path: '/models', body: EMPTY });
  if (outcome.kind !== 'answered' || !outcome.answer.isSuccess) return undefined;
  const known = new Set(aim.instance.models.knownIn(aim.place).map(nameOf));
  const listed = (await errorText(outcome.answer)).matchAll(/"modelName"\s*:\s*"([A-Za-z0-9._-]{1,200})"/g);
  return [...listed].map(([, name = '']) => name).find((name) => !known.has(name));
}

function manage(
  { upstream }: ModelAim,
  { method, path, body }: { readonly method: 'GET' | 'POST' | 'DELETE'; readonly path: string; readonly body: Buffer },
): Promise<Outcome> {
  const headers: Record<string, string> = method === 'POST' ? { 'content-type': 'application/json' } : {};
  return exchange(upstream, { method, path, headers, body, deadlineMs: Date.now() + LOAD_TIMEOUT_MS, client: new Client() });
}
