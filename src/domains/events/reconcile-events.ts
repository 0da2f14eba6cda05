import { ownEntry } from '../../platform/ledger/entry-of.ts';
import type { LedgerInput } from '../../platform/ledger/entry.ts';
import type { StoredEvent } from '../../platform/events/event.ts';
import { isRejection } from '../../platform/errors/rejection.ts';
import { type CauseDocument, causeKey } from '../../platform/notices.ts';
import type { ReconcileResult, Reconciler } from '../../platform/reconcile/port.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { type Place, placeOf } from '../../platform/resources/declaration.ts';
import type { Commit, Store, TimerChange, Write } from '../../platform/store/port.ts';
import { listRows, type Read, readRow } from '../../platform/store/typed-rows.ts';
import { parsePattern } from '../../platform/patterns/decide-pattern.ts';
import { compileRules, type RuleIndex } from './decide-rule-index.ts';
import { busEvent, type BusEvent } from './event-document.ts';
import type { EventsPorts } from './ports.ts';
import { type CursorDocument, cursorKey, EVENT_MATCHING, RULE, type RuleDocument } from './resources.ts';
import { circledLetters, type Delivery, noticesOf, NOTICES_LINE, STARTS_LINE } from './rule-notices.ts';

const EVENTS_PAGE = 200;
/** A commit holds no more notices than this, but for those of one event. */
const NOTICES_PER_COMMIT = 500;
const NOTICES_WAITING_MAX = 5_000;
const LOOK_AGAIN_MS = 50;
/** An event that so many rules in a row passed on goes round in a circle. AWS does not bound it. */
export const HOPS_MAX = 16;

/** The enabled rules with a pattern of one region, by bus. */
interface Rules {
  readonly buses: ReadonlyMap<string, RuleIndex<RuleDocument>>;
  /** No rule sees an event of this sequence or before. */
  readonly afterSequence: number;
}

/**
 * Holds committed events against rules, in their order. The cursor moves in the commit that writes the notices of what it moved over: each
 * event meets each rule once, whenever the server dies. Rules are a projection in memory, read again when one changed.
 */
export class EventMatcher implements Reconciler {
  readonly name = EVENT_MATCHING;
  readonly #ports: EventsPorts;
  /** Regions that ever had a rule, by the text of their place; undefined: to be read again. */
  readonly #regions = new Map<string, { readonly key: ResourceKey; rules: Rules | undefined }>();

  constructor(ports: EventsPorts) {
    this.#ports = ports;
    ports.store.onCommitted((commit) => this.#onCommitted(commit));
  }

  /** Costs nothing without rules: what has none is not woken. */
  #onCommitted({ write = [], remove = [], events = [] }: Commit): void {
    for (const key of [...write.map((one) => one.key), ...remove]) {
      if (key.kind !== RULE.kind) continue;
      const region = this.#regions.get(placeText(key));
      if (region) region.rules = undefined;
    }
    if (events.length === 0) return;
    for (const { key, rules } of this.#regions.values()) {
      if (rules?.buses.size !== 0 && events.some((event) => mayMeet(event, key))) this.#ports.loop.wake(EVENT_MATCHING, key);
    }
  }

