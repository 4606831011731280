import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readPage } from '../client/pages.ts';
import { show, showTime } from '../client/reading.ts';
import { writeRows } from '../output/rows.ts';
import { noun } from './options.ts';

/** `devices certificates` and `devices withdraw`. */
export const registerDeviceCertificates: CommandFile = (program, session) => {
  const devices = noun(program, 'devices', '');
  devices
    .command('certificates')
    .summary('list the certificates of a device')
    .argument('<device>', 'id')
    .action(
      action(session, async (call) => {
        const path = apiPath('devices', argument(call, 0), 'certificates');
        const page = await readPage(call.api(), path, {});
        writeRows(
          call.output,
          [
            { heading: 'SHA-256', cell: (row) => show(row, 'sha256') },
            { heading: 'SOURCE', cell: (row) => show(row, 'source') },
            { heading: 'NOT BEFORE', cell: (row) => showTime(row, 'notBefore') },
            { heading: 'NOT AFTER', cell: (row) => showTime(row, 'notAfter') },
          ],
          page,
        );
        return 'ok';
      }),
    );
  devices
    .command('withdraw')
    .summary('take a certificate from a device')
    .description('Takes a certificate from a device. One of our own is blocked until it expires.')
    .argument('<device>', 'id')
    .argument('<sha256>', 'of the certificate')
    .action(
      action(session, async (call) => {
        const [device, sha256] = [argument(call, 0), argument(call, 1)];
        await call.api().send('DELETE', apiPath('devices', device, 'certificates', sha256));
        call.output.result({ device, withdrawn: sha256 }, () => `withdrew ${sha256}`);
        return 'ok';
      }),
    );
};
