import type { Lane, StateOp } from '@sallyport/shared/state/model';

/** Which lane each op belongs to; an op in another lane is refused. */
const laneOfOp = {
  generation: 'revoke',
  ended_session: 'revoke',
  block: 'revoke',
  lifted_block: 'revoke',
  forgotten_session: 'revoke',
  signal: 'signals',
  deleted_signal: 'signals',
  bundle: 'config',
  deleted_bundle: 'config',
  release: 'config',
  edge_keys: 'config',
  deleted_edge: 'config',
  signing_key: 'config',
  deleted_signing_key: 'config',
  secret_ref: 'config',
  deleted_secret: 'config',
  user: 'directory',
  deleted_user: 'directory',
  device: 'directory',
  deleted_device: 'directory',
  device_certificate: 'directory',
  deleted_device_certificate: 'directory',
} as const satisfies Record<StateOp['op'], Lane>;

type LaneOfOp = typeof laneOfOp;
export type OpOf<L extends Lane> = Extract<
  StateOp,
  {
    readonly op: {
      [Name in keyof LaneOfOp]: LaneOfOp[Name] extends L ? Name : never;
    }[keyof LaneOfOp];
  }
>;

/** The lane whose rows the op changes. */
export function laneOf(op: StateOp): Lane {
  return laneOfOp[op.op];
}

/** Whether the op belongs to the lane. */
export function isOpOf<L extends Lane>(lane: L, op: StateOp): op is OpOf<L> {
  return laneOfOp[op.op] === lane;
}
