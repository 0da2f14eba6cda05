import type { LineDocument } from '../../../../src/domains/delivery/resources.ts';
import type { Check, Watched } from '../../checks/check.ts';
import { deliveryChanges, enteredIn, incarnationOf, shortOf } from './delivery-rows.ts';

/** The commit that enters and the one that closes each expect the line they read, so that one of the two sees the other. */
export const checkClosedStages = ({ disk }: Watched): Check => ({
  promise: 'a stage whose transition is disabled is entered by nobody',
  onCommit: (seen) =>
    deliveryChanges(seen).flatMap((change) => {
      const { key, after } = change;
      const line = disk.rows.get({ ...key, kind: 'CodePipelineLine', name: incarnationOf(key) });
      const { transitions = {} } = (line?.document ?? {}) as Partial<LineDocument>;
      return enteredIn(change).flatMap((stage) =>
        after && transitions[stage]?.enabled === false ? [`${shortOf(after)} enters ${stage}, which is closed`] : [],
      );
    }),
});
