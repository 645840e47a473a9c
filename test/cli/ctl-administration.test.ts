import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExitCode } from '../../src/cli/exit-code.ts';
import { type RunningBroker, startBroker } from '../../src/index.ts';
import { Ctl } from './ctl-harness.ts';

let broker: RunningBroker;
let program: Ctl;

beforeAll(async () => {
  broker = await startBroker({ port: 0, managementPort: 0 });
  program = Ctl.over(broker);
});
afterAll(() => broker.close());

const ctl = (...args: string[]) => program.print(...args);
const exitCode = (...args: string[]) => program.exitCode(...args);

// What is expected here is what rabbitmqctl 3.10.8 prints.

describe('users', () => {
  it('are added, listed, tagged and deleted', async () => {
    expect(await ctl('add_user', 'ann', 'first')).toMatch(/^Adding user "ann" \.\.\.\nDone\. Don't forget/);
    await expect(ctl('add_user', 'ann', 'other')).rejects.toThrow('User "ann" already exists');
    expect(await ctl('set_user_tags', 'ann', 'monitoring', 'management')).toBe(
      'Setting tags for user "ann" to [monitoring, management] ...\n',
    );
    expect(await ctl('list_users')).toBe(
      'Listing users ...\nuser\ttags\nann\t[monitoring, management]\nguest\t[administrator]\n',
    );
    expect(await ctl('-q', 'list_users')).toMatch(/^user\ttags\nann\t/);
    expect(await ctl('list_users', '-s')).toMatch(/^ann\t/);
    expect(await ctl('list_users', '--formatter', 'json')).toBe(
      '[\n{"user":"ann","tags":["monitoring","management"]}\n,{"user":"guest","tags":["administrator"]}\n]\n',
    );
    expect(await ctl('delete_user', 'ann')).toBe('Deleting user "ann" ...\n');
    expect(await ctl('-s', 'list_users')).toBe('guest\t[administrator]\n');
  });

  it('keep their passwords when their tags change, and their tags when their passwords do', async () => {
    await ctl('add_user', 'bob', 'first');
    await ctl('set_user_tags', 'bob', 'policymaker');
    expect(await ctl('authenticate_user', 'bob', 'first')).toBe('Authenticating user "bob" ...\nSuccess\n');
    await ctl('change_password', 'bob', 'second');
    expect(await exitCode('authenticate_user', 'bob', 'first')).toBe(ExitCode.Data);
    expect(await exitCode('authenticate_user', 'bob', 'second')).toBe(ExitCode.Ok);
    // Without a tag that opens the HTTP API, the login is no less good.
    await ctl('set_user_tags', 'bob');
    expect(await exitCode('authenticate_user', 'bob', 'second')).toBe(ExitCode.Ok);
    await ctl('clear_password', 'bob');
    expect(await exitCode('authenticate_user', 'bob', 'second')).toBe(ExitCode.Data);
    await ctl('delete_user', 'bob');
  });

  it('have limits', async () => {
    await ctl('add_user', 'bob', 'x');
    await ctl('set_user_limits', 'bob', '{"max-connections": 5, "max-channels": 9}');
    expect(await ctl('list_user_limits', 'bob')).toBe(
      'Listing limits for user "bob" ...\n{"max-connections":5,"max-channels":9}\n',
    );
    await ctl('clear_user_limits', 'bob', 'max-channels');
    expect(await ctl('-q', 'list_user_limits')).toBe('user\tlimits\nbob\t{"max-connections":5}\n');
    expect(await ctl('clear_user_limits', 'bob', 'all')).toBe('Clearing all limits for user "bob" ...\n');
    expect(await ctl('-q', 'list_user_limits', 'bob')).toBe('{}\n');
    await expect(ctl('set_user_limits', 'bob', '{"max-channels": "nine"}')).rejects.toThrow(
      'the limit max-channels should be an integer, such as 100, or -1 for none',
    );
    await ctl('delete_user', 'bob');
  });
});

describe('permissions', () => {
  it('are set, listed and cleared', async () => {
    await ctl('add_user', 'ann', 'x');
    expect(await ctl('set_permissions', '-p', '/', 'ann', '^a', '', '.*')).toBe(
      'Setting permissions for user "ann" in vhost "/" ...\n',
    );
    expect(await ctl('list_permissions')).toBe(
      'Listing permissions for vhost "/" ...\nuser\tconfigure\twrite\tread\nann\t^a\t\t.*\nguest\t.*\t.*\t.*\n',
    );
    expect(await ctl('-q', 'list_user_permissions', 'ann')).toBe(
      'vhost\tconfigure\twrite\tread\n/\t^a\t\t.*\n',
    );
    await ctl('clear_permissions', 'ann');
    expect(await exitCode('clear_permissions', 'ann')).toBe(ExitCode.Ok);
    expect(await ctl('-s', 'list_user_permissions', 'ann')).toBe('');
    await ctl('delete_user', 'ann');
  });

  it('for topics, too', async () => {
    await ctl('set_topic_permissions', 'guest', 'amq.topic', '^w', '^r');
    await ctl('set_topic_permissions', 'guest', 'events', '^w', '^r');
    expect(await ctl('list_topic_permissions')).toBe(
      'Listing topic permissions for vhost "/" ...\nuser\texchange\twrite\tread\n' +
        'guest\tamq.topic\t^w\t^r\nguest\tevents\t^w\t^r\n',
    );
    await ctl('clear_topic_permissions', 'guest', 'events');
    expect(await ctl('-s', 'list_user_topic_permissions', 'guest')).toBe('/\tamq.topic\t^w\t^r\n');
    await ctl('clear_topic_permissions', 'guest');
    expect(await ctl('-s', 'list_topic_permissions')).toBe('');
  });
});

describe('virtual hosts', () => {
  it('are added, changed, listed and deleted', async () => {
    expect(await ctl('add_vhost', 'v1', '--description', 'a b', '--tags', 'x,y')).toBe(
      'Adding vhost "v1" ...\n',
    );
    expect(await ctl('list_vhosts', 'name', 'description', 'tags')).toBe(
      'Listing vhosts ...\nname\tdescription\ttags\n/\tDefault virtual host\t[]\nv1\ta b\t[x, y]\n'.replace(
        'Default virtual host',
        broker.administration.vhosts.get('/')?.metadata.description ?? '',
      ),
    );
    await ctl('set_vhost_tags', 'v1', 'z');
    await ctl('update_vhost_metadata', 'v1', '--default-queue-type', 'quorum');
    expect(broker.administration.vhosts.get('v1')?.metadata).toEqual({
      description: 'a b',
      tags: ['z'],
      defaultQueueType: 'quorum',
    });
    expect(await ctl('trace_on', '-p', 'v1')).toBe(
      'Starting tracing for vhost "v1" ...\nTrace enabled for vhost v1\n',
    );
    expect(await ctl('-s', 'list_vhosts', 'name', 'tracing')).toBe('/\tfalse\nv1\ttrue\n');
    expect(await ctl('-q', 'trace_off', '-p', 'v1')).toBe('Trace disabled for vhost v1\n');
    await ctl('delete_vhost', 'v1');
    expect(await ctl('-s', 'list_vhosts')).toBe('/\n');
  });

  it('have limits', async () => {
    await ctl('set_vhost_limits', '{"max-queues": 5}');
    expect(await ctl('list_vhost_limits')).toBe('Listing limits for vhost "/" ...\n{"max-queues":5}\n');
    expect(await ctl('-q', 'list_vhost_limits', '--global')).toBe('vhost\tlimits\n/\t{"max-queues":5}\n');
    await ctl('set_vhost_limits', '{"max-connections": 7}');
    expect(await ctl('-q', 'list_vhost_limits')).toBe('{"max-connections":7}\n');
    await ctl('clear_vhost_limits');
    expect(await exitCode('clear_vhost_limits')).toBe(ExitCode.Ok);
    expect(await ctl('-q', 'list_vhost_limits')).toBe('{}\n');
  });
});

describe('policies and parameters', () => {
  it.each([
    ['policy', 'policies', 'policy', 'policies'],
    ['operator_policy', 'operator_policies', 'operator policy override', 'operator policy overrides'],
  ])('%s', async (verb, verbs, one, many) => {
    const definition = '{"message-ttl":1000}';
    expect(await ctl(`set_${verb}`, 'ttl', '^q', definition, '--priority', '3', '--apply-to', 'queues')).toBe(
      `Setting ${one} "ttl" for pattern "^q" to "${definition}" with priority "3" for vhost "/" ...\n`,
    );
    expect(await ctl(`list_${verbs}`)).toBe(
      `Listing ${many} for vhost "/" ...\nvhost\tname\tpattern\tapply-to\tdefinition\tpriority\n` +
        `/\tttl\t^q\tqueues\t${definition}\t3\n`,
    );
    await ctl(`clear_${verb}`, 'ttl');
    await expect(ctl(`clear_${verb}`, 'ttl')).rejects.toThrow('Parameter does not exist');
    expect(await exitCode(`clear_${verb}`, 'ttl')).toBe(ExitCode.Unavailable);
  });

  it('global parameters, and parameters of components', async () => {
    await ctl('set_global_parameter', 'gp', '{"a":1}');
    expect(await ctl('-s', 'list_global_parameters')).toContain('gp\t{"a":1}\n');
    await ctl('clear_global_parameter', 'gp');
    expect(await exitCode('clear_global_parameter', 'gp')).toBe(ExitCode.Unavailable);
    await ctl('set_parameter', 'vhost-limits', 'limits', '{"max-queues":9}');
    expect(await ctl('list_parameters')).toBe(
      'Listing runtime parameters for vhost "/" ...\ncomponent\tname\tvalue\n' +
        'vhost-limits\tlimits\t{"max-queues":9}\n',
    );
    await ctl('clear_parameter', 'vhost-limits', 'limits');
    await ctl('set_cluster_name', 'rabbits');
    expect(broker.administration.parameters.getGlobal('cluster_name')?.value).toBe('rabbits');
  });
});

describe('what cannot be done', () => {
  it.each([
    [['add_user'], ExitCode.Usage],
    [['delete_user', 'a', 'b'], ExitCode.Usage],
    [['set_permissions', 'guest', 'a', 'b'], ExitCode.Usage],
    [['list_vhosts', 'nmae'], ExitCode.Usage],
    [['delete_user', 'nobody'], ExitCode.NoUser],
    [['change_password', 'nobody', 'x'], ExitCode.NoUser],
    [['set_user_tags', 'nobody'], ExitCode.NoUser],
    [['set_permissions', 'nobody', '', '', ''], ExitCode.NoUser],
    [['list_user_permissions', 'nobody'], ExitCode.Unavailable],
    [['delete_vhost', 'nope'], ExitCode.Data],
    [['list_permissions', '-p', 'nope'], ExitCode.Data],
    [['list_policies', '-p', 'nope'], ExitCode.Data],
    [['trace_on', '-p', 'nope'], ExitCode.Data],
    [['set_permissions', '-p', 'nope', 'guest', '', '', ''], ExitCode.Unavailable],
    [['set_policy', 'p', '^q', 'no json'], ExitCode.Unavailable],
    [['set_permissions', 'guest', '[', '.*', '.*'], ExitCode.Unavailable],
    [['set_policy', 'p', '[', '{"message-ttl":1}'], ExitCode.Unavailable],
    [['set_vhost_limits', '{"max-odd":1}'], ExitCode.Unavailable],
    [['set_user_limits', 'guest', '{"max-odd":1}'], ExitCode.Unavailable],
    [['set_parameter', 'odd', 'n', '{}'], ExitCode.Unavailable],
  ])('%j ends with %i', async (args, code) => {
    expect(await exitCode(...args)).toBe(code);
  });
});
