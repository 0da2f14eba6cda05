import type { TestCase, TestReportSummary } from '../../contract/generated/codebuild.ts';
import type { ReportFormat } from './decide-buildspec.ts';
import { all, attribute, child, descendants, parseXml, textOf, type XmlNode } from './decide-xml.ts';

/** Files of test results, of every format that CodeBuild takes, as test cases. Pure. */

export type CaseFound = Pick<TestCase, 'name' | 'prefix' | 'status' | 'durationInNanoSeconds' | 'message' | 'testSuiteName'>;
type Cases = { readonly cases: readonly CaseFound[] } | { readonly problem: string };

const MESSAGE_MAX = 4_000;

export function readTestResults(format: ReportFormat, text: string): Cases {
  if (format === 'CUCUMBERJSON') return readCucumber(text);
  const root = parseXml(text);
  if ('problem' in root) return root;
  const cases = READERS[format]?.(root);
  return cases ? { cases } : { problem: `${format} is no format of test results` };
}

const READERS: Partial<Record<ReportFormat, (root: XmlNode) => CaseFound[]>> = {
  JUNITXML: (root) => junitSuites(root, ''),
  NUNITXML: (root) => descendants(root, 'test-case').map(nunitCase),
  NUNIT3XML: (root) => descendants(root, 'test-case').map(nunitCase),
  TESTNGXML: (root) =>
    descendants(root, 'class').flatMap((owner) =>
      all(owner, 'test-method')
        .filter((method) => attribute(method, 'is-config') !== 'true')
        .map((method) => testngCase(owner, method)),
    ),
  VISUALSTUDIOTRX: (root) => descendants(root, 'UnitTestResult').map(trxCase),
};

/** Suites may hold suites; a case belongs to the nearest. */
function junitSuites(node: XmlNode, suite: string): CaseFound[] {
  const inner = all(node, 'testsuite').flatMap((one) => junitSuites(one, attribute(one, 'name') ?? suite));
  const more = all(node, 'testsuites').flatMap((one) => junitSuites(one, suite));
  return [...all(node, 'testcase').map((one) => junitCase(one, suite)), ...inner, ...more];
}

function junitCase(node: XmlNode, suite: string): CaseFound {
  const [failure, error, skipped] = ['failure', 'error', 'skipped'].map((name) => child(node, name));
  const told = failure ?? error ?? skipped;
  return {
    name: attribute(node, 'name') ?? '',
    prefix: attribute(node, 'classname') ?? '',
    testSuiteName: suite,
    status: failure ? 'FAILED' : error ? 'ERROR' : skipped ? 'SKIPPED' : 'SUCCEEDED',
    durationInNanoSeconds: nanoseconds(Number((attribute(node, 'time') ?? '0').replaceAll(',', '')) * 1e9),
    message: told ? shortened(attribute(told, 'message') ?? textOf(told)) : '',
  };
}

const NUNIT: Readonly<Record<string, string>> = {
  passed: 'SUCCEEDED',
  success: 'SUCCEEDED',
  failed: 'FAILED',
  failure: 'FAILED',
  error: 'ERROR',
  skipped: 'SKIPPED',
  ignored: 'SKIPPED',
};

function nunitCase(node: XmlNode): CaseFound {
  const result = (attribute(node, 'result') ?? '').toLowerCase();
  const name = attribute(node, 'fullname') ?? attribute(node, 'name') ?? '';
  const failure = child(node, 'failure');
  const message = failure && child(failure, 'message');
  return {
    name,
    prefix: attribute(node, 'classname') ?? name.slice(0, Math.max(0, name.lastIndexOf('.'))),
    status: NUNIT[result] ?? 'UNKNOWN',
    durationInNanoSeconds: nanoseconds(Number(attribute(node, 'duration') ?? attribute(node, 'time') ?? 0) * 1e9),
    message: message ? shortened(textOf(message)) : '',
  };
}

const TESTNG: Readonly<Record<string, string>> = { PASS: 'SUCCEEDED', FAIL: 'FAILED', SKIP: 'SKIPPED' };

