import { type Command, nameOf, type Topic } from './command.ts';

/** A topic whose code is read when one of its commands is asked for, so that each of them starts quickly. */
interface Chapter {
  readonly title: string;
  /** Of its commands, in their order. */
  readonly names: string;
  load(): Promise<readonly Command[]>;
}

const chapters: readonly Chapter[] = [
  {
    title: 'The broker',
    names:
      'status cluster_status environment report ping await_startup await_online_nodes wait stop shutdown',
    load: async () => [
      ...(await import('./node.ts')).nodeCommands,
      (await import('./report.ts')).reportCommand(findCommand),
      ...(await import('./lifecycle.ts')).lifecycleCommands,
    ],
  },
  {
    title: 'Checks',
    names:
      'check_running check_alarms check_local_alarms check_port_listener check_protocol_listener check_virtual_hosts check_store check_certificate_expiration check_if_node_is_quorum_critical check_if_node_is_mirror_sync_critical check_for_quorum_queues_without_an_elected_leader check_if_new_quorum_queue_replicas_have_finished_initial_sync check_if_metadata_store_is_initialized check_if_metadata_store_is_initialized_with_data check_if_any_deprecated_features_are_used check_if_cluster_has_classic_queue_mirroring_policy check_port_connectivity is_running is_booting',
    load: async () => (await import('./checks.ts')).checkCommands,
  },
  {
    title: 'Lists',
    names: 'list_queues list_exchanges list_bindings list_connections list_channels list_consumers',
    load: async () => (await import('./lists.ts')).listCommands,
  },
  {
    title: 'Queues and connections',
    names: 'delete_queue purge_queue close_connection close_all_connections close_all_user_connections',
    load: async () => (await import('./operations.ts')).operationCommands,
  },
  {
    title: 'Live tools',
    names: 'peek tail move replay list_delayed_messages cancel_delayed_message top bench completion',
    load: async () => (await import('./live/commands.ts')).liveCommands,
  },
  {
    title: 'Users',
    names:
      'add_user delete_user list_users change_password clear_password authenticate_user set_user_tags set_user_limits clear_user_limits list_user_limits',
    load: async () => (await import('./users.ts')).userCommands,
  },
  {
    title: 'Permissions',
    names:
      'set_permissions clear_permissions list_permissions list_user_permissions set_topic_permissions clear_topic_permissions list_topic_permissions list_user_topic_permissions',
    load: async () => (await import('./permissions.ts')).permissionCommands,
  },
  {
    title: 'Virtual hosts',
    names:
      'add_vhost delete_vhost list_vhosts set_vhost_tags update_vhost_metadata restart_vhost trace_on trace_off set_vhost_limits clear_vhost_limits list_vhost_limits',
    load: async () => (await import('./vhosts.ts')).vhostCommands,
  },
  {
    title: 'Policies',
    names:
      'set_policy clear_policy list_policies set_operator_policy clear_operator_policy list_operator_policies',
    load: async () => (await import('./policies.ts')).policyCommands,
  },
  {
    title: 'Parameters',
    names:
      'set_parameter clear_parameter list_parameters set_global_parameter clear_global_parameter list_global_parameters set_cluster_name',
    load: async () => (await import('./parameters.ts')).parameterCommands,
  },
  {
    title: 'Definitions and backup',
    names: 'export_definitions import_definitions backup',
    load: async () => [
      ...(await import('./definitions.ts')).definitionCommands,
      ...(await import('./backup.ts')).backupCommands,
    ],
  },
  {
    title: 'Settings of a running broker',
    names:
      'set_vm_memory_high_watermark set_disk_free_limit set_log_level rotate_logs suspend_listeners resume_listeners',
    load: async () => (await import('./settings.ts')).settingCommands,
  },
  {
    title: 'Diagnostics',
    names:
      'listeners alarms memory_breakdown server_version erlang_version os_env command_line_arguments tls_versions cipher_suites certificates log_location resolve_hostname discover_peers list_feature_flags enable_feature_flag list_deprecated_features list_unresponsive_queues version hash_password',
    load: async () => (await import('./diagnostics.ts')).diagnosticCommands,
  },
  {
    title: 'Maintenance and upgrade',
    names:
      'drain revive await_online_quorum_plus_one await_online_synchronized_mirror post_upgrade list is_enabled enable',
    load: async () => [
      ...(await import('./maintenance.ts')).maintenanceCommands,
      ...(await import('./plugins.ts')).pluginCommands,
    ],
  },
  {
    title: 'Replicated queues',
    names: 'quorum_status stream_status rebalance reclaim_quorum_memory force_gc',
    load: async () => (await import('./replication.ts')).replicationCommands,
  },
];

/** What may be asked for. */
export const commandNames: readonly string[] = chapters.flatMap(({ names }) => names.split(' '));

/** All commands, as `leveretctl help` lists them. */
export function allTopics(): Promise<readonly Topic[]> {
  return Promise.all(
    chapters.map(async ({ title, names, load }) => {
      const commands = await load();
      // A command that is not among the names would never be found.
      const found = commands.map(nameOf).join(' ');
      if (found !== names) throw new Error(`${title}: ${found} is not ${names}`);
      return { title, commands };
    }),
  );
}

/** Commands of RabbitMQ that make no sense here are found, too: they say why. */
export async function findCommand(name: string): Promise<Command | undefined> {
  const chapter = chapters.find(({ names }) => names.split(' ').includes(name));
  const commands = chapter?.load() ?? (await import('./unsupported.ts')).unsupportedCommands;
  return (await commands).find((command) => nameOf(command) === name);
}
