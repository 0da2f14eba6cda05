import { type Condition, type ConditionContext, compileCondition, variableOf } from './conditions.ts';
import type { PolicyDocument, PolicyStatement } from './policy.ts';
import { compilePattern, matchesPattern, type Pattern } from './wildcard.ts';

/**
 * IAM's evaluation, pure: an explicit deny wins, then an allow, else nothing is allowed. Documents are compiled once and
 * remembered for as long as the document object lives.
 */

/** One question: may this action be done on this resource? */
export interface AccessQuestion {
  readonly action: string;
  readonly resource: string;
  readonly context: ConditionContext;
  /** The resource is the same however its ARN is spelt in upper and lower case. */
  readonly anyCase?: boolean;
}

export type Verdict = 'allow' | 'explicit-deny' | 'implicit-deny';

/** What all given documents together say. */
export function evaluatePolicies(documents: readonly PolicyDocument[], question: AccessQuestion): Verdict {
  const action = question.action.toLowerCase();
  let allowed = false;
  for (const document of documents) {
    for (const statement of compiled(document)) {
      if (!applies(statement, action, question)) continue;
      if (statement.effect === 'Deny') return 'explicit-deny';
      allowed = true;
    }
  }
  return allowed ? 'allow' : 'implicit-deny';
}

/** A caller of the resource's own account, as its policy may name it. */
export interface NamedCaller {
  readonly arn: string;
  readonly account: string;
  readonly roleArn?: string;
}

/**
 * What a resource's policy says of a caller of the same account. Naming the account as a whole leaves it to its identity
 * policies; naming the caller allows by itself.
 */
export function evaluateResourcePolicy(document: PolicyDocument, question: AccessQuestion, caller: NamedCaller): Verdict {
  const action = question.action.toLowerCase();
  let allowed = false;
  for (const statement of compiled(document)) {
    if (!namesPrincipal(statement.principal, caller) || !applies(statement, action, question)) continue;
    if (statement.effect === 'Deny') return 'explicit-deny';
    allowed ||= !namesAccountOnly(statement.principal, caller);
  }
  return allowed ? 'allow' : 'implicit-deny';
}

function namesAccountOnly(principal: PolicyStatement['Principal'], caller: NamedCaller): boolean {
  if (principal === undefined || principal === '*') return false;
  return asList(principal['AWS']).every((name) => name !== '*' && name !== caller.arn && name !== caller.roleArn);
}

/** Who asks a role's trust policy. */
export interface TrustQuestion {
  /** e.g. `sts:AssumeRole`. */
  readonly action: string;
  readonly caller: { readonly service: string } | NamedCaller;
  readonly context: ConditionContext;
}

export function evaluateTrust(document: PolicyDocument, question: TrustQuestion): Verdict {
  const action = question.action.toLowerCase();
  let allowed = false;
  for (const statement of compiled(document)) {
    if (!statement.actions(action) || !namesPrincipal(statement.principal, question.caller)) continue;
    if (!statement.conditions.every((condition) => condition(question.context))) continue;
    if (statement.effect === 'Deny') return 'explicit-deny';
    allowed = true;
  }
  return allowed ? 'allow' : 'implicit-deny';
}

function namesPrincipal(principal: PolicyStatement['Principal'], caller: TrustQuestion['caller']): boolean {
  if (principal === undefined) return false;
  if (principal === '*') return true;
  if ('service' in caller) return asList(principal['Service']).includes(caller.service);
  return asList(principal['AWS']).some(
    (name) =>
      name === '*' ||
      name === caller.account ||
      name === `arn:aws:iam::${caller.account}:root` ||
      name === caller.arn ||
      (caller.roleArn !== undefined && name === caller.roleArn),
  );
}

interface CompiledStatement {
  readonly effect: 'Allow' | 'Deny';
  /** Takes the action in lower case. */
  readonly actions: (action: string) => boolean;
  readonly resources: (question: AccessQuestion) => boolean;
  readonly conditions: readonly Condition[];
  readonly principal: PolicyStatement['Principal'];
}

const compiledDocuments = new WeakMap<PolicyDocument, readonly CompiledStatement[]>();

function compiled(document: PolicyDocument): readonly CompiledStatement[] {
  let statements = compiledDocuments.get(document);
  if (!statements) {
    const list = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
    statements = (list as readonly PolicyStatement[]).map(compileStatement);
    compiledDocuments.set(document, statements);
  }
  return statements;
}

function applies(statement: CompiledStatement, action: string, question: AccessQuestion): boolean {
  return (
    statement.actions(action) && statement.resources(question) && statement.conditions.every((holds) => holds(question.context))
  );
}

function compileStatement(statement: PolicyStatement): CompiledStatement {
  const conditions = Object.entries(statement.Condition ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, value]) => compileCondition(operator, key, asList(value).map(String))),
  );
  return {
    effect: statement.Effect,
    actions: compileActions(statement),
    resources: compileResources(statement),
    conditions,
    principal: statement.Principal,
  };
}

const noVariable = (): undefined => undefined;

function compileActions(statement: PolicyStatement): (action: string) => boolean {
  const listed = statement.Action ?? statement.NotAction ?? [];
  const patterns = asList(listed).map((text) => compilePattern(text, { variables: false, wildcards: true, lowerCase: true }));
  const matches = (action: string): boolean => patterns.some((pattern) => matchesPattern(pattern, action, noVariable));
  return statement.Action === undefined ? (action) => !matches(action) : matches;
}

function compileResources(statement: PolicyStatement): (question: AccessQuestion) => boolean {
  const listed = asList(statement.Resource ?? statement.NotResource ?? []);
  const patterns: Pattern[] = listed.map((text) => compilePattern(text, { variables: true, wildcards: true }));
  let folded: Pattern[] | undefined;
  const matches = ({ resource, context, anyCase }: AccessQuestion): boolean => {
    if (patterns.some((pattern) => matchesPattern(pattern, resource, (name) => variableOf(context, name)))) return true;
    if (!anyCase) return false;
    folded ??= listed.map((text) => compilePattern(text, { variables: true, wildcards: true, lowerCase: true }));
    const lower = resource.toLowerCase();
    return folded.some((pattern) => matchesPattern(pattern, lower, (name) => variableOf(context, name)?.toLowerCase()));
  };
  return statement.Resource === undefined ? (question) => !matches(question) : matches;
}

function asList<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as T];
}
