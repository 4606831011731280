import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Log } from '@sallyport/shared/log';
import { contextOptions } from '../request/1-listen/tls-options.ts';
import type { ServerCertificate } from '../state/current.ts';

/** Where one certificate of the public listener and its key are. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Reads one certificate of the public listener with its key and checks that TLS can use the two
 * together, with all that the listener asks for. A problem comes back as a sentence.
 */
export function readServerCertificate({
  certificate,
  key,
}: CertificateFiles): ServerCertificate | string {
  try {
    const certificatePem = readFileSync(certificate, 'utf8');
    const privateKeyPem = readFileSync(key, 'utf8');
    if (!new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(privateKeyPem))) {
      return `${key} is not the key of ${certificate}`;
    }
    createSecureContext({ ...contextOptions, cert: certificatePem, key: privateKeyPem });
    return { certificatePem, privateKeyPem };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown error';
    return `${certificate} with ${key} cannot be used (${reason})`;
  }
}

/** All of them, or the problems. */
export function readServerCertificates(files: readonly CertificateFiles[]): {
  readonly certificates: readonly ServerCertificate[];
  readonly problems: readonly string[];
} {
  const read = files.map(readServerCertificate);
  return {
    certificates: read.filter((one): one is ServerCertificate => typeof one !== 'string'),
    problems: read.filter((one) => typeof one === 'string'),
  };
}

interface CertificateWatch {
  readonly look: () => void;
  readonly stop: () => void;
  /** How often files were found that cannot be used. */
  readonly failures: number;
}

/**
 * Looks at the files every `everyMs` and on demand; hands on a new set only if all of it can be
 * used. A bad one leaves the old one serving, and is counted once until the files change again.
 */
export function watchServerCertificates(
  files: readonly CertificateFiles[],
  onChange: (certificates: readonly ServerCertificate[]) => void,
  log: Log,
  everyMs: number,
): CertificateWatch {
  let failures = 0;
  let last = fingerprint(readServerCertificates(files));
  const look = (): void => {
    const read = readServerCertificates(files);
    const now = fingerprint(read);
    if (now === last) return;
    last = now;
    if (read.problems.length > 0) {
      failures += 1;
      log.error('listener.certificates_unusable', { problems: read.problems });
      return;
    }
    log.info('listener.certificates_changed');
    onChange(read.certificates);
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    look,
    stop: () => clearInterval(timer),
    get failures() {
      return failures;
    },
  };
}

function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
