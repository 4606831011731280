/**
 * What an upstream is told about a request, in the header `Sallyport-Assertion`. A contract with
 * applications: claims are added, never renamed.
 */
export interface AssertionClaims {
  readonly issuer: string;
  /** The audience of the route; an upstream takes assertions for its own audience only. */
  readonly audience: string;
  /** User id. */
  readonly subject: string;
  readonly email: string;
  /** Those that the route asks for and the user has. */
  readonly groups: readonly string[];
  readonly deviceId: string | null;
  /** SHA-256 of the device certificate, lower-case hex; null: the request had none. */
  readonly certificateSha256: string | null;
  readonly sid: string;
  /** RFC 8176. */
  readonly amr: readonly string[];
  /** Unique for each assertion. */
  readonly tokenId: string;
  readonly issuedAtSeconds: number;
  readonly expiresAtSeconds: number;
}

export const assertionHeader = 'Sallyport-Assertion';
/** `typ` of the JWT, so that no other token of ours is taken for one. */
export const assertionType = 'sallyport-assertion+jwt';
export const assertionAlgorithm = 'ES256';

/** The longest life of an assertion that verifiers accept. */
export const assertionSecondsMax = 300;