  async reconcile(key: ResourceKey): Promise<ReconcileResult> {
    const { store } = this.#ports;
    const place = placeOf(key);
    const cursor = await readRow<CursorDocument>(store, cursorKey(place));
    if (!cursor) return undefined;
    const region = this.#regionOf(key);
    for (let at = cursor; ; ) {
      const waiting = await waitingNotices(store, place);
      if (waiting > NOTICES_WAITING_MAX) return { retryAtMs: this.#ports.clock.now() + LOOK_AGAIN_MS };
      const known = region.rules ?? (await this.#readRules(region, place));
      if (known.buses.size === 0) return undefined;
      const afterSequence = Math.max(at.document.sequence, known.afterSequence);
      const events = await store.events({ afterSequence, limit: EVENTS_PAGE });
      // a rule that was put before one of these events was committed is seen with it
      const rules = region.rules ?? (await this.#readRules(region, place));
      const last = events.at(-1);
      if (!last) return undefined;
      const hits = hitsOf(place, rules, events);
      const traced = await traceHits(store, place, hits);
      if (traced === 'unknown') return { retryAtMs: this.#ports.clock.now() + LOOK_AGAIN_MS };
      const matched = deliveriesOf(place, traced.hits, traced.lastSequence ?? last.sequence, this.#ports.clock.now());
      const next = await this.#commit(at, matched);
      if (!next) return { retryAtMs: this.#ports.clock.now() }; // another look tells what stands
      if (events.length < EVENTS_PAGE && matched.sequence === last.sequence) return undefined;
      at = next;
    }
  }

  #regionOf(key: ResourceKey) {
    const id = placeText(key);
    let region = this.#regions.get(id);
    if (!region) {
      region = { key, rules: undefined };
      this.#regions.set(id, region);
    }
    return region;
  }

  async #readRules(region: { rules: Rules | undefined }, place: Place): Promise<Rules> {
    for (;;) {
      // put in place before reading: a change meanwhile takes it out again
      const marker: Rules = { buses: new Map(), afterSequence: 0 };
      region.rules = marker;
      let rules: Rules | undefined;
      try {
        rules = await readRules(this.#ports.store, place);
      } finally {
        if (region.rules === marker) region.rules = rules;
      }
      if (rules && region.rules === rules) return rules;
    }
  }

  async #commit(
    { key, version, index }: Read<CursorDocument>,
    { sequence, deliveries, ledger }: Matched,
  ): Promise<Read<CursorDocument> | undefined> {
    const document: CursorDocument = { sequence };
    const modified = { ...index, modifiedAtMs: this.#ports.clock.now() };
    const write: Write[] = [{ key, document, index: modified }, ...deliveries.map((one) => one.write)];
    const timers: TimerChange[] = deliveries.map(({ timer }) => timer);
    const { outcome } = await this.#ports.store.commit({ expect: [{ key, version }], write, timers, ledger });
    return outcome === 'done' ? { key, version: version + 1, document, index: modified } : undefined;
  }
}

const placeText = ({ account, region }: Place): string => `${account}|${region}`;

const mayMeet = (event: { account: string; region: string; internal?: boolean }, { account, region }: Place): boolean =>
  event.internal !== true && event.account === account && event.region === region;

const countLine = (store: Store, place: Place, parent: string): Promise<number> =>
  store.count({ ...place, kind: 'Notice', parent, ordinalAbove: 0 });

async function waitingNotices(store: Store, place: Place): Promise<number> {
  const counts = await Promise.all([NOTICES_LINE, STARTS_LINE].map((line) => countLine(store, place, line)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function readRules(store: Store, place: Place): Promise<Rules> {
  const byBus = new Map<string, { rule: RuleDocument; pattern: Exclude<ReturnType<typeof parsePattern>, { code: string }> }[]>();
  let afterSequence = Infinity;
  let after: Awaited<ReturnType<typeof listRows>>['next'];
  do {
    const page = await listRows<RuleDocument>(store, {
      ...place,
      kind: RULE.kind,
      status: 'ENABLED',
      sortBy: 'name',
      order: 'ascending',
      limit: 500,
      ...(after && { after }),
    });
    for (const { document: rule } of page.rows) {
      const pattern = rule.pattern === undefined ? undefined : parsePattern(rule.pattern);
      if (!pattern || isRejection(pattern)) continue;
      byBus.set(rule.bus, [...(byBus.get(rule.bus) ?? []), { rule, pattern }]);
      afterSequence = Math.min(afterSequence, rule.afterSequence);
    }
    after = page.next;
  } while (after);
  const buses = new Map([...byBus].map(([bus, rules]) => [bus, compileRules(rules)]));
  return { buses, afterSequence: Number.isFinite(afterSequence) ? afterSequence : 0 };
}

/** An event that some rules see. */
interface Hit {
  readonly sequence: number;
  readonly event: BusEvent;
  readonly rules: readonly RuleDocument[];
  /** The work that the event tells of, where rules can start such. */
  readonly work?: string;
}

function hitsOf(place: Place, { buses }: Rules, events: readonly StoredEvent[]): Hit[] {
  const hits: Hit[] = [];
  for (const event of events) {
    if (!mayMeet(event, place)) continue;
    const met = busEvent(event);
    const rules = (buses.get(met.bus)?.matching(met.document) ?? []).filter((rule) => rule.afterSequence < event.sequence);
    if (rules.length === 0) continue;
    const work = event.put ? undefined : workOf(event);
    hits.push({ sequence: event.sequence, event: met, rules, ...(work !== undefined && { work }) });
  }
  return hits;
}

/** As the notice that started it knows it by the answer it got. */
function workOf({ source, detail }: StoredEvent): string | undefined {
  const member: Readonly<Record<string, string>> = {
    'aws.sagemaker': 'pipelineExecutionArn',
    'aws.codepipeline': 'execution-id',
    'aws.codebuild': 'build-id',
  };
  const id = detail[member[source] ?? ''];
  return typeof id === 'string' ? id : undefined;
}

/**
 * Events of works that rules started go on counting from there. While a start is under way its work is not known: what may be of it waits, and
 * with it all that came later (`lastSequence`), so that no circle is quicker than its count.
 */
async function traceHits(
  store: Store,
  place: Place,
  hits: readonly Hit[],
): Promise<{ readonly hits: readonly Hit[]; readonly lastSequence?: number } | 'unknown'> {
  const works = [...new Set(hits.flatMap(({ work }) => work ?? []))];
  if (works.length === 0) return { hits };
  // counted before it is looked for what they started: one that is taken in between is found
  const starts = await countLine(store, place, STARTS_LINE);
  const rows = await store.getMany<CauseDocument>(works.map((work) => causeKey(place, work)));
  const hopsOf = new Map(rows.map((row, nth) => [works[nth], row?.document.hops]));
  const known = hits.map((hit) => {
    const hops = hopsOf.get(hit.work);
    return hops === undefined ? hit : { ...hit, event: { ...hit.event, hops } };
  });
  const nth = starts === 0 ? -1 : hits.findIndex(({ work }) => work !== undefined && hopsOf.get(work) === undefined);
  if (nth < 0) return { hits: known };
  const waits = hits[nth] as Hit;
  return nth === 0 ? 'unknown' : { hits: known.slice(0, nth), lastSequence: waits.sequence - 1 };
}

interface Matched {
  /** Of the last event that was looked at. */
  readonly sequence: number;
  readonly deliveries: readonly Delivery[];
  readonly ledger: readonly LedgerInput[];
}

/** What hits lead to, up to `lastSequence` or as much as goes into one commit. */
function deliveriesOf(place: Place, hits: readonly Hit[], lastSequence: number, nowMs: number): Matched {
  const deliveries: Delivery[] = [];
  const ledger: LedgerInput[] = [];
  for (const { sequence, event, rules } of hits) {
    const circles = event.hops >= HOPS_MAX;
    if (circles) ledger.push(circled(place, event, rules, nowMs));
    for (const rule of rules) deliveries.push(...(circles ? circledLetters : noticesOf)(place, rule, event, nowMs));
    if (deliveries.length >= NOTICES_PER_COMMIT) return { sequence, deliveries, ledger };
  }
  return { sequence: lastSequence, deliveries, ledger };
}

const circled = (place: Place, event: BusEvent, rules: readonly RuleDocument[], nowMs: number): LedgerInput =>
  ownEntry('events', place, {
    timeMs: nowMs,
    action: 'slipway:Event.Circled',
    resources: rules.map(({ arn }) => arn),
    changes: undefined,
    reason: `Event ${String(event.document.id)} was passed on by ${event.hops} rules in a row and goes no further: rules and buses lead in a circle.`,
  });
