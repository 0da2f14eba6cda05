import { isConditionOperator, isOperand } from './conditions.ts';
import type { PolicyDocument } from './policy.ts';

/**
 * Untrusted text to a policy document. A policy that is only nearly understood must not be stored: what it denies could
 * be lost. Rejections are values; IAM's code for all of them is MalformedPolicyDocument.
 */
export type ParsedPolicy = { readonly document: PolicyDocument } | { readonly problem: string };

/** `identity` policies name resources, `trust` policies name principals. */
export type PolicyUse = 'identity' | 'trust';

type Fields = Record<string, unknown>;

export function parsePolicy(text: string, use: PolicyUse): ParsedPolicy {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { problem: 'This policy contains invalid Json' };
  }
  return checkPolicy(parsed, use);
}

export function checkPolicy(parsed: unknown, use: PolicyUse): ParsedPolicy {
  if (!isFields(parsed)) return { problem: 'Syntax errors in policy: the document must be a JSON object.' };
  const stray = Object.keys(parsed).find((key) => !['Version', 'Id', 'Statement'].includes(key));
  if (stray !== undefined) return { problem: `Syntax errors in policy: unknown member ${quote(stray)}.` };
  const version = parsed['Version'];
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') {
    return { problem: `The policy must contain a valid version string: 2012-10-17 or 2008-10-17, not ${quote(version)}.` };
  }
  if (parsed['Id'] !== undefined && typeof parsed['Id'] !== 'string')
    return { problem: 'Syntax errors in policy: Id must be a string.' };
  const statements = Array.isArray(parsed['Statement']) ? (parsed['Statement'] as unknown[]) : [parsed['Statement']];
  if (parsed['Statement'] === undefined || statements.length === 0)
    return { problem: 'Syntax errors in policy: missing required field Statement.' };
  const sids = new Set<unknown>();
  for (const [index, statement] of statements.entries()) {
    const problem = statementProblem(statement, use);
    if (problem !== undefined) return { problem: `Statement ${index + 1}: ${problem}` };
    const sid = (statement as Fields)['Sid'];
    if (sid && sids.has(sid)) return { problem: `Statement IDs (SID) in a single policy must be unique: ${quote(sid)}.` };
    sids.add(sid);
  }
  return { document: parsed as unknown as PolicyDocument };
}

