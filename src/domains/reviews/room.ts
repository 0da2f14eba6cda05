import type { Room } from '../../platform/calls/operation.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { ReviewPorts } from './ports.ts';
import { reviewRoute } from './receive-message.ts';

export interface ReviewsRoom extends Room {
  /** Where issue trackers tell of decisions. */
  readonly route: WebRoute;
}

/** Decisions about model packages that people make in an issue tracker. Keeps nothing: the approval is the registry's. */
export const createReviewsRoom = (ports: ReviewPorts): ReviewsRoom => ({
  name: 'reviews',
  operations: [],
  resources: [],
  calls: ['sagemaker:DescribeModelPackage', 'sagemaker:UpdateModelPackage'],
  route: reviewRoute(ports),
});
