/**
 * Whether this is the one redirect URI of a provider: https, the sign-in host of the settings (any
 * port), the provider's own path, and written in the one canonical way.
 */
export function isRedirectUriOf(provider: string, signInHost: string, uri: string): boolean {
  if (!URL.canParse(uri)) return false;
  const url = new URL(uri);
  return (
    url.href === uri &&
    url.protocol === 'https:' &&
    url.hostname === signInHost &&
    url.pathname === `/.well-known/sallyport/callback/${provider}` &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    !uri.endsWith('?') &&
    !uri.endsWith('#')
  );
}
