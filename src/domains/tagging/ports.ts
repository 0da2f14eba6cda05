import type { ResourceDeclaration } from '../../platform/resources/declaration.ts';
import type { Store } from '../../platform/store/port.ts';

export interface TaggingPorts {
  readonly store: Store;
  /** The resources of every room; `main` passes them on. */
  readonly resources: readonly ResourceDeclaration[];
}
