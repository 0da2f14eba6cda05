interface AskedPorts {
  /** Undefined: as recorded, else 7600. 0: as recorded, else a free one. */
  readonly port: number | undefined;
  readonly runtimePort: number | undefined;
}

interface RecordedPorts {
  readonly port: number;
  readonly runtimePort: number;
}

const DEFAULT_PORT = 7600;

/** The asked-for port, else the one recorded for this folder (running jobs know it), else the default. */
export const decidePort = ({ port }: AskedPorts, recorded: RecordedPorts | undefined): number =>
  port || (recorded?.port ?? port ?? DEFAULT_PORT);

/** The router's: asked for, else recorded beside the server's `port`, else free where the server's was to be free, else the next one. */
export function decideRuntimePort(asked: AskedPorts, recorded: RecordedPorts | undefined, port: number): number {
  if (asked.runtimePort) return asked.runtimePort;
  if (recorded?.port === port) return recorded.runtimePort;
  return asked.port === 0 || asked.runtimePort === 0 ? 0 : port + 1;
}
