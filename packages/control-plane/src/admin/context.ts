import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Authority } from '@sallyport/shared/pki/issue';
import type { SealKey } from '@sallyport/shared/seal';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { AdminMetrics } from '../ops/metrics.ts';
import type { Receipts, UsersAffected } from '../ports.ts';
import type { PolicyVersions } from '../simulate/versions.ts';
import type { Database } from '../store/database.ts';

/** What the resources of the admin API work with. */
export interface AdminContext {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly sealKey: SealKey;
  readonly trustDomain: string;
  /** Raw, 32 bytes: what endorsements are held to. */
  readonly rootPublicKey: Uint8Array;
  /** Issues device certificates. */
  readonly deviceAuthority: Authority;
  readonly receipts: Receipts;
  /** Who would lose access by a candidate. */
  readonly usersAffected: UsersAffected;
  readonly metrics: AdminMetrics;
  /** Configuration versions, compiled. */
  readonly policies: PolicyVersions;
}

export type AdminApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
