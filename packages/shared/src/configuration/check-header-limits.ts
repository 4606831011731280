import { type HeaderLimits, headerLimits, usualHeaderLimits } from '../http/header-limits.ts';
import type { ConfigurationDocument, RouteDocument, SettingsDocument } from './documents.ts';
import type { Complain } from './references.ts';

/** The limits of the settings among the documents. */
export function limitsOfSettings(documents: readonly ConfigurationDocument[]): HeaderLimits {
  const settings = documents.find((document) => document.kind === 'Settings');
  return headerLimits(settings?.spec.headerLimits, usualHeaderLimits);
}

/** Cookies are part of the headers. */
export function checkLimitsOfSettings(
  written: SettingsDocument['spec']['headerLimits'],
  complain: Complain,
): void {
  const { bytesMax, cookieBytesMax } = headerLimits(written, usualHeaderLimits);
  if (written?.cookieBytesMax === undefined || cookieBytesMax <= bytesMax) return;
  complain('/spec/headerLimits/cookieBytesMax', `is more than all headers may have, ${bytesMax}`);
}

/** A route's limits come after those of the settings: above them they would say nothing. */
export function checkHeaderLimits(
  written: RouteDocument['spec']['headerLimits'],
  settings: HeaderLimits,
  complain: Complain,
): void {
  const { bytesMax, cookieBytesMax, audit = false } = written ?? {};
  if (audit && bytesMax === undefined && cookieBytesMax === undefined) {
    complain('/spec/headerLimits', 'has nothing to audit: it needs bytesMax or cookieBytesMax');
  }
  for (const field of ['bytesMax', 'cookieBytesMax'] as const) {
    const bytes = written?.[field];
    if (bytes === undefined || bytes <= settings[field]) continue;
    const message = `is more than ${settings[field]}, which the settings let through`;
    complain(`/spec/headerLimits/${field}`, message);
  }
}
