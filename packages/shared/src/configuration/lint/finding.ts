/** What lint can say. */
export type LintCode =
  | 'shadowed'
  | 'always_denied'
  | 'never_matches'
  | 'expired'
  | 'wider_than_its_name'
  | 'policy_unused'
  | 'condition_unused'
  | 'tests_missing'
  | 'regular_expression'
  | 'monitor_ended';

/** Something that is allowed and probably not meant. */
export interface LintFinding {
  readonly code: LintCode;
  /** Kind and name. */
  readonly document: string;
  /** JSON pointer in the document. */
  readonly path: string;
  readonly message: string;
}
