import { action, argument, type Call, type CommandFile } from '../call.ts';
import { describeApplied, waitsForApproval } from '../changes.ts';
import { type Api, apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { findGroupId, findUserId } from '../client/find.ts';
import { checkThere } from '../client/missing.ts';
import { readObject } from '../client/reading.ts';
import { type Exit, Failure } from '../exit.ts';
import { deletableHelp, subjectOf } from '../kinds.ts';
import { type Resource, type ResourceName, resourcePath, resources } from '../resources.ts';

/** `delete`: takes a document out of the set, or deletes another resource. */
export const registerDelete: CommandFile = (program, session) => {
  program
    .command('delete')
    .summary('delete a configuration document or another resource')
    .description(
      'Takes one document out of the live set, which makes a new version, or deletes another resource. To refuse somebody at once, use revoke.',
    )
    .argument('<kind>', deletableHelp)
    .argument('<name>', 'name of the document or group, address of the user, or id')
    .option('--confirm', 'a document even if more users lose access than the settings allow')
    .addHelpText(
      'after',
      `
Examples:
  sallyport delete Route old-wiki
  sallyport delete device dev_01k…`,
    )
    .action(action<Options>(session, remove));
};

interface Options {
  readonly confirm?: boolean;
}

async function remove(call: Call<Options>): Promise<Exit> {
  const subject = subjectOf(argument(call, 0));
  const name = argument(call, 1);
  if (subject.type === 'config') throw new Failure('usage', 'delete one document at a time');
  if (subject.type === 'document') {
    const api = call.api();
    const { body } = await api
      .send('POST', apiPath('config:apply'), {
        delete: [{ kind: subject.kind, name }],
        ...(call.options.confirm === true && { confirm: true }),
      })
      .catch(async (error: unknown) => {
        // The API takes a name that is not there for an invalid set.
        if (error instanceof Failure && error.exit === 'invalid') {
          await checkThere(api, subject.kind, name);
        }
        throw error;
      });
    const answer = readObject(body, 'the new version');
    call.output.result(answer, () => describeApplied(answer));
    return waitsForApproval(answer) ? 'needs_approval' : 'ok';
  }
  const resource: Resource = resources[subject.name];
  if (!resource.deletable) {
    throw new Failure('usage', `a ${resource.singular} cannot be deleted; see revoke`);
  }
  const api = call.api();
  const id = await idOf(api, subject.name, name);
  await orNotFound(
    api.send('DELETE', resourcePath(resource, id)),
    `there is no ${resource.singular} ${name}`,
  );
  call.output.result({ deleted: name }, () => `deleted ${resource.singular} ${name}`);
  return 'ok';
}

function idOf(api: Api, resource: ResourceName, name: string): string | Promise<string> {
  if (resource === 'groups') return findGroupId(api, name);
  return resource === 'users' ? findUserId(api, name) : name;
}
