import { create } from '@bufbuild/protobuf';
import {
  type FetchSecretsRequest,
  type FetchSecretsResponse,
  FetchSecretsResponseSchema,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { open, type SealKey } from '@sallyport/shared/seal';
import { type Database, read } from '../store/database.ts';
import { findSecretsOf, secretContext } from '../store/secrets.ts';
import { CallError } from './call-error.ts';

const idsMax = 64;

/**
 * The values of secrets that edges may hold. An id that is not one of those, whether there is such
 * a secret or not, is simply absent from the answer.
 */
export async function fetchSecrets(
  database: Database,
  sealKey: SealKey,
  request: FetchSecretsRequest,
): Promise<FetchSecretsResponse> {
  if (request.ids.length > idsMax) {
    throw new CallError(status.INVALID_ARGUMENT, `more than ${idsMax} secrets were asked for`);
  }
  const rows = await read(database, (db) => findSecretsOf(db, 'edge', request.ids));
  return create(FetchSecretsResponseSchema, {
    secrets: rows.map(({ id, version, sealedValue }) => ({
      id,
      version: BigInt(version),
      value: open(sealKey, sealedValue, secretContext(id, version)),
    })),
  });
}
