import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { refuseTickets } from '@sallyport/shared/tls/tickets';
import { contextOptions } from '../request/1-listen/tls-options.ts';
import type { ServerCertificate } from '../state/current.ts';

/** Where one certificate of the public listener and its key are. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** More than any chain has. */
const bytesMax = 1_048_576;

/**
 * Reads one certificate of the public listener with its key and checks that TLS can use the two
 * together, with all that the listener asks for. A problem comes back as a sentence.
 */
export function readServerCertificate({
  certificate,
  key,
}: CertificateFiles): ServerCertificate | string {
  try {
    const certificatePem = readSmall(certificate);
    const privateKeyPem = readSmall(key);
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

/** Reading waits for nobody: this is the thread that answers for the edge's health. */
function readSmall(path: string): string {
  const found = statSync(path);
  if (!found.isFile()) throw new Error(`${path} is no file`);
  if (found.size > bytesMax) throw new Error(`${path} is larger than ${bytesMax} bytes`);
  return readFileSync(path, 'utf8');
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

/** Throws TicketsSentError where who is served with one of them would get session tickets. */
export async function refuseTicketsWith(files: readonly CertificateFiles[]): Promise<void> {
  const [served] = readServerCertificates(files).certificates;
  if (served === undefined) return;
  const { certificatePem: cert, privateKeyPem: key } = served;
  await refuseTickets({ ...contextOptions, cert, key });
}

interface CertificateWatch {
  readonly look: () => void;
  readonly stop: () => void;
  /** How often files were found that cannot be used. */
  readonly failures: number;
}

/** The same, where those that clients would not take now are a problem as well. */
function readValid(files: readonly CertificateFiles[], nowMs: number) {
  const { certificates, problems } = readServerCertificates(files);
  const untimely = certificates.flatMap(({ certificatePem }) => {
    const { validFromDate, validToDate, subjectAltName = '' } = new X509Certificate(certificatePem);
    const isValid = validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
    const life = `${validFromDate.toISOString()} to ${validToDate.toISOString()}`;
    return isValid ? [] : [`the certificate for ${subjectAltName} is valid from ${life}`];
  });
  return { certificates, problems: [...problems, ...untimely] };
}

/**
 * Looks at the files every `everyMs` and on demand; hands on a new set only if all of it can be
 * used, and now. A bad one leaves the old one serving, and is counted once until that changes.
 */
export function watchServerCertificates(
  files: readonly CertificateFiles[],
  onChange: (certificates: readonly ServerCertificate[]) => void,
  log: Log,
  everyMs: number,
  clock: Clock,
): CertificateWatch {
  let failures = 0;
  let last = fingerprint(readServerCertificates(files));
  const look = (): void => {
    const read = readValid(files, clock());
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
