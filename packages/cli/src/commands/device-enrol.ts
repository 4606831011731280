import { writeFile } from 'node:fs/promises';
import { action, argument, type Call, type CommandFile } from '../call.ts';
import { type Api, apiPath } from '../client/api.ts';
import { findUserId } from '../client/find.ts';
import { type Json, readObject, readText, show, showTime } from '../client/reading.ts';
import { errorCode } from '../client/settings.ts';
import { Failure } from '../exit.ts';
import { readSources } from '../sources.ts';
import { noun } from './options.ts';

interface Options {
  readonly csr?: string;
  readonly certificate?: string;
  readonly device?: string;
  readonly owner?: string;
  readonly managed?: boolean;
  readonly validDays?: string;
  readonly out?: string;
}

/** `devices enrol`: a device and its certificate, in one go. */
export const registerDeviceEnrol: CommandFile = (program, session) => {
  noun(program, 'devices', '')
    .command('enrol')
    .summary('enrol a device with a certificate')
    .description(
      'Makes a device and enrols a certificate for it: one that our authority issues for a request (--csr), or one of another authority (--certificate). The private key stays where it is. With --device the certificate goes to a device that is there.',
    )
    .argument('[name]', 'name of the new device')
    .option('--csr <file>', 'certificate request, PEM; - for standard input')
    .option('--certificate <file>', 'certificate of another authority, PEM')
    .option('--device <id>', 'add the certificate to this device')
    .option('--owner <user>', 'id or e-mail address of the owner')
    .option('--managed', 'the company manages it')
    .option('--valid-days <n>', 'life of the issued certificate')
    .option('--out <file>', 'write the issued certificate there instead of to standard output')
    .addHelpText(
      'after',
      `
Example, with a key made by OpenSSL on the device:
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
    -keyout device.key -subj /CN=laptop -out device.csr
  sallyport devices enrol 'Alice laptop' --owner alice@corp.example --managed \\
    --csr device.csr --out device.pem`,
    )
    .action(action<Options>(session, enrol));
};

async function enrol(call: Call<Options>): Promise<'ok'> {
  const { options, output } = call;
  const order = await certificateOrder(call);
  const api = call.api();
  const deviceId = options.device ?? (await createDevice(api, argument(call, 0), options));
  const certificate = await enrolCertificate(api, deviceId, order);
  const pem = readText(certificate, 'certificate');
  if (options.out !== undefined) await write(options.out, pem);
  output.note(`enrolled ${deviceId}, certificate until ${showTime(certificate, 'notAfter')}`);
  output.result(certificate, () => (options.out === undefined ? pem : ''));
  return 'ok';
}

async function certificateOrder({ args, options, terminal }: Call<Options>): Promise<Json> {
  const { csr, certificate, device, owner, managed, validDays } = options;
  if ((csr === undefined) === (certificate === undefined)) {
    throw new Failure('usage', 'give either --csr or --certificate');
  }
  if ((device === undefined) === (args[0] === undefined)) {
    throw new Failure('usage', 'give either the name of a new device or --device');
  }
  if (device !== undefined && (owner !== undefined || managed !== undefined)) {
    throw new Failure('usage', '--owner and --managed are for a new device');
  }
  const [source] = await readSources([csr ?? certificate ?? ''], terminal);
  const pem = source?.text ?? '';
  if (csr === undefined) return { certificate: pem };
  return validDays === undefined ? { csr: pem } : { csr: pem, validDays: Number(validDays) };
}

async function createDevice(api: Api, name: string, options: Options): Promise<string> {
  const { owner, managed } = options;
  const { body } = await api.send('POST', apiPath('devices'), {
    name,
    ...(managed === true ? { managed } : {}),
    ...(owner === undefined ? {} : { ownerUserId: await findUserId(api, owner) }),
  });
  return show(readObject(body, 'the device'), 'id');
}

async function enrolCertificate(api: Api, deviceId: string, order: Json): Promise<Json> {
  try {
    const { body } = await api.send('POST', apiPath('devices', deviceId, 'certificates'), order);
    return readObject(body, 'the certificate');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // The device may be there already; the user must not make a second one.
    throw error.withMessage(`${error.message} (go on with --device ${deviceId})`);
  }
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new Failure('failed', `${path} cannot be written (${errorCode(error)})`, {
      cause: error,
    });
  }
}
