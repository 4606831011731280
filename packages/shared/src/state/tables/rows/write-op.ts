import type { RowLane, RowOp } from '../lane.ts';
import { writeBlock, writeBlockIdentity } from './block.ts';
import { writeDevice, writeDeviceKey } from './device.ts';
import { writeDeviceCertificate, writeDeviceCertificateKey } from './device-certificate.ts';
import { writeEndedSession, writeEndedSessionKey } from './ended-session.ts';
import { writeGeneration } from './generation.ts';
import type { RowWriter } from './row-writer.ts';
import { writeSignal, writeSignalIdentity } from './signal.ts';
import { writeUser, writeUserKey } from './user.ts';

/** What becomes of the row: `raise` puts it only where its value is above the one that is there. */
export type RowAction = 'put' | 'raise' | 'remove';

interface OpWriter<Op extends RowOp> {
  readonly lane: RowLane;
  readonly action: RowAction;
  /** Writes the row, or for a removal what tells it apart. */
  readonly write: (out: RowWriter, op: Op) => void;
}

type OpWriters = {
  readonly [Name in RowOp['op']]: OpWriter<Extract<RowOp, { readonly op: Name }>>;
};

const opWriters: OpWriters = {
  generation: { lane: 'revoke', action: 'raise', write: writeGeneration },
  ended_session: { lane: 'revoke', action: 'put', write: writeEndedSession },
  forgotten_session: {
    lane: 'revoke',
    action: 'remove',
    write: (out, op) => writeEndedSessionKey(out, op.sid),
  },
  block: { lane: 'revoke', action: 'put', write: writeBlock },
  lifted_block: { lane: 'revoke', action: 'remove', write: writeBlockIdentity },
  signal: { lane: 'signals', action: 'put', write: writeSignal },
  deleted_signal: { lane: 'signals', action: 'remove', write: writeSignalIdentity },
  user: { lane: 'directory', action: 'put', write: writeUser },
  deleted_user: {
    lane: 'directory',
    action: 'remove',
    write: (out, op) => writeUserKey(out, op.id),
  },
  device: { lane: 'directory', action: 'put', write: writeDevice },
  deleted_device: {
    lane: 'directory',
    action: 'remove',
    write: (out, op) => writeDeviceKey(out, op.id),
  },
  device_certificate: { lane: 'directory', action: 'put', write: writeDeviceCertificate },
  deleted_device_certificate: {
    lane: 'directory',
    action: 'remove',
    write: (out, op) => writeDeviceCertificateKey(out, op.sha256),
  },
};

/** Writes the op's row behind those in `out`. Throws TableLimitError when it cannot be a row. */
export function writeOp(out: RowWriter, lane: RowLane, op: RowOp): RowAction {
  const writer = opWriters[op.op] as OpWriter<RowOp>;
  if (writer.lane !== lane) throw new TypeError(`op ${op.op} does not belong to the lane ${lane}`);
  writer.write(out, op);
  return writer.action;
}
