import { CommandError, ExitCode } from '../exit-code.ts';
import type { Command } from './command.ts';

const noCluster =
  'there is no cluster yet, this broker is its only node: leave the step out, cluster_status shows the node';
const noErlang =
  'there is no Erlang here to evaluate it: leveretctl help lists what can be asked, the HTTP API has the rest';
const noMirrors = 'there are no mirrored queues, this broker is one node: leave the step out';
const noCookie =
  'there is no Erlang cookie: leveretctl comes in by the local socket, or with a password over --url';
const noApp = 'the broker and its process are one: use stop, or suspend_listeners to keep clients away';
const noPlugins = 'there are no plugins: leveretctl list shows those of RabbitMQ that are built in';
const noMirrorPolicies = 'there is no mirroring, so no policy asks for it: see list_policies';
const noProtocol = 'there is no protocol but AMQP 0-9-1: list_connections shows its connections';
const noStreamProtocol =
  'streams are read and written over AMQP 0-9-1 here: see list_connections, list_channels, list_consumers';
const noShovel =
  'there are no shovels: leveretctl move moves messages within a broker (docs/peek-move-replay.md)';
const noFederation = 'there is no federation: this broker is on its own';
const noMnesia = 'definitions are kept in the store, always: check_running says whether it could be read';
const notEncrypted =
  'values of leveret.conf are not encrypted: give passwords in the environment, or in a file of mode 0600';

/** Commands of RabbitMQ that would have nothing to do here, and what to do instead. */
export const reasons: Readonly<Record<string, string>> = {
  join_cluster: noCluster,
  forget_cluster_node: noCluster,
  change_cluster_node_type: noCluster,
  rename_cluster_node: noCluster,
  update_cluster_nodes: noCluster,
  force_boot: noCluster,
  grow: noCluster,
  grow_to_count: noCluster,
  shrink: noCluster,
  add_member: noCluster,
  delete_member: noCluster,
  add_replica: noCluster,
  delete_replica: noCluster,
  transfer_leadership: noCluster,
  has_reached_target_cluster_size: noCluster,
  force_standalone_khepri_boot: noCluster,
  member_with_highest_index: noCluster,
  leader_health_check: 'each queue has one replica, which leads: check_running says whether it is there',
  coordinator_status: noCluster,
  restart_stream: noCluster,
  force_checkpoint: 'there is no log of Raft to shorten: what is consumed frees its space by itself',
  set_stream_retention_policy:
    'use set_policy with max-age or max-length-bytes, which holds at once (docs/streams.md)',
  add_super_stream:
    'use an exchange of type x-consistent-hash with a stream for each partition (docs/ordered-partitions.md)',
  delete_super_stream: 'use delete_queue for each of its streams, and the HTTP API for the exchange',
  sync_queue: noMirrors,
  cancel_sync_queue: noMirrors,
  remove_classic_queue_mirroring_from_policies: noMirrorPolicies,
  list_policies_with_classic_queue_mirroring: noMirrorPolicies,
  list_operator_policies_with_classic_queue_mirroring: noMirrorPolicies,
  reset: 'stop the broker and move its data directory away: then it starts as new',
  force_reset: 'stop the broker and move its data directory away: then it starts as new',
  start_app: noApp,
  stop_app: noApp,
  eval: noErlang,
  eval_file: noErlang,
  exec: noErlang,
  remote_shell: noErlang,
  observer: 'there is no Erlang here to observe: see leveretctl top and /metrics',
  encode: notEncrypted,
  decode: notEncrypted,
  encrypt_conf_value: notEncrypted,
  decrypt_conf_value: notEncrypted,
  list_ciphers: notEncrypted,
  list_hashes: notEncrypted,
  erlang_cookie_hash: noCookie,
  erlang_cookie_sources: noCookie,
  hipe_compile: 'there is nothing to compile: leave the step out',
  schema_info: 'definitions are not kept in Mnesia: see export_definitions',
  metadata_store_status: noMnesia,
  reconcile_vhosts: 'virtual hosts are there or not, none is half made: see check_virtual_hosts',
  list_policies_that_match: 'list_queues name policy shows which policy holds for each queue',
  enable_vhost_deletion_protection:
    'clear the tag or permission of those who must not delete it (docs/access-control.md)',
  disable_vhost_deletion_protection: 'there is no such protection: delete_vhost deletes it',
  message_size_stats: 'see rabbitmq_message_size_bytes in /metrics',
  activate_free_disk_space_monitoring: 'free space is always watched: see set_disk_free_limit',
  deactivate_free_disk_space_monitoring: 'free space is always watched: see set_disk_free_limit',
  list_channel_interceptors: noPlugins,
  node_health_check: 'use check_running, check_local_alarms and check_virtual_hosts',
  maybe_stuck: 'there is one event loop: see leveret_event_loop_delay in /metrics',
  runtime_thread_stats: 'there is one event loop: see leveret_event_loop_delay in /metrics',
  list_node_auth_attempt_stats: 'see rabbitmq_auth_attempts_total in /metrics',
  reset_node_auth_attempt_metrics: 'counters of /metrics are never reset: Prometheus takes differences',
  enable_auth_attempt_source_tracking: 'failed logins are logged with their address',
  disable_auth_attempt_source_tracking: 'failed logins are logged with their address',
  log_tail: 'read the log where it is kept: journalctl -u leveret, or the files of leveretctl log_location',
  log_tail_stream: 'follow the log where it is kept: journalctl -fu leveret, or tail -F its file',
  consume_event_stream: 'bind a queue to the exchange amq.rabbitmq.event: see docs/broker-events.md',
  list_network_interfaces: 'ask the operating system: ip address',
  resolver_info: 'ask the operating system: /etc/resolv.conf and /etc/nsswitch.conf',
  disable: noPlugins,
  set: noPlugins,
  directories: noPlugins,
  shovel_status: noShovel,
  restart_shovel: noShovel,
  delete_shovel: noShovel,
  federation_status: noFederation,
  restart_federation_link: noFederation,
  list_amqp10_connections: noProtocol,
  list_mqtt_connections: noProtocol,
  list_stomp_connections: noProtocol,
  list_web_mqtt_connections: noProtocol,
  decommission_mqtt_node: noProtocol,
  list_stream_connections: noStreamProtocol,
  list_stream_consumers: noStreamProtocol,
  list_stream_consumer_groups: noStreamProtocol,
  list_stream_publishers: noStreamProtocol,
  list_stream_tracking: noStreamProtocol,
  list_stream_group_consumers: noStreamProtocol,
  activate_stream_consumer: noStreamProtocol,
  reset_offset: noStreamProtocol,
  add_uaa_key: 'keys of tokens are settings: auth_oauth2.signing_keys (docs/authentication.md)',
  consistent_hash_exchange_ring_state: 'list_bindings shows the queues and their weights',
  reset_stats_db: 'there is no database of statistics: figures are counted by what they are about',
  autocomplete: 'leveretctl help lists all commands',
};

/** Each ends with one line and 69, RabbitMQ's code for what a node cannot do. */
export const unsupportedCommands: readonly Command[] = Object.entries(reasons).map(([name, reason]) => ({
  synopsis: `${name} [word] ...`,
  doc: `Not here: ${reason}`,
  ignoresFlags: true,
  run: async () => {
    throw new CommandError(`${name} has no place here: ${reason}`, ExitCode.Unavailable);
  },
}));
