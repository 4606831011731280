import { parseHostPattern } from '@sallyport/policy';
import type { SettingsDocument } from '@sallyport/shared/configuration/documents';
import type { FrontAsker } from '../current.ts';

/** The front proxies that may ask for verdicts, by the fingerprints of their certificates. */
export function frontAskers(
  written: SettingsDocument['spec']['forwardAuth'],
): ReadonlyMap<string, FrontAsker> {
  const askers = new Map<string, FrontAsker>();
  for (const { name, dialect, certificates, deviceCertificates, hosts } of written?.proxies ?? []) {
    const patterns = hosts.map(readPattern);
    const asker: FrontAsker = {
      name,
      dialect,
      deviceCertificates: deviceCertificates ?? false,
      covers: (host) => patterns.some((matches) => matches(host)),
    };
    for (const certificate of certificates) askers.set(certificate, asker);
  }
  return askers;
}

function readPattern(text: string): (host: string) => boolean {
  const pattern = parseHostPattern(text);
  if (pattern === null) throw new TypeError(`Settings: ${text} is not a host`);
  if (pattern.kind === 'exact') return (host) => host === pattern.host;
  // The star stands for one label, as in routes.
  return (host) => {
    const dot = host.indexOf('.');
    return dot > 0 && host.slice(dot + 1) === pattern.suffix;
  };
}
