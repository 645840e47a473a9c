/**
 * Command lines of rabbitmqctl, rabbitmq-diagnostics and rabbitmq-queues, run one after the other, and what must be the
 * same of Leveret's and RabbitMQ's:
 *
 * - `all`: the exit code and everything that is printed
 * - `columns`: the exit code and the first line: what is below depends on the broker
 * - `keys`: the exit code and the names in the first JSON object
 * - `code`: the exit code; the words are each broker's own
 */
export type Compared = 'all' | 'columns' | 'keys' | 'code';

export interface Case {
  readonly line: string;
  readonly compared: Compared;
}

/** A queue of each kind, an exchange, bindings, a policy: imported by the first command. */
export const definitions = {
  users: [],
  vhosts: [],
  permissions: [],
  topic_permissions: [],
  parameters: [],
  global_parameters: [],
  policies: [
    {
      vhost: '/',
      name: 'ttl',
      pattern: '^ord',
      'apply-to': 'queues',
      priority: 3,
      definition: { 'message-ttl': 60000 },
    },
  ],
  queues: [
    { name: 'orders', vhost: '/', durable: true, auto_delete: false, arguments: { 'x-max-length': 5 } },
    {
      name: 'quorum',
      vhost: '/',
      durable: true,
      auto_delete: false,
      arguments: { 'x-queue-type': 'quorum' },
    },
    { name: 'log', vhost: '/', durable: true, auto_delete: false, arguments: { 'x-queue-type': 'stream' } },
  ],
  exchanges: [
    {
      name: 'events',
      vhost: '/',
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    },
  ],
  bindings: [
    {
      source: 'events',
      vhost: '/',
      destination: 'orders',
      destination_type: 'queue',
      routing_key: 'order.#',
      arguments: {},
    },
  ],
};

