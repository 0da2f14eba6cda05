import type { Check, Watched } from '../../checks/check.ts';
import type { Asked } from '../answers.ts';
import { checkAnswersCount } from './answers-count.ts';
import { checkClosedStages } from './closed-stages.ts';
import { checkEffectsOnce } from './effects-once.ts';
import { checkNothingBehindTheEnd } from './nothing-behind-the-end.ts';
import { checkStagesByTurns } from './stages-by-turns.ts';
import { checkStagesInOrder } from './stages-in-order.ts';
import { checkStartedIsThere } from './started-is-there.ts';
import { checkToldAsTheyAre } from './told-as-they-are.ts';

/** What is promised of delivery pipelines alone. */
export const deliveryChecks = (watched: Watched, asked: Asked): Check[] => [
  checkStagesInOrder(watched),
  checkStagesByTurns(watched),
  checkClosedStages(watched),
  checkAnswersCount(watched, asked),
  checkEffectsOnce(watched),
  checkNothingBehindTheEnd(watched),
  checkToldAsTheyAre(watched),
  checkStartedIsThere(watched),
];
