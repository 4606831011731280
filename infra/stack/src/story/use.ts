import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StackDescription, StackUser } from '../stack.ts';

const commandLine = join(import.meta.dirname, '../../../../bin/sallyport');
const run = promisify(execFile);
/** A .p12 needs one; it protects nothing here. */
const p12Password = 'sallyport';

/** What to try with a running stack, by hand. Makes a .p12 of each device for browsers. */
export async function describeUse(stack: StackDescription): Promise<string> {
  const { hosts, edges, ca, users } = stack;
  const [edge] = edges;
  const [alice] = users;
  if (edge === undefined || alice === undefined) return '';
  const [bundle = null] = await Promise.all(users.map(makeP12));
  const wiki = `https://${hosts.wiki}:${edge.port}/`;
  return `The stack is up. Ctrl-C ends it.

edges      ${edges.map(({ region, port }) => `${region} on port ${port}`).join(', ')}
admin API  ${stack.controlPlanes[0]?.url ?? ''}  (owner token: ${stack.tokens.owner})
people     ${users.map(({ email, password }) => `${email} ${password}`).join('\n           ')}

In a browser
  1. Import the authority ${ca}
     as one that may identify websites (Firefox, Chromium: settings, certificates, authorities).
  2. Import a device (settings, certificates, your certificates): ${describeDevice(alice, bundle)}
  3. Open ${wiki} and sign in as ${alice.email}.
     Then https://${hosts.reports}:${edge.port}/ (another domain, no second sign-in) and
     https://${hosts.admin}:${edge.port}/ (for administrators: a page that says no, and why).

With curl
  curl --cacert ${ca} \\
    --cert ${alice.device.cert} \\
    --key ${alice.device.key} \\
    -H 'Accept: text/html' -L -c jar -b jar ${wiki}
  or the whole sign-in, a revoke and its lift, in the folder of the repository:
  tests/e2e/curl.sh ${join(stack.dir, 'stack.json')}

With the command line
  SALLYPORT_URL=${stack.controlPlanes[0]?.url ?? ''} SALLYPORT_CA=${ca} \\
    SALLYPORT_TOKEN=${stack.tokens.owner} \\
    ${commandLine} sessions
`;
}

function describeDevice({ device }: StackUser, bundle: string | null): string {
  if (bundle !== null) return `${bundle}, password "${p12Password}"`;
  return `there is no openssl here; with it:
     openssl pkcs12 -export -in ${device.cert} -inkey ${device.key} -out alice.p12`;
}

/** The file, or null when there is no openssl to make it with. */
async function makeP12({ device }: StackUser): Promise<string | null> {
  const file = device.cert.replace(/\.pem$/, '.p12');
  const from = ['-in', device.cert, '-inkey', device.key, '-name', device.id];
  try {
    await run('openssl', [
      'pkcs12',
      '-export',
      ...from,
      '-out',
      file,
      '-passout',
      `pass:${p12Password}`,
    ]);
    return file;
  } catch {
    return null;
  }
}
