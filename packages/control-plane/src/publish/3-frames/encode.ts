import { toBinary } from '@bufbuild/protobuf';
import { type SyncMessage, SyncResponseSchema, syncResponse } from '@sallyport/proto';

/** An encoded SyncResponse: made once, written to many streams. */
export type Encoded = Buffer;

export function encodeMessage(message: SyncMessage): Encoded {
  const bytes = toBinary(SyncResponseSchema, syncResponse(message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
