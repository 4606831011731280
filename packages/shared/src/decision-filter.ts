/** Which decisions are asked for, as the admin API, its clients and the store name it. */
export interface DecisionFilter {
  /** User id or e-mail address. */
  readonly user?: string;
  readonly device?: string;
  readonly route?: string;
  readonly host?: string;
  readonly outcome?: string;
  /** Code of a reason; it need not be the deciding one. */
  readonly reason?: string;
  /** Id of a rule that had a part in it. */
  readonly rule?: string;
  /** An address or a network in CIDR notation. */
  readonly address?: string;
  readonly edge?: string;
  readonly correlationId?: string;
}
