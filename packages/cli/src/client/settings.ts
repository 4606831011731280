import { readFileSync, statSync } from 'node:fs';
import { isToken } from '@sallyport/shared/keys/tokens';
import { Failure } from '../exit.ts';

/** How to reach the control plane, and as whom. */
export interface ClientSettings {
  /** Origin, `https://host:port`. */
  readonly origin: string;
  readonly token: string;
  /** PEM of the authority of the server's certificate; null: the authorities of the system. */
  readonly ca: string | null;
}

export interface ClientOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
}

export const defaultUrl = 'https://localhost:8443';

/**
 * Options before environment, environment before defaults. All of it is checked before anything is
 * sent. `warn` hears of a token file that others can read.
 */
export function readClientSettings(
  options: ClientOptions,
  env: Readonly<Record<string, string | undefined>>,
  warn: (text: string) => void,
): ClientSettings {
  const origin = readOrigin(options.url ?? nonEmpty(env['SALLYPORT_URL']) ?? defaultUrl);
  const caFile = options.ca ?? nonEmpty(env['SALLYPORT_CA']);
  const ca = caFile === undefined ? null : readText(caFile, 'the CA file');
  if (ca !== null && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new Failure('usage', `the CA file ${caFile} holds no PEM certificate`);
  }
  return { origin, ca, token: readToken(options, env, warn) };
}

function readOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw new Failure('usage', `${text} is not a URL`);
  if (url.protocol !== 'https:') {
    throw new Failure('usage', `${text} is not an https URL; a token never travels in clear text`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.pathname !== '/') {
    throw new Failure('usage', `the URL must be only https://host:port, ${url.origin} for example`);
  }
  return url.origin;
}

function readToken(
  options: ClientOptions,
  env: Readonly<Record<string, string | undefined>>,
  warn: (text: string) => void,
): string {
  const given = options.tokenFile === undefined ? nonEmpty(env['SALLYPORT_TOKEN']) : undefined;
  const file = options.tokenFile ?? nonEmpty(env['SALLYPORT_TOKEN_FILE']);
  if (given === undefined && file === undefined) {
    throw new Failure(
      'refused',
      'no token: name its file with --token-file or SALLYPORT_TOKEN_FILE, or set SALLYPORT_TOKEN',
    );
  }
  const token = (given ?? readTokenFile(file ?? '', warn)).trim();
  if (!isToken('adm', token)) {
    throw new Failure('refused', 'what was given as the token is not one of the admin API');
  }
  return token;
}

function readTokenFile(file: string, warn: (text: string) => void): string {
  const text = readText(file, 'the token file');
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    warn(`sallyport: warning: others can read the token file ${file}; chmod 600 it`);
  }
  return text;
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure('usage', `${what} ${file} cannot be read (${errorCode(error)})`, {
      cause: error,
    });
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** The system's code of a failure (`ENOENT`), or what there is instead. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
