import { opsFromBytes, UnreadableOpsError } from '@sallyport/proto';
import type { Lane, StateOp } from '@sallyport/shared/state/model';
import { laneOf } from '../2-store/lane-ops.ts';

export type RefusalCode =
  | 'SIGNATURE'
  | 'SCHEMA'
  | 'LIMIT'
  | 'COMPILE'
  | 'DEPENDENCY'
  | 'DIGEST'
  | 'INTERNAL';

/** Why something was not taken; the control plane gets it as a NACK. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
}

export type AdmittedRows =
  | { readonly ok: true; readonly ops: readonly StateOp[] }
  | { readonly ok: false; readonly refusal: Refusal };

/** More ops in one frame are refused; a lane's whole state comes in shards without this limit. */
export const frameOpsMax = 10_000;

/** Decodes a body and checks that every op belongs to the lane. */
export function admitRows(lane: Lane, body: Uint8Array, opsMax: number): AdmittedRows {
  let ops: readonly StateOp[];
  try {
    ops = opsFromBytes(body);
  } catch (error) {
    if (error instanceof UnreadableOpsError) return refused('SCHEMA', error.message);
    throw error;
  }
  if (ops.length > opsMax) return refused('LIMIT', `${ops.length} ops in one frame`);
  const stray = ops.find((op) => laneOf(op) !== lane);
  if (stray !== undefined) return refused('SCHEMA', `an op ${stray.op} in the lane ${lane}`);
  return { ok: true, ops };
}

function refused(code: RefusalCode, detail: string): AdmittedRows {
  return { ok: false, refusal: { code, detail } };
}
