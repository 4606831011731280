import type { Role } from '../../store/schema/index.ts';

const everyone: readonly Role[] = ['viewer', 'policy-admin', 'responder', 'owner'];

/** What a route needs, and who has it. Every route names one; there is no default. */
export const permissions = {
  /** No credentials at all. */
  public: null,
  read: everyone,
  'configuration:write': ['policy-admin', 'owner'],
  /** Of a version that somebody else made. */
  'configuration:approve': ['policy-admin', 'owner'],
  'directory:write': ['policy-admin', 'owner'],
  'secrets:read': ['policy-admin', 'owner'],
  'secrets:write': ['policy-admin', 'owner'],
  'revocations:write': ['responder', 'owner'],
  'edges:write': ['owner'],
  'keys:write': ['owner'],
  /** It ends every session, as a revocation of everyone does. */
  'epoch:write': ['responder', 'owner'],
  'tokens:read': ['owner'],
  'tokens:write': ['owner'],
} as const satisfies Record<string, readonly Role[] | null>;

export type Permission = keyof typeof permissions;

/** Whether a role has a permission. */
export function isAllowed(role: Role, permission: Permission): boolean {
  const allowed: readonly Role[] | null = permissions[permission];
  return allowed === null || allowed.includes(role);
}
