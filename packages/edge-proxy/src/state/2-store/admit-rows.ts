import { opsFromBytes, UnreadableOpsError } from '@sallyport/proto';
import type { Lane, StateOp } from '@sallyport/shared/state/model';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { NackCode } from '@sallyport/shared/sync/messages';
import { laneOf } from './lane-ops.ts';

export type AdmittedRows =
  | { readonly ok: true; readonly ops: readonly StateOp[] }
  | { readonly ok: false; readonly refusal: Problem };

/** More ops in one frame are refused; a lane's whole state comes in shards without this limit. */
const frameOpsMax = 10_000;
/** Larger bodies are refused unread: a message has 4 MiB at the most, one of `revoke` far less. */
const bodyBytesMax: Readonly<Record<Lane, number>> = {
  revoke: 1_048_576,
  signals: 1_048_576,
  config: 4_194_304,
  directory: 4_194_304,
};

/** Decodes a frame's body and checks that every op belongs to the lane. */
export function admitRows(lane: Lane, body: Uint8Array): AdmittedRows {
  if (body.length > bodyBytesMax[lane]) return refused('LIMIT', `a body of ${body.length} bytes`);
  let ops: readonly StateOp[];
  try {
    ops = opsFromBytes(body);
  } catch (error) {
    if (error instanceof UnreadableOpsError) return refused('SCHEMA', error.message);
    throw error;
  }
  if (ops.length > frameOpsMax) return refused('LIMIT', `${ops.length} ops in one frame`);
  const stray = ops.find((op) => laneOf(op) !== lane);
  if (stray !== undefined) return refused('SCHEMA', `an op ${stray.op} in the lane ${lane}`);
  return { ok: true, ops };
}

function refused(code: NackCode, detail: string): AdmittedRows {
  return { ok: false, refusal: { code, detail } };
}
