import { createHash, timingSafeEqual } from 'node:crypto';
import { canonicalJson } from '@sallyport/shared/canonical-json';
import { SallyportError } from '@sallyport/shared/errors';
import { open, seal } from '@sallyport/shared/seal';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { holdToken, lockTokens, tokenHolds } from '../../store/admin-tokens.ts';
import { type Executor, type Positions, read } from '../../store/database.ts';
import { findAnswer, type IdempotencyRow, insertAnswer } from '../../store/idempotency.ts';
import { type Action, type WriteTx, write } from '../../store/write.ts';
import type { AdminContext } from '../context.ts';
import { principalOf, unauthenticated } from './authenticate.ts';

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

/** One write of the API. */
export interface AdminWrite<Result, Body> {
  readonly action: Action;
  readonly body: (tx: WriteTx) => Promise<Result>;
  /** Makes the answer. It is stored with the write if the request has an idempotency key. */
  readonly answer: (result: Result, positions: Positions) => Answer<Body>;
}

const answersKeptMs = 24 * 3_600_000;

/** The key was used while this write was under way, so the write was undone. */
class KeyTakenError extends Error {}

/**
 * Runs a write for a request. With an `Idempotency-Key` the answer is stored in the write's own
 * transaction, so that a repeat of the request gets the same answer and writes nothing; the same
 * key with another request is refused. The token is asked for again in that transaction: it may
 * have been revoked while the body was on its way.
 */
export async function runWrite<Result, Body>(
  context: AdminContext,
  request: FastifyRequest,
  reply: FastifyReply,
  given: AdminWrite<Result, Body>,
): Promise<Answer<Body>> {
  const key = readKey(request);
  if (key === null) {
    const { result, positions } = await writeNow(context, request, given, null);
    return given.answer(result, positions);
  }
  const earlier = await replay<Body>(context, request, reply, key);
  if (earlier !== null) return earlier;
  try {
    const { result, positions } = await writeNow(context, request, given, key);
    return given.answer(result, positions);
  } catch (error) {
    if (!(error instanceof KeyTakenError)) throw error;
    const answer = await replay<Body>(context, request, reply, key);
    if (answer === null) throw new Error('an idempotency key was taken and is not there');
    return answer;
  }
}

async function writeNow<Result, Body>(
  context: AdminContext,
  request: FastifyRequest,
  given: AdminWrite<Result, Body>,
  key: string | null,
) {
  const nowMs = context.clock();
  const principal = principalOf(request);
  const body = async (tx: WriteTx): Promise<Result> => {
    if (request.routeOptions.config.permission === 'tokens:write') await lockTokens(tx.db);
    await holdToken(tx.db, principal.id);
    await requireToken(context, request, tx.db);
    return given.body(tx);
  };
  return write(context.database, principal, given.action, body, {
    nowMs,
    urgent: request.routeOptions.config.urgent ?? false,
    ...(key === null
      ? {}
      : {
          async finish(db, { result, positions }) {
            const { status, body } = given.answer(result, positions);
            const row: IdempotencyRow = {
              tokenId: principal.id,
              key,
              requestHash: requestHash(request),
              status,
              sealedBody: seal(
                context.sealKey,
                Buffer.from(JSON.stringify(body), 'utf8'),
                sealContext(principal.id),
              ),
              expiresAtMs: nowMs + answersKeptMs,
            };
            if (!(await insertAnswer(db, row, nowMs))) throw new KeyTakenError();
          },
        }),
  });
}

async function requireToken(context: AdminContext, request: FastifyRequest, db: Executor) {
  const { id, role } = principalOf(request);
  if (!(await tokenHolds(db, id, role, context.clock()))) throw unauthenticated();
}

async function replay<Body>(
  context: AdminContext,
  request: FastifyRequest,
  reply: FastifyReply,
  key: string,
): Promise<Answer<Body> | null> {
  const { id } = principalOf(request);
  const urgent = request.routeOptions.config.urgent ?? false;
  const find = async (db: Executor) => {
    const found = await findAnswer(db, id, key, context.clock());
    if (found !== null) await requireToken(context, request, db);
    return found;
  };
  const row = await read(context.database, find, { urgent });
  if (row === null) return null;
  if (!timingSafeEqual(row.requestHash, requestHash(request))) {
    throw new SallyportError('idempotency_key_reused', 'use a new key for a new request');
  }
  reply.header('Idempotency-Replayed', 'true');
  const text = Buffer.from(open(context.sealKey, row.sealedBody, sealContext(id)));
  return { status: row.status, body: JSON.parse(text.toString('utf8')) as Body };
}

/** The route's schema has checked its form. */
function readKey(request: FastifyRequest): string | null {
  const header = request.headers['idempotency-key'];
  return typeof header === 'string' ? header : null;
}

/** Of method, path and body; the query only says how long to wait, or what has to be so before. */
function requestHash(request: FastifyRequest): Uint8Array {
  const [path] = request.url.split('?');
  const parts = [request.method, path, request.body ?? null];
  return createHash('sha256').update(canonicalJson(parts)).digest();
}

function sealContext(tokenId: string): string {
  return `idempotency:${tokenId}`;
}