/** `FILE` stands for the file with {@link definitions}, `NEW` for one that can be written. */
export const cases: readonly Case[] = [
  ...lines('all', [
    'rabbitmqctl -q import_definitions FILE',

    // Users
    'rabbitmqctl add_user',
    'rabbitmqctl -q add_user ann first',
    'rabbitmqctl set_user_tags ann monitoring management',
    'rabbitmqctl list_users',
    'rabbitmqctl -q list_users',
    'rabbitmqctl -s list_users',
    'rabbitmqctl list_users --no-table-headers',
    'rabbitmqctl list_users --formatter json',
    'rabbitmqctl -q list_users --formatter csv',
    'rabbitmqctl authenticate_user ann first',
    'rabbitmqctl change_password ann second',
    'rabbitmqctl clear_password ann',
    'rabbitmqctl set_user_limits ann \'{"max-connections":5}\'',
    'rabbitmqctl -q list_user_limits --global',
    'rabbitmqctl clear_user_limits ann max-connections',

    // Permissions
    "rabbitmqctl set_permissions -p / ann '^a' '' '.*'",
    'rabbitmqctl list_permissions -p /',
    'rabbitmqctl list_user_permissions ann',
    "rabbitmqctl set_topic_permissions ann amq.topic '^w' '^r'",
    'rabbitmqctl list_topic_permissions',
    'rabbitmqctl clear_topic_permissions ann amq.topic',
    'rabbitmqctl clear_permissions ann',

    // Virtual hosts
    'rabbitmqctl add_vhost shop --description Shop --tags a,b',
    'rabbitmqctl set_vhost_tags shop c',
    'rabbitmqctl -q list_vhosts name tags tracing',
    'rabbitmqctl set_vhost_limits -p shop \'{"max-queues":5}\'',
    'rabbitmqctl list_vhost_limits -p shop',
    'rabbitmqctl clear_vhost_limits -p shop',
    'rabbitmqctl trace_on -p shop',
    'rabbitmqctl trace_off -p shop',
    'rabbitmqctl delete_vhost shop',

    // Policies and parameters
    "rabbitmqctl set_policy short '^q' '{\"max-length\":7}' --priority 2 --apply-to queues",
    'rabbitmqctl list_policies',
    'rabbitmqctl -q list_policies --formatter json',
    'rabbitmqctl clear_policy short',
    "rabbitmqctl set_operator_policy cap '^q' '{\"max-length\":9}'",
    'rabbitmqctl list_operator_policies',
    'rabbitmqctl clear_operator_policy cap',
    'rabbitmqctl set_global_parameter gp \'{"a":1}\'',
    'rabbitmqctl clear_global_parameter gp',
    'rabbitmqctl set_parameter vhost-limits limits \'{"max-queues":99}\'',
    'rabbitmqctl list_parameters',
    'rabbitmqctl clear_parameter vhost-limits limits',
    'rabbitmqctl set_cluster_name rabbits',

    // Lists
    'rabbitmqctl list_queues',
    'rabbitmqctl -q list_queues name type durable auto_delete arguments policy messages consumers',
    'rabbitmqctl -q list_queues name messages --formatter json',
    'rabbitmqctl -q list_queues name messages durable policy --formatter csv',
    'rabbitmqctl -q list_queues -p / name exclusive_consumer_pid owner_pid --formatter json',
    'rabbitmqctl -q list_queues name messages --formatter json_stream',
    'rabbitmqctl -q list_users --formatter json_stream',
    'rabbitmqctl -s list_queues name,messages_ready',
    'rabbitmqctl -q list_queues --online name',
    'rabbitmqctl -q list_queues --offline name',
    'rabbitmqctl -q list_exchanges name type durable auto_delete internal policy',
    'rabbitmqctl list_bindings source_name destination_name routing_key arguments',
    'rabbitmqctl -q list_connections',
    'rabbitmqctl -q list_connections --formatter json',
    'rabbitmqctl -q list_channels',
    'rabbitmqctl -q list_consumers',
    'rabbitmqctl -q list_unresponsive_queues',
    'rabbitmqctl -q list_feature_flags',

    // Queues
    'rabbitmqctl purge_queue orders',
    'rabbitmqctl delete_queue orders --if-empty --if-unused',

    // The broker
    'rabbitmq-diagnostics -q ping',
    'rabbitmq-diagnostics -s ping',
    'rabbitmq-diagnostics ping --formatter json',
    'rabbitmq-diagnostics check_local_alarms --formatter json',
    'rabbitmq-diagnostics -s check_local_alarms',
    'rabbitmqctl -q add_vhost json --formatter json',
    'rabbitmqctl -q delete_vhost json --formatter json',
    'rabbitmq-diagnostics -q check_alarms',
    'rabbitmq-diagnostics -q check_local_alarms',
    'rabbitmq-diagnostics -q check_virtual_hosts',
    'rabbitmq-diagnostics -q check_protocol_listener amqp',
    'rabbitmqctl -q await_startup',
    'rabbitmqctl -q await_online_nodes 1',
    'rabbitmqctl -q set_vm_memory_high_watermark 0.5',
    'rabbitmqctl -q set_vm_memory_high_watermark absolute 2GiB',
    'rabbitmqctl -q set_disk_free_limit 60MB',
    'rabbitmqctl -q set_disk_free_limit mem_relative 0.001',
    'rabbitmqctl -q suspend_listeners',
    'rabbitmqctl -q resume_listeners',
    'rabbitmqctl -q enable_feature_flag all',
    'rabbitmqctl -q restart_vhost',
    'rabbitmqctl -q export_definitions NEW',
    'rabbitmqctl close_all_connections -p / maintenance',
  ]),
  ...lines('columns', [
    'rabbitmqctl -q list_global_parameters',
    'rabbitmqctl -q list_exchanges',
    'rabbitmqctl -q list_bindings',
  ]),
  ...lines('keys', [
    'rabbitmqctl -q list_vhosts --formatter json name description tags default_queue_type tracing cluster_state',
    'rabbitmqctl -q list_bindings --formatter json',
    'rabbitmq-streams -q stream_status log --formatter json',
    'rabbitmqctl -q list_exchanges --formatter json',
    'rabbitmq-diagnostics -q alarms --formatter json',
    'rabbitmq-diagnostics -q listeners --formatter json',
    'rabbitmq-diagnostics -q server_version --formatter json',
  ]),
  ...lines('code', [
    'rabbitmqctl status',
    'rabbitmqctl status --formatter json',
    'rabbitmqctl cluster_status',
    'rabbitmqctl environment',
    'rabbitmqctl report',
    'rabbitmqctl version',
    'rabbitmqctl help',
    'rabbitmqctl help list_queues',
    'rabbitmq-diagnostics check_running',
    'rabbitmq-diagnostics check_port_connectivity',
    'rabbitmq-queues quorum_status quorum',
    'rabbitmq-streams stream_status log --tracking',
    'rabbitmq-streams stream_status orders',
    'rabbitmqctl list_user_topic_permissions ann',
    'rabbitmq-diagnostics memory_breakdown --unit MB',
    'rabbitmq-diagnostics check_certificate_expiration --within 4 --unit weeks',
    'rabbitmq-diagnostics check_port_listener 9',
    'rabbitmq-diagnostics check_port_listener nine',
    'rabbitmq-diagnostics check_protocol_listener gopher',
    'rabbitmq-diagnostics is_running',
    'rabbitmq-diagnostics is_booting',
    'rabbitmq-diagnostics os_env',
    'rabbitmq-diagnostics tls_versions',
    'rabbitmq-diagnostics certificates',
    'rabbitmq-diagnostics resolve_hostname localhost',
    'rabbitmq-diagnostics discover_peers',
    'rabbitmq-queues check_if_node_is_quorum_critical',
    'rabbitmq-queues check_if_node_is_mirror_sync_critical',
    'rabbitmq-queues rebalance all',
    'rabbitmq-diagnostics erlang_version --details',
    'rabbitmqctl list_user_limits --user ann',
    'rabbitmq-upgrade await_online_quorum_plus_one',
    'rabbitmq-upgrade await_online_synchronized_mirror',
    'rabbitmq-upgrade post_upgrade',
    'rabbitmq-upgrade drain',
    'rabbitmq-upgrade revive',
    'rabbitmq-plugins list',
    'rabbitmq-plugins list --minimal --enabled',
    'rabbitmq-plugins is_enabled rabbitmq_management',
    'rabbitmq-plugins enable rabbitmq_management',

    // What cannot be done
    'rabbitmqctl',
    'rabbitmqctl list_queue',
    'rabbitmqctl list_queues nmae',
    'rabbitmqctl list_queues --nope',
    'rabbitmqctl list_users --if-empty',
    'rabbitmqctl delete_user a b',
    'rabbitmqctl delete_user nobody',
    'rabbitmqctl add_user ann again',
    'rabbitmqctl authenticate_user ann wrong',
    'rabbitmqctl set_user_tags nobody x',
    'rabbitmqctl change_password nobody x',
    "rabbitmqctl set_permissions nobody '' '' ''",
    "rabbitmqctl set_permissions -p nope ann '' '' ''",
    'rabbitmqctl list_permissions -p nope',
    'rabbitmqctl delete_vhost nope',
    "rabbitmqctl set_policy p '^q' no-json",
    'rabbitmqctl set_parameter vhost-limits limits no-json',
    'rabbitmqctl set_global_parameter gp no-json',
    'rabbitmqctl set_vhost_limits no-json',
    'rabbitmqctl set_user_limits ann no-json',
    'rabbitmqctl list_vhost_limits -p nope',
    'rabbitmqctl list_policies -p nope',
    'rabbitmqctl list_parameters -p nope',
    "rabbitmqctl set_policy -p nope p '^q' '{\"message-ttl\":1}'",
    'rabbitmqctl delete_queue -p nope q',
    'rabbitmqctl purge_queue -p nope q',
    'rabbitmqctl close_all_user_connections nobody x',
    'rabbitmqctl list_user_permissions nobody',
    'rabbitmqctl clear_permissions nobody',
    'rabbitmqctl clear_permissions -p nope ann',
    'rabbitmqctl add_vhost /',
    'rabbitmqctl set_vhost_tags nope x',
    'rabbitmqctl await_online_nodes 2 -t 1',
    'rabbitmqctl forget_cluster_node rabbit@nowhere',
    'rabbitmqctl import_definitions FILE --format xml',
    "rabbitmqctl set_policy p '[' '{\"message-ttl\":1}'",
    'rabbitmqctl clear_policy nope',
    'rabbitmqctl clear_parameter a b',
    'rabbitmqctl delete_queue nope',
    'rabbitmqctl purge_queue nope',
    'rabbitmqctl close_connection nobody x',
    'rabbitmqctl set_vm_memory_high_watermark much',
    'rabbitmqctl set_vm_memory_high_watermark absolute much',
    'rabbitmqctl set_disk_free_limit much',
    'rabbitmqctl set_log_level loud',
    'rabbitmqctl import_definitions /nonexistent/definitions.json',
    'rabbitmqctl export_definitions /nonexistent/definitions.json',
    'rabbitmqctl enable_feature_flag nope',
    'rabbitmqctl restart_vhost -p nope',
    'rabbitmqctl wait --pid 999999 -t 2',
    'rabbitmq-queues quorum_status nope',
    'rabbitmq-queues peek quorum 1',
    'rabbitmq-queues peek quorum 0',
    'rabbitmq-queues peek nope 1',
    'rabbitmq-plugins is_enabled nope',
    'rabbitmq-plugins is_enabled',
    'rabbitmq-plugins enable nope',
    'rabbitmqctl await_online_nodes x',
    "rabbitmqctl set_policy p '^q' '{\"message-ttl\":1}' --priority high",
    'rabbitmqctl sync_queue quorum',
    'rabbitmqctl -q delete_user ann',
  ]),
];

function lines(compared: Compared, all: readonly string[]): readonly Case[] {
  return all.map((line) => ({ line, compared }));
}

/** Words with spaces stand in single quotes. */
export function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
