import type { Block, LiftedBlock, RevokeOp } from '@sallyport/shared/state/model';
import { and, eq, gte, like, not, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { blockOp, type RevocationRow } from './revocations.ts';
import { adminAudit, type RevocationTarget, revocations } from './schema/index.ts';

/** What one edge says that it carries, since an epoch was raised. */
export interface CarriedWord {
  readonly edgeId: string;
  readonly raisedAtMs: number;
  readonly block: Block;
}

/**
 * What becomes of it. `release`: the edge may stop carrying it, so that is said. `report`: one edge
 * alone is not enough, and its word is kept for the next one and for people.
 */
export type CarriedStep = 'none' | 'adopt' | 'release' | 'report';

const carriedReason = 'carried over a change of the epoch';
/** As the admin API takes a reason. */
const reasonCharactersMax = 512;
/** Words of one edge, since one raise, that are kept for others to confirm. */
const reportsPerEdgeMax = 100;

/**
 * `known`: the revocation that has the id, locked where the step is to be taken. It is the same
 * block only if it is of the same subject and lasts as long: an id alone says nothing, because a
 * hostile edge may have been the first to name it.
 */
export async function carriedStep(
  db: Executor,
  word: CarriedWord,
  known: RevocationRow | null,
): Promise<CarriedStep> {
  const { block } = word;
  if (known !== null) {
    const same = isSameTarget(known, block);
    if (same && known.liftedAtMs !== null) return 'release';
    if (same && lastsAsLong(known, block)) return 'none';
    const others = await adoptedUnderOtherId(db, block);
    if (others.some((row) => row.liftedAtMs !== null)) return 'release';
    // The edge goes on carrying it: a lift names no end, and others may carry it for longer.
    if (others.some((row) => lastsAsLong(row, block))) return 'none';
  }
  return block.kind === 'everyone' || block.kind === 'edge' ? wideStep(db, word) : 'adopt';
}

/**
 * The ops after which no edge carries the block: the lift of the row that it carries, and the known
 * row again where that is of the same name.
 */
export function releaseOps(block: Block, known: RevocationRow | null): RevokeOp[] {
  const { revocationId, kind, subjectId } = block;
  const lifted: LiftedBlock = { op: 'lifted_block', revocationId, kind, subjectId };
  const stays = known !== null && isSameTarget(known, block) && known.leftLaneAtMs === null;
  return stays ? [lifted, blockOp(known)] : [lifted];
}

/**
 * The reason of an adopted block, which names the edge, and under another id (`known` has its own)
 * the one that edges carry. Edges know no reasons: that of the block itself is kept where `known`
 * is of the same subject and was written here.
 */
export function reasonOf({ edgeId, block }: CarriedWord, known: RevocationRow | null): string {
  if (known === null) return `${carriedReason} by ${edgeId}`;
  const reason = `${underOtherId(block)}${edgeId}`;
  const isOurs = isSameTarget(known, block) && !known.createdBy.startsWith(carriedBy(''));
  return isOurs ? `${reason}: ${known.reason}`.slice(0, reasonCharactersMax) : reason;
}

/** How the reason of a block begins that was adopted under another id than edges carry. */
function underOtherId({ revocationId }: Block): string {
  return `${carriedReason} as ${revocationId} by `;
}

/** Who created an adopted block. */
export function carriedBy(edgeId: string): string {
  return `carried:${edgeId}`;
}

/** What the audit keeps of a block, and by what two words of it are the same. */
export function auditDetail({ kind, subjectId, expiresAtMs }: Block) {
  return { kind, subjectId, expiresAtMs };
}

function isSameTarget(row: RevocationRow, block: Block): boolean {
  return row.effect === 'block' && row.target === block.kind && row.subjectId === block.subjectId;
}

function lastsAsLong(row: RevocationRow, { expiresAtMs }: Block): boolean {
  if (row.expiresAtMs === null) return true;
  return expiresAtMs !== null && row.expiresAtMs >= expiresAtMs;
}

async function adoptedUnderOtherId(db: Executor, block: Block): Promise<RevocationRow[]> {
  return db
    .select()
    .from(revocations)
    .where(
      and(
        eq(revocations.target, block.kind as RevocationTarget),
        eq(revocations.subjectId, block.subjectId),
        sql`starts_with(${revocations.reason}, ${underOtherId(block)})`,
        like(revocations.createdBy, carriedBy('%')),
      ),
    );
}

/**
 * A block that can shut everybody out takes two edges, or a person, who makes a block of the same
 * subject with the id in its reason, and ends both by its lift.
 */
async function wideStep(db: Executor, word: CarriedWord): Promise<CarriedStep> {
  const { edgeId, block, raisedAtMs } = word;
  const reports = await db
    .select({ edgeId: adminAudit.actorId, detail: adminAudit.detail })
    .from(adminAudit)
    .where(
      and(
        eq(adminAudit.resource, 'revocation'),
        eq(adminAudit.resourceId, block.revocationId),
        eq(adminAudit.verb, 'report'),
        gte(adminAudit.atMs, raisedAtMs),
      ),
    );
  const said = reports.filter(({ detail }) => isSameWord(detail, block));
  if (said.some((report) => report.edgeId !== edgeId)) return 'adopt';
  const made = await madeByPerson(db, block);
  if (made.some((row) => row.liftedAtMs !== null)) return 'release';
  if (made.length > 0) return 'none';
  if (said.length > 0) return 'none';
  return (await countReports(db, word)) < reportsPerEdgeMax ? 'report' : 'none';
}

function isSameWord(detail: Readonly<Record<string, unknown>>, block: Block): boolean {
  return Object.entries(auditDetail(block)).every(([name, value]) => detail[name] === value);
}

async function madeByPerson(db: Executor, block: Block): Promise<RevocationRow[]> {
  return db
    .select()
    .from(revocations)
    .where(
      and(
        eq(revocations.target, block.kind as RevocationTarget),
        eq(revocations.subjectId, block.subjectId),
        eq(revocations.effect, 'block'),
        like(revocations.reason, `%${block.revocationId}%`),
        not(like(revocations.createdBy, carriedBy('%'))),
      ),
    );
}

async function countReports(db: Executor, { edgeId, raisedAtMs }: CarriedWord): Promise<number> {
  return db.$count(
    adminAudit,
    and(
      eq(adminAudit.resource, 'revocation'),
      eq(adminAudit.verb, 'report'),
      eq(adminAudit.actorId, edgeId),
      gte(adminAudit.atMs, raisedAtMs),
    ),
  );
}