const MEMBERS = ['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];

function statementProblem(statement: unknown, use: PolicyUse): string | undefined {
  if (!isFields(statement)) return 'Syntax errors in policy: a statement must be a JSON object.';
  const stray = Object.keys(statement).find((key) => !MEMBERS.includes(key));
  if (stray !== undefined) return `Syntax errors in policy: unknown member ${quote(stray)}.`;
  const { Effect: effect, Sid: sid } = statement;
  if (effect !== 'Allow' && effect !== 'Deny')
    return `Syntax errors in policy: Effect must be Allow or Deny, not ${quote(effect)}.`;
  if (sid !== undefined && typeof sid !== 'string') return 'Syntax errors in policy: Sid must be a string.';
  return (
    oneOfProblem(statement, 'Action', 'NotAction', actionProblem) ??
    (use === 'trust' ? trustProblem(statement) : identityProblem(statement)) ??
    conditionProblem(statement['Condition'])
  );
}

function identityProblem(statement: Fields): string | undefined {
  if (statement['Principal'] !== undefined || statement['NotPrincipal'] !== undefined)
    return 'Policy document should not specify a principal.';
  return oneOfProblem(statement, 'Resource', 'NotResource', resourceProblem);
}

function trustProblem(statement: Fields): string | undefined {
  if (statement['Resource'] !== undefined || statement['NotResource'] !== undefined) return 'Has prohibited field Resource';
  if (statement['NotPrincipal'] !== undefined)
    return 'AssumeRole policy may not contain NotPrincipal; list the principals that are trusted.';
  const principal = statement['Principal'];
  if (principal === undefined) return 'Missing required field Principal';
  if (principal === '*') return undefined;
  if (!isFields(principal) || Object.keys(principal).length === 0)
    return 'Invalid principal in policy: it must be "*" or an object.';
  for (const [kind, names] of Object.entries(principal)) {
    if (!['AWS', 'Service', 'Federated', 'CanonicalUser'].includes(kind)) return `Invalid principal in policy: ${quote(kind)}.`;
    const list = Array.isArray(names) ? names : [names];
    const bad = list.find((name) => typeof name !== 'string' || !principalFits(kind, name));
    if (list.length === 0 || bad !== undefined) return `Invalid principal in policy: ${quote(kind)}:${quote(bad)}`;
  }
  return undefined;
}

function principalFits(kind: string, name: string): boolean {
  if (kind === 'AWS') return name === '*' || /^\d{12}$/.test(name) || /^arn:aws[a-z-]*:(iam|sts)::\d{12}:\S+$/.test(name);
  if (kind === 'Service') return /^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$/.test(name);
  return name !== '';
}

type ItemProblem = (item: string) => string | undefined;

function oneOfProblem(statement: Fields, name: string, notName: string, itemProblem: ItemProblem): string | undefined {
  const [given, not] = [statement[name], statement[notName]];
  if (given === undefined && not === undefined) return `Missing required field ${name}`;
  if (given !== undefined && not !== undefined) return `Syntax errors in policy: ${name} and ${notName} exclude each other.`;
  const value = given ?? not;
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0) return `Syntax errors in policy: ${name} must not be empty.`;
  for (const item of list) {
    if (typeof item !== 'string') return `Syntax errors in policy: ${name} must be a string or a list of strings.`;
    const problem = itemProblem(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const actionProblem: ItemProblem = (item) =>
  item === '*' || /^[A-Za-z0-9.*?-]+:[A-Za-z0-9*?-]+$/.test(item)
    ? undefined
    : `Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: ${quote(item)}`;

/** The kinds IAM names when it refuses another; a wildcard may stand anywhere, a variable for what follows a kind. */
const IAM_RESOURCE =
  /^arn:[^:]+:iam:[^:]*:[^:]*:(?:[^:]*[*?$]|root$|(?:user|federated-user|role|group|instance-profile|mfa|server-certificate|policy|sms-mfa|saml-provider|oidc-provider|report|access-report)\/)/s;

const resourceProblem: ItemProblem = (item) => {
  // buckets and objects have no region; access points do
  if (/^arn:[^:]+:s3:[^:*?]+:[^:]*:(?!accesspoint\/)/.test(item))
    return `Resource ${quote(item)} can not contain region information.`;
  if (/^arn:[^:]+:iam:[^:*?]+:/.test(item)) return `IAM resource ${quote(item)} cannot contain region information.`;
  if (/^arn:[^:]+:iam:/.test(item) && !IAM_RESOURCE.test(item)) {
    return `IAM resource path must either be "*" or start with user/, role/, group/, policy/ or another kind of IAM's, not ${quote(item)}.`;
  }
  const fits = item === '*' || /^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$/s.test(item) || /^[*?]/.test(item);
  return fits ? undefined : `Resource ${quote(item)} must be in ARN format or "*".`;
};

function conditionProblem(condition: unknown): string | undefined {
  if (condition === undefined) return undefined;
  if (!isFields(condition)) return 'Syntax errors in policy: Condition must be a JSON object.';
  for (const [operator, keys] of Object.entries(condition)) {
    if (!isConditionOperator(operator)) return `Invalid Condition type : ${operator.slice(0, 100)}.`;
    if (!isFields(keys)) return `Syntax errors in policy: ${operator} must be a JSON object of condition keys.`;
    for (const [key, value] of Object.entries(keys)) {
      const list = Array.isArray(value) ? value : [value];
      if (!list.every((item) => ['string', 'number', 'boolean'].includes(typeof item))) {
        return `Syntax errors in policy: the values of ${quote(key)} must be strings, numbers or booleans.`;
      }
      const wrong = list.find((item) => !isOperand(operator, String(item)));
      if (wrong !== undefined) return `Invalid value for condition ${operator.slice(0, 100)}: ${quote(wrong)}.`;
    }
  }
  return undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const quote = (value: unknown): string => JSON.stringify(value ?? null).slice(0, 200);
