import type { OutputOf } from '../src/contract/operations.ts';
import { call, callAll, isRefusal } from './api.ts';
import type { Page } from './page.ts';
import { h } from './dom.ts';
import { lastPart } from './format.ts';
import { linkOfArn } from './links.ts';
import { card, command, empty, type Row, statusBadge, tableOf, timeOf } from './parts.ts';

type Rule = NonNullable<OutputOf<'events:ListRules'>['Rules']>[number];
type Target = NonNullable<OutputOf<'events:ListTargetsByRule'>['Targets']>[number];
type Schedule = OutputOf<'scheduler:GetSchedule'>;

const SCHEDULES_SHOWN = 100;
/** Rules change by people, seldom, and each is a call. */
const LOOK_AGAIN_MS = 5000;

/** What starts by itself: rules of every event bus with their targets, and schedules. */
export const automationPage: Page = () => {
  /** A schedule is asked for again only when it has changed. */
  const known = new Map<string, { readonly asOf: unknown; readonly schedule: Schedule }>();
  return async () => {
    const [rules, schedules] = await Promise.all([orRefusal(readRules), orRefusal(() => readSchedules(known))]);
    return {
      title: 'Automation',
      content: [
        h('h1', {}, 'Automation'),
        h('p', { class: 'sub' }, 'What starts by itself.'),
        card(h('h2', {}, 'Rules'), rules),
        card(h('h2', {}, 'Schedules'), schedules),
      ],
      live: true,
      againMs: LOOK_AGAIN_MS,
    };
  };
};

/** Who may not see the one may still see the other. */
async function orRefusal(read: () => Promise<HTMLElement>): Promise<HTMLElement> {
  try {
    return await read();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return h('p', { class: 'reason' }, `${error.code}: ${error.message}`);
  }
}

async function readRules(): Promise<HTMLElement> {
  const buses = await callAll(async (NextToken) => {
    const page = await call('events:ListEventBuses', { NextToken });
    return [page.EventBuses, page.NextToken];
  });
  const lists = buses.map(async ({ Name: EventBusName = 'default' }) => {
    const rules = await callAll<Rule>(async (NextToken) => {
      const page = await call('events:ListRules', { EventBusName, NextToken });
      return [page.Rules, page.NextToken];
    });
    return Promise.all(rules.map((rule) => ruleRow(EventBusName, rule)));
  });
  const rows = (await Promise.all(lists)).flat();
  if (rows.length > 0) return tableOf(['Rule', 'Bus', 'State', 'When', 'Targets'], rows);
  return empty(
    h('p', {}, 'No rule yet.'),
    command('aws events put-rule --name NAME --event-pattern \'{"source": ["aws.sagemaker"]}\''),
  );
}

async function ruleRow(EventBusName: string, rule: Rule): Promise<Row> {
  const { Name = '', Description, State, EventPattern, ScheduleExpression } = rule;
  const { Targets = [] } = await call('events:ListTargetsByRule', { Rule: Name, EventBusName });
  return {
    key: `${EventBusName}/${Name}`,
    cells: [
      h('div', {}, h('strong', {}, Name), Description ? h('div', { class: 'sub tight' }, Description) : undefined),
      EventBusName,
      statusBadge(State),
      h(
        'div',
        {},
        ScheduleExpression ? h('div', {}, h('code', {}, ScheduleExpression)) : undefined,
        EventPattern ? patternOf(EventPattern) : undefined,
      ),
      h('div', {}, Targets.length === 0 ? '–' : Targets.map(targetOf)),
    ],
  };
}

function patternOf(text: string): HTMLElement {
  return h('details', {}, h('summary', {}, summaryOf(text)), h('pre', { class: 'plain' }, indented(text)));
}

/** What most patterns begin with. */
function summaryOf(text: string): string {
  const { 'detail-type': types, source } = (parsed(text) ?? {}) as Readonly<Record<string, unknown>>;
  const words = [source, types].flatMap((value) =>
    Array.isArray(value) ? [value.filter((one) => typeof one === 'string').join(', ')] : [],
  );
  return words.filter(Boolean).join(': ') || 'Event pattern';
}

const indented = (text: string): string => JSON.stringify(parsed(text) ?? text, undefined, 2);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const targetOf = ({ Arn }: Pick<Target, 'Arn'>): HTMLElement =>
  h('div', { title: Arn }, serviceOf(Arn), ' ', linkOfArn(Arn) ?? lastPart(Arn.split(':').at(-1)));

const serviceOf = (arn: string): string => arn.split(':')[2] ?? '';

async function readSchedules(known: Map<string, { readonly asOf: unknown; readonly schedule: Schedule }>): Promise<HTMLElement> {
  const { Schedules = [], NextToken } = await call('scheduler:ListSchedules', { MaxResults: SCHEDULES_SHOWN });
  const rows = await Promise.all(
    Schedules.map(async ({ Name = '', GroupName = 'default', LastModificationDate }): Promise<Row> => {
      const key = `${GroupName}/${Name}`;
      const before = known.get(key);
      const schedule = before?.asOf === LastModificationDate ? before?.schedule : undefined;
      const current = schedule ?? (await call('scheduler:GetSchedule', { Name, GroupName }));
      known.set(key, { asOf: LastModificationDate, schedule: current });
      return scheduleRow(key, Name, GroupName, current);
    }),
  );
  const table = () => tableOf(['Schedule', 'Group', 'State', 'When', 'Target', 'Changed'], rows);
  if (NextToken) return h('div', {}, table(), h('p', { class: 'sub' }, `The first ${SCHEDULES_SHOWN}; there are more.`));
  if (rows.length > 0) return table();
  return empty('No schedule yet. The SDK’s put_triggers makes one for a pipeline.');
}

function scheduleRow(key: string, name: string, group: string, schedule: Schedule): Row {
  const {
    Description,
    State,
    ScheduleExpression = '',
    ScheduleExpressionTimezone = 'UTC',
    FlexibleTimeWindow,
    Target: target,
  } = schedule;
  const window = FlexibleTimeWindow?.Mode === 'FLEXIBLE' ? `, within ${FlexibleTimeWindow.MaximumWindowInMinutes} min` : '';
  return {
    key,
    cells: [
      h('div', {}, h('strong', {}, name), Description ? h('div', { class: 'sub tight' }, Description) : undefined),
      group,
      statusBadge(State),
      h('div', {}, h('code', {}, ScheduleExpression), ` ${ScheduleExpressionTimezone}${window}`),
      target?.Arn ? targetOf({ Arn: target.Arn }) : '–',
      timeOf(schedule.LastModificationDate),
    ],
  };
}
