/** What lint can say. */
export const lintCodes = [
  'shadowed',
  'always_denied',
  'never_matches',
  'expired',
  'wider_than_its_name',
  'group_misspelt',
  'policy_unused',
  'condition_unused',
  'tests_missing',
  'regular_expression',
  'path_as_text',
  'monitor_ended',
  'plain_http_upstream',
  'not_forwarded_here',
] as const;
export type LintCode = (typeof lintCodes)[number];

/** Something that is allowed and probably not meant. */
export interface LintFinding {
  readonly code: LintCode;
  /** Kind and name. */
  readonly document: string;
  /** JSON pointer in the document. */
  readonly path: string;
  readonly message: string;
}
