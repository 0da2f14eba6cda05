import { createHash } from 'node:crypto';
import { invariant, ServiceError } from '../../platform/errors/families.ts';
import type { Place } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';
import type { CheckOptions, Graph, ParameterDefinition, PipelineDefinition, Problem } from '../../../sdk/definition/index.ts';
import { parametersOf, parseDefinition, unsupportedSteps } from '../../../sdk/definition/index.ts';
import { type DefinitionDocument, definitionKey } from './resources.ts';

/** A definition ready to be executed. */
export interface Compiled {
  readonly definition: PipelineDefinition;
  readonly graph: Graph;
  readonly parameters: ReadonlyMap<string, ParameterDefinition>;
  /** Steps whose properties or property files others read: only their documents are kept at hand. */
  readonly referenced: ReadonlySet<number>;
}

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const PROBLEMS_SHOWN = 50;

/** Parses and checks the text of a definition that someone wants to store; throws a ValidationException that names every problem. */
export function compileDefinition(text: string, options: CheckOptions): Compiled {
  const parsed = parseDefinition(text, options);
  if (parsed.problems) throw refusal('Unable to parse pipeline definition.', parsed.problems);
  const unsupported = unsupportedSteps(parsed.graph);
  if (unsupported.length > 0) throw refusal('The pipeline definition cannot be executed here.', unsupported);
  return compiled(parsed.definition, parsed.graph);
}

function refusal(headline: string, problems: readonly Problem[]): ServiceError {
  const lines = problems.slice(0, PROBLEMS_SHOWN).map(({ path, step, message }) => {
    const where = step === undefined ? path : `${path} (step '${step}')`;
    return where === '' ? message : `${where}: ${message}`;
  });
  const more = problems.length > lines.length ? [`and ${problems.length - lines.length} more.`] : [];
  return new ServiceError('ValidationException', [headline, ...lines, ...more].join('\n'));
}

function compiled(definition: PipelineDefinition, graph: Graph): Compiled {
  const referenced = new Set<number>();
  for (const { dependencies } of graph.steps) for (const { on, reads } of dependencies) if (reads) referenced.add(on);
  return { definition, graph, parameters: parametersOf(definition), referenced };
}

const KEPT = 32;

/** Stored definitions, parsed; the last few are kept, since executions of one pipeline share theirs. */
export class Definitions {
  readonly #store: Store;
  readonly #kept = new Map<string, Compiled>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Definitions go with the last pipeline that has them: a caller that read the pipeline just before is told so. */
  async text(place: Place, digest: string): Promise<string> {
    const row = await this.#store.get<DefinitionDocument>(definitionKey(place, digest));
    if (!row) throw new ServiceError('ResourceNotFound', 'The pipeline was deleted meanwhile, and its definition with it.');
    return row.document.text;
  }

  async compiled(place: Place, digest: string): Promise<Compiled> {
    const id = `${place.account}|${place.region}|${digest}`;
    const known = this.#kept.get(id);
    if (known) {
      this.#kept.delete(id);
      this.#kept.set(id, known);
      return known;
    }
    const parsed = parseDefinition(await this.text(place, digest));
    invariant(parsed.graph, 'a stored definition parses', { digest });
    const made = compiled(parsed.definition, parsed.graph);
    this.#kept.set(id, made);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return made;
  }
}
