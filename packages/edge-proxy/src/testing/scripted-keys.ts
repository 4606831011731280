import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { signKey } from '@sallyport/shared/keys/root';
import { signingPurposes } from '@sallyport/shared/sync/signing';
import {
  type SigningKeyPair,
  SigningKeys,
  signingKeyPair,
} from '@sallyport/shared/sync/signing-keys';
import type { RootKey } from './sample-state.ts';

/** A key of every purpose that the root vouches for, live for longer than any test runs. */
export function scriptedKeys(root: RootKey, name = 'scripted'): SigningKeys {
  return new SigningKeys(
    signingPurposes.map((purpose): SigningKeyPair => {
      const { publicKey, privateKeyPem } = newEd25519KeyPair();
      const endorsed = {
        keyId: `${name}-${purpose}`,
        purpose,
        publicKey,
        notBeforeMs: 0,
        notAfterMs: 4_102_444_800_000,
      };
      return signingKeyPair(signKey(endorsed, root.privateKey), privateKeyPem);
    }),
  );
}
