import { create } from '@bufbuild/protobuf';
import { type JoinRequest, type JoinResponse, JoinResponseSchema } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { newId } from '@sallyport/shared/ids';
import { hashToken, isToken } from '@sallyport/shared/keys/tokens';
import type { Database } from '../store/database.ts';
import { edgeKeysOp, insertEdge, useJoinToken } from '../store/edges.ts';
import { write } from '../store/write.ts';
import { CallError } from './call-error.ts';
import { type EdgeAuthorities, issueCredentials } from './credentials.ts';

export interface JoinParts {
  readonly database: Database;
  readonly authorities: EdgeAuthorities;
  readonly trustDomain: string;
  readonly rootPublicKey: Uint8Array;
  /** Authority of this control plane's own certificate, PEM. */
  readonly controlPlaneCaPem: string;
}

const labelsMax = 16;
const labelName = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i;
const labelValue = /^[\x20-\x7e]{0,253}$/;
const regionName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Makes an edge of whoever holds a one-time join token: token, edge row and the op that publishes
 * its keys in one transaction. Nobody is told what was wrong with a token.
 */
export async function joinEdge(
  parts: JoinParts,
  request: JoinRequest,
  sourceAddress: string,
): Promise<JoinResponse> {
  if (!isToken('join', request.token)) throw tokenRefused();
  checkPlace(request);
  const edgeId = newId('edg');
  const actor = {
    kind: 'system',
    id: 'join',
    label: 'join',
    requestId: '',
    sourceAddress,
  } as const;
  const action = { verb: 'join', resource: 'edge', resourceId: edgeId };
  const { result } = await write(parts.database, actor, action, async (tx) => {
    const { db, nowMs } = tx;
    if (!(await useJoinToken(db, hashToken(request.token), edgeId, nowMs))) throw tokenRefused();
    const { authorities, trustDomain } = parts;
    const issued = await issueCredentials(edgeId, trustDomain, authorities, request, nowMs);
    const row = {
      id: edgeId,
      region: request.region,
      labels: request.labels,
      joinedAtMs: nowMs,
      renewedAtMs: nowMs,
      ...issued.row,
    };
    await insertEdge(db, row);
    tx.emit('config', edgeKeysOp(row));
    return issued.credentials;
  });
  return create(JoinResponseSchema, {
    edgeId,
    trustDomain: parts.trustDomain,
    credentials: result,
    rootPublicKey: parts.rootPublicKey,
    controlPlaneCaPem: parts.controlPlaneCaPem,
  });
}

function checkPlace({ region, labels }: JoinRequest): void {
  const entries = Object.entries(labels);
  const plain = entries.every(([name, value]) => labelName.test(name) && labelValue.test(value));
  if (!regionName.test(region)) {
    throw new CallError(status.INVALID_ARGUMENT, 'region is not a short lower-case name');
  }
  if (entries.length > labelsMax || !plain) {
    throw new CallError(status.INVALID_ARGUMENT, 'labels are too many or hold odd characters');
  }
}

function tokenRefused(): CallError {
  return new CallError(status.UNAUTHENTICATED, 'the join token is not valid');
}
