import { SallyportError } from '@sallyport/shared/errors';
import { AuthorizationResponseError, ResponseBodyError } from 'openid-client';

/** Why a provider's answer gave no identity. `detail` is for logs: codes and our own words only. */
export interface ProviderFailure {
  readonly failure: 'refused' | 'provider_unavailable';
  readonly detail: string;
}

/** Sorts what openid-client threw, by type and code, never by its text. */
export function providerFailure(error: unknown): ProviderFailure {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; depth++) {
    if (cause instanceof SallyportError && cause.code === 'provider_unavailable') {
      return { failure: 'provider_unavailable', detail: cause.message };
    }
    if (cause instanceof AuthorizationResponseError) {
      return { failure: 'refused', detail: `the provider answered ${errorName(cause.error)}` };
    }
    if (cause instanceof ResponseBodyError) {
      return cause.status >= 500
        ? { failure: 'provider_unavailable', detail: `token endpoint answered ${cause.status}` }
        : { failure: 'refused', detail: `token endpoint answered ${errorName(cause.error)}` };
    }
    cause = cause.cause;
  }
  const response = error instanceof Error ? error.cause : undefined;
  if (response instanceof Response && response.status >= 500) {
    return { failure: 'provider_unavailable', detail: `the provider answered ${response.status}` };
  }
  const code = error instanceof Error && 'code' in error ? errorName(error.code) : 'unknown';
  if (code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT') {
    return { failure: 'provider_unavailable', detail: 'the provider did not answer in time' };
  }
  return { failure: 'refused', detail: `the provider's answer did not verify (${code})` };
}

/** A code that came from outside is only repeated if it looks like one. */
function errorName(value: unknown): string {
  return typeof value === 'string' && /^[A-Za-z_]{1,64}$/.test(value) ? value : 'an error';
}
