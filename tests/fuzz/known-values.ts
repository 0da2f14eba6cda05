import { pickFrom, type Random } from '../../src/contract/generate-text.ts';

/** Values kept of one name; the oldest go first. */
const KEPT_MAX = 40;

/**
 * What earlier requests and answers named: names, ARNs, ids, tokens, by service and member. Later requests take them up, so that they
 * reach what exists.
 */
export class KnownValues {
  readonly #byName = new Map<string, string[]>();
  readonly #arns = new Map<string, string[]>();
  readonly #spared: ReadonlySet<string>;
  readonly #lasting: ReadonlySet<string>;

  /**
   * `spared` are never kept: without them no further request would be let in. `of`: what is known already, and is to last: requests that
   * remove something do not name it.
   */
  constructor(spared: ReadonlySet<string>, of?: KnownValues) {
    this.#spared = spared;
    this.#lasting = new Set(of && [...of.#byName.values()].flat());
    if (!of) return;
    for (const [name, values] of of.#byName) this.#byName.set(name, [...values]);
    for (const [prefix, values] of of.#arns) this.#arns.set(prefix, [...values]);
  }

  /** Keeps every text member of an input or answer. */
  harvest(prefix: string, value: unknown, member = ''): void {
    if (typeof value === 'string') {
      this.#keep(prefix, member, value);
      if (value.startsWith('{"') && member === 'Body') this.#harvestText(prefix, value);
    } else if (Array.isArray(value)) for (const item of value.slice(0, 20)) this.harvest(prefix, item, member);
    else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      for (const [name, item] of Object.entries(value)) this.harvest(prefix, item, name);
    }
  }

  /** A message that is JSON itself, such as the one by which a pipeline asks for an answer. */
  #harvestText(prefix: string, text: string): void {
    try {
      this.harvest(prefix, JSON.parse(text));
    } catch {
      // only began like JSON
    }
  }

  /** Elements of an XML answer: those that hold only text. */
  harvestXml(prefix: string, text: string): void {
    for (const [, name = '', value = ''] of text.slice(0, 20_000).matchAll(/<([A-Za-z]+)>([^<]{1,1000})<\/\1>/g)) {
      this.#keep(prefix, name, value);
    }
  }

  #keep(prefix: string, member: string, value: string): void {
    if (value === '' || value.length > 2000 || this.#spared.has(value)) return;
    if ([...this.#spared].some((spared) => value.endsWith(`/${spared}`))) return;
    this.#push(listOf(this.#byName, nameOf(prefix, member)), value);
    if (value.startsWith('arn:')) this.#push(listOf(this.#arns, prefix), value);
  }

  #push(list: string[], value: string): void {
    if (list.includes(value)) return;
    if (list.length >= KEPT_MAX) list.shift();
    list.push(value);
  }

  /** One that a member of this name had; for ARNs of whatever kind also any other ARN. */
  pick(prefix: string, member: string, random: Random, use: 'any' | 'removable' = 'any'): string | undefined {
    const value = this.#pick(prefix, member, random);
    return value !== undefined && use === 'removable' && this.#lasting.has(value) ? undefined : value;
  }

  #pick(prefix: string, member: string, random: Random): string | undefined {
    const own = this.#byName.get(nameOf(prefix, member)) ?? [];
    const wantsArn = /arn$|^resource/i.test(member);
    const choice = random();
    if (wantsArn && (own.length === 0 || choice < 0.2)) {
      const owner = choice < 0.1 ? pickFrom([...this.#arns.keys()], random) : prefix;
      return pickFrom(this.#arns.get(owner ?? prefix) ?? [], random);
    }
    // the newest are the likeliest not to be gone
    return random() < 0.5 ? own[own.length - 1 - Math.floor(random() * Math.min(4, own.length))] : pickFrom(own, random);
  }

  /** What an operation has removed is named no more, as far as it does not last. */
  forget(prefix: string, input: object): void {
    for (const [member, value] of Object.entries(input)) {
      if (typeof value !== 'string' || this.#lasting.has(value)) continue;
      const list = this.#byName.get(nameOf(prefix, member));
      const at = list?.indexOf(value) ?? -1;
      if (at >= 0) list?.splice(at, 1);
    }
  }
}

function listOf(lists: Map<string, string[]>, name: string): string[] {
  let list = lists.get(name);
  if (!list) {
    list = [];
    lists.set(name, list);
  }
  return list;
}

/** Members that name the same under another name. */
const SAME: Readonly<Record<string, string>> = {
  'secretsmanager:secretid': 'secretsmanager:name',
  'ssm:resourceid': 'ssm:name',
  'ecr:digest': 'ecr:imagedigest',
  'ecr:layerdigests': 'ecr:layerdigest',
  'iam:policysourcearn': 'iam:arn',
  'iam:policyarn': 'iam:arn',
  'sagemaker:modelpackagename': 'sagemaker:modelpackagearn',
  'sagemaker:modelpackagearnlist': 'sagemaker:modelpackagearn',
  'lambda:functionarn': 'lambda:functionname',
  'sagemaker:callbacktoken': 'sqs:token',
  'logs:loggroupidentifier': 'logs:loggroupname',
  's3:uploadidmarker': 's3:uploadid',
  'codecommit:parentcommitid': 'codecommit:commitid',
  'codecommit:beforecommitid': 'codecommit:commitid',
  'codebuild:projectname': 'codebuild:name',
  'codepipeline:pipelinename': 'codepipeline:name',
  'events:rule': 'events:name',
  'events:eventbusname': 'events:name',
  'scheduler:groupname': 'scheduler:name',
  'sns:label': 'sns:sid',
};

/** `FunctionName`, `functionName`, `PipelineNames` and `QueueUrl` of a service, each under one name. */
function nameOf(prefix: string, member: string): string {
  const plain = plainName(prefix, member);
  return SAME[plain] ?? plain;
}

const plainName = (prefix: string, member: string): string =>
  `${prefix}:${member
    .toLowerCase()
    .replace(/^(source|target|destination|old|new|copysource)(?=.)/, '')
    .replace(/(?<=name|arn|id|url)s$/, '')}`;
