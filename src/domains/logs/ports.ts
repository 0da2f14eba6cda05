import type { LogFiles } from '../../platform/ports/log-files.ts';
import type { Store } from '../../platform/store/port.ts';
import type { StreamIndex } from './stream-index.ts';

export interface LogsPorts {
  readonly store: Store;
  readonly files: LogFiles;
}

export interface LogsRoomPorts extends LogsPorts {
  readonly index: StreamIndex;
}
