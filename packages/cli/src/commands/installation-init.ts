import { chmod, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors';
import {
  createInstallation,
  type Installation,
  type InstallationFile,
} from '@sallyport/shared/init/installation';
import { action, type CommandFile } from '../call.ts';
import { errorCode } from '../client/settings.ts';
import { Failure } from '../exit.ts';
import { collect } from './options.ts';

interface Options {
  readonly dir: string;
  readonly trustDomain: string;
  readonly adminHost?: readonly string[];
}

/** `init`: keys, authorities and the first token of a new deployment, in one folder. */
export const registerInit: CommandFile = (program, session) => {
  program
    .command('init')
    .summary('make the keys and certificates of a new deployment')
    .description(
      'Makes everything that a control plane needs for its first start, in one new folder: the root key, the certificate authorities, the key file, a certificate for the admin API and the first owner token. It talks to nothing.',
    )
    .requiredOption('--dir <dir>', 'folder to make; it must be empty or not there yet')
    .requiredOption('--trust-domain <name>', 'DNS name that all identities stand under')
    .option(
      '--admin-host <host>',
      'host name or address of the admin API, repeatable (default: localhost and 127.0.0.1)',
      collect,
    )
    .addHelpText(
      'after',
      '\nExample:\n  sallyport init --dir ./sallyport --trust-domain corp.example --admin-host access.corp.example',
    )
    .action(
      action<Options>(session, async ({ options, output }) => {
        const dir = resolve(options.dir);
        await makeEmptyFolder(dir);
        const installation = await create(options);
        for (const file of installation.files) await writeNew(dir, file);
        output.result(
          {
            dir,
            files: installation.files.map(({ path }) => path),
            trustDomain: options.trustDomain,
          },
          () => nextSteps(dir, options.adminHost?.[0] ?? 'localhost'),
        );
        return 'ok';
      }),
    );
};

async function create({ trustDomain, adminHost = [] }: Options): Promise<Installation> {
  try {
    return await createInstallation({ trustDomain, adminHosts: adminHost, nowMs: Date.now() });
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    throw new Failure('invalid', 'the installation cannot be made', { problems: error.problems });
  }
}

/** Makes the folder with mode 0700, or takes an empty one. */
async function makeEmptyFolder(dir: string): Promise<void> {
  try {
    // Folders above are somebody's to pass through; only the last one is private.
    await mkdir(dirname(dir), { recursive: true });
    await makePrivate(dir);
    if ((await readdir(dir)).length > 0) {
      throw new Failure('failed', `${dir} is not empty; init never overwrites keys`);
    }
    await chmod(dir, 0o700);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('failed', `${dir} cannot be used (${errorCode(error)})`, { cause: error });
  }
}

async function makePrivate(dir: string): Promise<void> {
  try {
    await mkdir(dir, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** Writes a file that must not be there yet, and has it on disk before it returns. */
async function writeNew(dir: string, file: InstallationFile): Promise<void> {
  const path = join(dir, file.path);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(path, 'wx', file.mode);
    try {
      await handle.writeFile(file.contents);
      // The umask may have taken bits from the mode of a file that is meant to be public.
      await handle.chmod(file.mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Failure('failed', `${path} cannot be written (${errorCode(error)})`, {
      cause: error,
    });
  }
}

function nextSteps(dir: string, adminHost: string): string {
  return `The keys of the new deployment are in ${dir}

1. Move ${join(dir, 'root.key.pem')} offline now. It is needed only to
   endorse new keys; a running control plane does not need it.
2. Keep ${join(dir, 'key-file')} apart from the backups of the database.
   Every replica needs it, and it opens the private keys in the database.
3. Start the control plane:
     SALLYPORT_HOME=${dir} node packages/control-plane/src/main.ts
   It imports seed.json once; after that you may delete that file.
4. Administer it with the owner token, which is in ${join(dir, 'owner-token')}:
     export SALLYPORT_URL=https://${adminHost}:8443
     export SALLYPORT_CA=${join(dir, 'ca', 'admin.pem')}
     export SALLYPORT_TOKEN_FILE=${join(dir, 'owner-token')}
     sallyport edges
   Make tokens with smaller roles for daily work: sallyport tokens create --help
`;
}
