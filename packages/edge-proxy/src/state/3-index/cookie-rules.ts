import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import type { CookieRules } from '../current.ts';

/** What a route's document takes out of Cookie; null: nothing. */
export function cookieRules(cookies: RouteDocument['spec']['cookies']): CookieRules | null {
  const { removeLegacy: legacy = false, remove = [] } = cookies ?? {};
  if (!legacy && remove.length === 0) return null;
  const starred = remove.filter((name) => name.endsWith('*'));
  return {
    legacy,
    names: new Set(remove.filter((name) => !name.endsWith('*'))),
    beginnings: starred.map((name) => name.slice(0, -1)),
  };
}
