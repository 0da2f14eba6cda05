import { ApiError, call } from './api.ts';
import { h, placeOf } from './dom.ts';
import { copyable } from './parts.ts';

/** Shown at first: the end of the log. */
const LINES_AT_FIRST = 2000;
/** The oldest lines make room when more have come. */
const LINES_MAX = 10_000;

export interface LogStream {
  readonly name: string;
  /** Put before each line; empty where there is one stream only. */
  readonly label: string;
}

interface LogSource {
  /** What it is the log of, for those who do not see the page. */
  readonly about: string;
  readonly group: string;
  /** A job on several hosts has several, and they may come one after the other. */
  streams(): Promise<readonly LogStream[]>;
  /** How to read the log on the command line. */
  readonly command: string;
}

/** A log that grows while it is shown: lines are only added, so that selection and scroll stay. */
export function growingLog({ about, group, streams, command }: LogSource) {
  const element = h('pre', { class: 'log', tabindex: '0', 'aria-label': `Log of ${about}` });
  /** How far each stream was read. */
  const tokens = new Map<string, string>();
  let lines = 0;
  let isWhole = true;

  const append = (texts: readonly string[]): void => {
    const follows = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    element.append(...texts.map((text) => document.createTextNode(`${text}\n`)));
    lines += texts.length;
    for (; lines > LINES_MAX; lines--) {
      element.firstChild?.remove();
      isWhole = false;
    }
    if (follows) element.scrollTop = element.scrollHeight;
  };

  const readStream = async ({ name, label }: LogStream): Promise<void> => {
    for (let isNew = true; isNew; ) {
      const token = tokens.get(name);
      const page = await call('logs:GetLogEvents', {
        logGroupName: group,
        logStreamName: name,
        ...(token ? { nextToken: token, startFromHead: true } : { startFromHead: false, limit: LINES_AT_FIRST }),
      });
      const events = page.events ?? [];
      if (!token && events.length === LINES_AT_FIRST) isWhole = false;
      isNew = events.length > 0 && page.nextForwardToken !== token;
      if (page.nextForwardToken) tokens.set(name, page.nextForwardToken);
      append(events.map(({ message = '' }) => `${label}${message}`));
    }
  };

  return {
    /** Reads what is new. */
    async read(): Promise<readonly Node[]> {
      const found = await streams();
      if (found.length === 0) return [h('p', { class: 'empty' }, 'Nothing is logged yet.')];
      for (const stream of found) await readStream(stream);
      const hint = h(
        'p',
        { class: 'sub' },
        isWhole ? `${lines} lines. On the command line: ` : `The newest ${lines} lines. All of them: `,
      );
      hint.append(copyable(command));
      scrollToEndOnce(element);
      return [placeOf(element), hint];
    },
  };
}

/** A log that was never on the page has no height yet; it is to open at its end. */
function scrollToEndOnce(element: HTMLElement): void {
  if (element.isConnected) return;
  requestAnimationFrame(() => {
    element.scrollTop = element.scrollHeight;
  });
}

/** Names of the streams of a group that begin so; none while nothing has logged there. */
export async function streamsOf(logGroupName: string, logStreamNamePrefix: string): Promise<string[]> {
  try {
    const { logStreams = [] } = await call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix });
    return logStreams.flatMap(({ logStreamName }) => (logStreamName ? [logStreamName] : []));
  } catch (error) {
    if (error instanceof ApiError && error.code === 'ResourceNotFoundException') return [];
    throw error;
  }
}
