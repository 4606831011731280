import { create } from '@bufbuild/protobuf';
import { type RenewRequest, type RenewResponse, RenewResponseSchema } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Database } from '../store/database.ts';
import { edgeKeysOp, renewEdge } from '../store/edges.ts';
import { write } from '../store/write.ts';
import { CallError } from './call-error.ts';
import { type EdgeAuthorities, issueCredentials } from './credentials.ts';

export interface RenewParts {
  readonly database: Database;
  readonly authorities: EdgeAuthorities;
  readonly trustDomain: string;
}

/**
 * New certificates for an edge, and its assertion keys as they are to be from now on: the answer
 * comes after they were written to the log, so an edge uses no key before it is published.
 */
export async function renewEdgeCredentials(
  parts: RenewParts,
  edgeId: string,
  request: RenewRequest,
  sourceAddress: string,
): Promise<RenewResponse> {
  const actor = { kind: 'edge', id: edgeId, label: edgeId, requestId: '', sourceAddress } as const;
  const action = { verb: 'renew', resource: 'edge', resourceId: edgeId };
  const { result } = await write(parts.database, actor, action, async (tx) => {
    const { db, nowMs } = tx;
    const { authorities, trustDomain } = parts;
    const issued = await issueCredentials(edgeId, trustDomain, authorities, request, nowMs);
    const row = await renewEdge(db, edgeId, { ...issued.row, renewedAtMs: nowMs });
    if (row === null) throw new CallError(status.PERMISSION_DENIED, 'this edge is not known here');
    tx.emit('config', edgeKeysOp(row));
    return issued.credentials;
  });
  return create(RenewResponseSchema, { credentials: result });
}
