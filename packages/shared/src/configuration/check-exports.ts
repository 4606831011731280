import type { SettingsDocument } from './documents.ts';
import { type Complain, type Context, checkTrustBundle } from './references.ts';
import { hostProblem, targetUrlProblem } from './urls.ts';

/** Where records and events go, beyond what the schemas see. */

type Settings = SettingsDocument['spec'];
type Export = NonNullable<Settings['exports']>[number];
type Webhook = NonNullable<Settings['webhooks']>[number];

const exportsPath = '/spec/exports';
const webhooksPath = '/spec/webhooks';

/** Each export has one way out, a name of its own, and goes where the settings allow it. */
export function checkExports(
  entries: readonly Export[],
  context: Context,
  complain: Complain,
): void {
  checkNames(entries, exportsPath, complain);
  const files = new Set<string>();
  for (const [index, { file, syslog, otlp }] of entries.entries()) {
    const path = `${exportsPath}/${index}`;
    if ([file, syslog, otlp].filter((way) => way !== undefined).length !== 1) {
      complain(path, 'must have exactly one of file, syslog and otlp');
    }
    if (file !== undefined) checkFile(file.path, files, `${path}/file/path`, complain);
    if (syslog !== undefined) {
      const problem = hostProblem(syslog.host, context.internal);
      if (problem !== null) complain(`${path}/syslog/host`, problem);
      checkBundle(syslog.trustBundle, `${path}/syslog`, context, complain);
    }
    if (otlp !== undefined) checkTarget(otlp, `${path}/otlp`, context, complain);
  }
}

/** Each webhook has a name of its own and goes where the settings allow it. */
export function checkWebhooks(
  entries: readonly Webhook[],
  context: Context,
  complain: Complain,
): void {
  checkNames(entries, webhooksPath, complain);
  for (const [index, webhook] of entries.entries()) {
    checkTarget(webhook, `${webhooksPath}/${index}`, context, complain);
  }
}

function checkTarget(
  { url, trustBundle }: { readonly url: string; readonly trustBundle?: string },
  path: string,
  context: Context,
  complain: Complain,
): void {
  const problem = targetUrlProblem(url, context.internal);
  if (problem !== null) complain(`${path}/url`, problem);
  checkBundle(trustBundle, path, context, complain);
}

function checkBundle(
  name: string | undefined,
  path: string,
  context: Context,
  complain: Complain,
): void {
  checkTrustBundle(name, 'export', `${path}/trustBundle`, context, complain);
}

/** Two writers of one file would cut each other's lines. */
function checkFile(file: string, seen: Set<string>, path: string, complain: Complain): void {
  const parts = file.split('/').slice(1);
  const odd = parts.some((part) => part === '' || part === '.' || part === '..');
  if (odd || /\p{Cc}/u.test(file)) {
    complain(path, 'must be the path of a file, without //, /./, /../ and control characters');
  }
  if (seen.has(file)) complain(path, 'is the file of another export');
  // Rotation would take it for a full one, move it on and remove it in the end.
  const rotated = [...seen].some((other) => isRotated(file, other) || isRotated(other, file));
  if (rotated) complain(path, 'is the name of a full file of another export');
  seen.add(file);
}

/** `a.jsonl.7` of `a.jsonl`. */
function isRotated(file: string, of: string): boolean {
  return file.startsWith(`${of}.`) && /^[1-9]\d{0,3}$/.test(file.slice(of.length + 1));
}

function checkNames(
  entries: readonly { readonly name: string }[],
  path: string,
  complain: Complain,
): void {
  const names = entries.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) complain(`${path}/${index}/name`, `${name} is here twice`);
  }
}
