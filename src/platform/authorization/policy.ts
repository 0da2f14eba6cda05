/** An IAM policy document (JSON policy grammar, Version 2012-10-17). */
export interface PolicyDocument {
  readonly Version?: string;
  readonly Id?: string;
  readonly Statement: PolicyStatement | readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: '*' | Record<string, string | readonly string[]>;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Record<string, Record<string, string | boolean | number | readonly (string | boolean | number)[]>>;
}

/** One thing a call needs: the action on every listed resource. */
export interface AuthorizationNeed {
  readonly action: string;
  readonly resources: readonly string[];
  /** Condition keys, e.g. `sagemaker:ModelApprovalStatus`, `iam:PassedToService`. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
  /** The resource's own policy: who is named there may, also without a policy of their own that says so. */
  readonly resourcePolicy?: PolicyDocument;
}
