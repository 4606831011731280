import type { RowOp } from '../lane.ts';

/** What a table must hold, as a plain map: the rows by what tells them apart. */
export type PlainModel = Map<string, RowOp>;

/** Applies one op to the model. */
export function applyToModel(model: PlainModel, op: RowOp): void {
  switch (op.op) {
    case 'generation': {
      const key = name('generation', op.scope, op.subjectId);
      const before = model.get(key);
      if (op.value > (before?.op === 'generation' ? before.value : 0)) model.set(key, op);
      return;
    }
    case 'ended_session':
      return void model.set(name('session', op.sid), op);
    case 'forgotten_session':
      return void model.delete(name('session', op.sid));
    case 'block':
      return void model.set(name('block', op.kind, op.subjectId, op.revocationId), op);
    case 'lifted_block':
      return void model.delete(name('block', op.kind, op.subjectId, op.revocationId));
    case 'signal':
      return void model.set(name('signal', op.subject, op.subjectId, op.name), op);
    case 'deleted_signal':
      return void model.delete(name('signal', op.subject, op.subjectId, op.name));
    case 'user':
      return void model.set(name('user', op.id), op);
    case 'deleted_user':
      return void model.delete(name('user', op.id));
    case 'device':
      return void model.set(name('device', op.id), op);
    case 'deleted_device':
      return void model.delete(name('device', op.id));
    case 'device_certificate':
      return void model.set(name('certificate', op.sha256), op);
    case 'deleted_device_certificate':
      return void model.delete(name('certificate', op.sha256));
  }
}

/** What tells a row apart, as text. */
export function nameOf(op: RowOp): string {
  const model: PlainModel = new Map();
  applyToModel(model, op);
  return [...model.keys()][0] ?? '';
}

function name(...parts: string[]): string {
  return JSON.stringify(parts);
}
