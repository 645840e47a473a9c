import { expect, it } from 'vitest';
import { ctl } from '../../src/cli/ctl/ctl.ts';
import { brokerName } from '../harness/broker.ts';
import { rabbitmqProgram } from './rabbitmq-program.ts';
import { laterVerbs, verbs, verbsOfPlugins } from './verbs.ts';

/** `   add_user      Creates a new user`, in the list of `help`. */
const helpLine = /^ {3}([a-z_]+)/gm;

if (brokerName === 'rabbitmq') {
  it.each(Object.keys(verbs))('the commands of %s are all listed', async (program) => {
    const { stdout, stderr } = await rabbitmqProgram(program, ['help']);
    const [, list = ''] = `${stdout}${stderr}`.split('Available commands:');
    const found = new Set([...list.matchAll(helpLine)].map(([, verb]) => verb));
    // Plugins that happen to be enabled are no matter.
    for (const verb of verbsOfPlugins) found.delete(verb);
    expect([...found].sort()).toEqual(verbs[program]);
  });
} else {
  it.each([...Object.entries(verbs), ['plugins', verbsOfPlugins], ['later versions', laterVerbs]] as const)(
    'every command of %s is known, or it is said why not and what to use instead',
    async (_program, names) => {
      for (const name of names.filter((each) => each !== 'help' && each !== 'version')) {
        let printed = '';
        await ctl(['help', name], (text) => {
          printed += text;
        });
        expect(printed).toContain(`leveretctl ${name}`);
      }
    },
  );
}