function testngCase(owner: XmlNode, method: XmlNode): CaseFound {
  const message = descendants(method, 'message')[0];
  return {
    name: attribute(method, 'name') ?? '',
    prefix: attribute(owner, 'name') ?? '',
    status: TESTNG[attribute(method, 'status') ?? ''] ?? 'UNKNOWN',
    durationInNanoSeconds: nanoseconds(Number(attribute(method, 'duration-ms') ?? 0) * 1e6),
    message: message ? shortened(textOf(message)) : '',
  };
}

const TRX: Readonly<Record<string, string>> = {
  Passed: 'SUCCEEDED',
  Failed: 'FAILED',
  Error: 'ERROR',
  NotExecuted: 'SKIPPED',
  Inconclusive: 'SKIPPED',
};

function trxCase(node: XmlNode): CaseFound {
  const [, hours = 0, minutes = 0, seconds = 0] = /^(\d+):(\d+):([\d.]+)$/.exec(attribute(node, 'duration') ?? '') ?? [];
  const message = descendants(node, 'Message')[0];
  return {
    name: attribute(node, 'testName') ?? '',
    prefix: '',
    status: TRX[attribute(node, 'outcome') ?? ''] ?? 'UNKNOWN',
    durationInNanoSeconds: nanoseconds((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1e9),
    message: message ? shortened(textOf(message)) : '',
  };
}

const CUCUMBER = new Map([
  ['passed', 'SUCCEEDED'],
  ['failed', 'FAILED'],
  ['skipped', 'SKIPPED'],
  ['pending', 'SKIPPED'],
]);

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);
/** Undefined: no list of mappings. */
const listOf = (value: unknown = []): readonly Members[] | undefined =>
  Array.isArray(value) && value.every(isMembers) ? value : undefined;

function readCucumber(text: string): Cases {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch {
    return { problem: 'the file is no JSON' };
  }
  const features = listOf(tree);
  if (!features) return { problem: 'the file is no list of features' };
  const cases: CaseFound[] = [];
  for (const feature of features) {
    const scenarios = listOf(feature['elements']);
    if (!scenarios) return { problem: 'the elements of a feature are no list of scenarios' };
    for (const scenario of scenarios) {
      if (!Array.isArray(scenario['steps'] ?? [])) return { problem: 'the steps of a scenario of a feature are no list' };
      cases.push(scenarioCase(feature, scenario));
    }
  }
  return { cases };
}

function scenarioCase(feature: Members, scenario: Members): CaseFound {
  const steps = (scenario['steps'] ?? []) as readonly unknown[];
  const results = steps.map((step): Members => (isMembers(step) && isMembers(step['result']) ? step['result'] : {}));
  const worst = results.find(({ status }) => status === 'failed') ?? results.find(({ status }) => status !== 'passed');
  const durations = results.map(({ duration }) => (typeof duration === 'number' ? duration : 0));
  return {
    name: String(scenario['name'] ?? ''),
    prefix: String(feature['name'] ?? ''),
    status: CUCUMBER.get(String(worst ? worst['status'] : 'passed')) ?? 'UNKNOWN',
    durationInNanoSeconds: nanoseconds(durations.reduce((sum, one) => sum + one, 0)),
    message: shortened(String(worst?.['error_message'] ?? '')),
  };
}

const nanoseconds = (value: number): number => (Number.isFinite(value) && value > 0 ? Math.round(value) : 0);

const shortened = (text: string): string => (text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)}…` : text);

const STATUSES = ['SUCCEEDED', 'FAILED', 'ERROR', 'SKIPPED', 'UNKNOWN'] as const;

export function summaryOf(cases: readonly CaseFound[]): TestReportSummary {
  const statusCounts: Record<string, number> = {};
  for (const status of STATUSES) statusCounts[status] = cases.filter((one) => one.status === status).length;
  const durationInNanoSeconds = cases.reduce((sum, one) => sum + (one.durationInNanoSeconds ?? 0), 0);
  return { total: cases.length, statusCounts, durationInNanoSeconds };
}
