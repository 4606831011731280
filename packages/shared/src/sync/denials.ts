import type { Block, EndedSession, Generation, RevokeOp } from '../state/model.ts';

/** What only ever takes access away. */
export type Denial = Generation | EndedSession | Block;

/** The denials among ops of the revoke lane: what may be enforced ahead of its turn. */
export function denialsOf(ops: readonly RevokeOp[]): Denial[] {
  return ops.filter(isDenial);
}

/** Whether the op can only take access away. A lift and a forgotten session cannot. */
export function isDenial(op: RevokeOp): op is Denial {
  switch (op.op) {
    case 'generation':
    case 'ended_session':
    case 'block':
      return true;
    case 'lifted_block':
    case 'forgotten_session':
      return false;
  }
}

/** The row that an op speaks of, so that two of the same row can be told. */
export function denialKey(op: RevokeOp): string {
  switch (op.op) {
    case 'generation':
      return `generation\0${op.scope}\0${op.subjectId}`;
    case 'ended_session':
    case 'forgotten_session':
      return `ended_session\0${op.sid}`;
    case 'block':
    case 'lifted_block':
      return blockKey(op);
  }
}

/** Of two denials of one row the one with more takes more away: value or end. */
export function denialWeight(denial: Denial): number {
  switch (denial.op) {
    case 'generation':
      return denial.value;
    case 'ended_session':
      return denial.expiresAtMs;
    case 'block':
      return denial.expiresAtMs ?? Number.POSITIVE_INFINITY;
  }
}

/** The row that a block is, by what its lift names too. */
export function blockKey(block: Pick<Block, 'revocationId' | 'kind' | 'subjectId'>): string {
  return `block\0${block.kind}\0${block.subjectId}\0${block.revocationId}`;
}
